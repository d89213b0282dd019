using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.Versioning;
using System.Security.Principal;
using NetBird.Agent.Store;

namespace NetBird.Agent.Cli;

/// <summary>Whom a service of the system is set up for.</summary>
internal static class OwnerOption
{
    public static Option<string?> Build() => CommonOptions.Text(
        "--owner", "The person whom this machine's service serves, by name, uid or SID; only an administrator sets it. Default: whoever calls sudo.", "USER");

    /// <summary>The account meant; null when nobody is named.</summary>
    /// <exception cref="DaemonException">There is no such account.</exception>
    public static AccountId? Read(string? named)
    {
        if (string.IsNullOrEmpty(named))
        {
            // sudo(8): the uid of whoever called it.
            return ProcessOwner.Uid == 0 && !OperatingSystem.IsWindows()
                && uint.TryParse(Environment.GetEnvironmentVariable("SUDO_UID"), NumberStyles.None, CultureInfo.InvariantCulture, out var caller) && caller != 0
                ? AccountId.OfUid(caller)
                : null;
        }

        return AccountId.TryParse(named)
            ?? (OperatingSystem.IsWindows() ? ByName(named) : ById(named))
            ?? throw new DaemonException($"There is no account '{named}' on this machine.", ExitCode.WrongUsage);
    }

    /// <summary>By id(1), which also knows the accounts of a directory, which no file lists.</summary>
    private static AccountId? ById(string named)
    {
        try
        {
            using var id = Process.Start(new ProcessStartInfo("id", ["-u", "--", named]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            var text = id.StandardOutput.ReadToEnd();
            id.WaitForExit();
            return AccountId.TryParse(text.Trim());
        }
        catch (Win32Exception)
        {
            throw new DaemonException($"'{named}' is no uid, and names cannot be looked up here.", ExitCode.WrongUsage);
        }
    }

    [SupportedOSPlatform("windows")]
    private static AccountId? ByName(string named)
    {
        try
        {
            return new AccountId(new NTAccount(named).Translate(typeof(SecurityIdentifier)).Value);
        }
        catch (IdentityNotMappedException)
        {
            return null;
        }
    }
}
