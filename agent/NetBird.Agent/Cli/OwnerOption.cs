using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using NetBird.Agent.Store;

namespace NetBird.Agent.Cli;

/// <summary>Whom a service of the system is set up for.</summary>
internal static class OwnerOption
{
    public static Option<string?> Build() => CommonOptions.Text(
        "--owner", "The person whom this machine's service serves, by name or uid; only root sets it. Default: whoever calls sudo.", "USER");

    /// <summary>The uid meant; null when nobody is named.</summary>
    /// <exception cref="DaemonException">There is no such account.</exception>
    public static uint? Read(string? named)
    {
        if (string.IsNullOrEmpty(named))
        {
            // sudo(8): the uid of whoever called it.
            return ProcessOwner.Uid == 0 && OperatingSystem.IsLinux()
                && uint.TryParse(Environment.GetEnvironmentVariable("SUDO_UID"), NumberStyles.None, CultureInfo.InvariantCulture, out var caller) && caller != 0
                ? caller
                : null;
        }

        if (uint.TryParse(named, NumberStyles.None, CultureInfo.InvariantCulture, out var uid))
        {
            return uid;
        }

        // id(1) also knows the accounts of a directory, which no file lists.
        try
        {
            using var id = Process.Start(new ProcessStartInfo("id", ["-u", "--", named]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            var text = id.StandardOutput.ReadToEnd();
            id.WaitForExit();
            return uint.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out uid)
                ? uid
                : throw new DaemonException($"There is no account '{named}' on this machine.", ExitCode.WrongUsage);
        }
        catch (Win32Exception)
        {
            throw new DaemonException($"'{named}' is no uid, and names cannot be looked up here.", ExitCode.WrongUsage);
        }
    }
}
