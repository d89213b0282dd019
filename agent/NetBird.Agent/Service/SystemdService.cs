using System.ComponentModel;
using System.Diagnostics;

namespace NetBird.Agent.Service;

/// <summary>How a service action ended.</summary>
internal sealed record ServiceOutcome(int ExitCode, string Message);

/// <summary>The systemd unit, the same one that the packages install.</summary>
internal static class SystemdService
{
    private const string Unit = "netbird-agent.service";

    /// <summary>Where an administrator's units live; NETBIRD_AGENT_UNIT_DIR names another for image builds.</summary>
    private static string UnitFile => Path.Combine(
        Environment.GetEnvironmentVariable("NETBIRD_AGENT_UNIT_DIR") is { Length: > 0 } folder ? folder : "/etc/systemd/system", Unit);

    /// <param name="owner">The uid of whom it serves; null leaves it to the first <c>up</c>.</param>
    public static async Task<ServiceOutcome> InstallAsync(uint? owner, CancellationToken cancellationToken)
    {
        if (Refusal() is { } refusal)
        {
            return refusal;
        }

        using var resource = new StreamReader(typeof(SystemdService).Assembly.GetManifestResourceStream(Unit)!);
        var unit = await resource.ReadToEndAsync(cancellationToken).ConfigureAwait(false);
        await File.WriteAllTextAsync(
            UnitFile,
            unit.Replace("/usr/bin/netbird-agent", Environment.ProcessPath, StringComparison.Ordinal)
                .Replace("--state-dir /var/lib/netbird-agent", "--state-dir /var/lib/netbird-agent" + (owner is { } uid ? $" --owner {uid}" : ""), StringComparison.Ordinal),
            cancellationToken).ConfigureAwait(false);
        var reload = await SystemctlAsync(["daemon-reload"], cancellationToken).ConfigureAwait(false);
        return reload.ExitCode != ExitCode.Done ? reload
            : await SystemctlAsync(["enable", "--now", Unit], cancellationToken).ConfigureAwait(false) is { ExitCode: not ExitCode.Done } failed ? failed
            : new(ExitCode.Done, $"Installed {UnitFile} and started{(owner is { } served ? $", for uid {served}" : "")}. Next: netbird-agent up --management-url URL");
    }

    public static async Task<ServiceOutcome> UninstallAsync(CancellationToken cancellationToken)
    {
        if (Refusal() is { } refusal)
        {
            return refusal;
        }

        var stopped = await SystemctlAsync(["disable", "--now", Unit], cancellationToken).ConfigureAwait(false);
        File.Delete(UnitFile);
        await SystemctlAsync(["daemon-reload"], cancellationToken).ConfigureAwait(false);
        return stopped.ExitCode == ExitCode.Done ? new(ExitCode.Done, "Uninstalled. The state is kept in /var/lib/netbird-agent.") : stopped;
    }

    public static Task<ServiceOutcome> ControlAsync(string verb, CancellationToken cancellationToken)
        => verb != "status" && Refusal() is { } refusal ? Task.FromResult(refusal) : SystemctlAsync([verb, Unit], cancellationToken);

    private static ServiceOutcome? Refusal()
        => !OperatingSystem.IsLinux() ? new(ExitCode.Failed, "On this system the installer makes the service; see the README.")
            : !Environment.IsPrivilegedProcess ? new(ExitCode.NotPermitted, "Only root may change services. Run it with sudo.")
            : null;

    private static async Task<ServiceOutcome> SystemctlAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        try
        {
            using var systemctl = Process.Start(new ProcessStartInfo("systemctl", [.. arguments, .. arguments[0] == "status" ? ["--no-pager"] : Array.Empty<string>()])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            var output = systemctl.StandardOutput.ReadToEndAsync(cancellationToken);
            var error = systemctl.StandardError.ReadToEndAsync(cancellationToken);
            await systemctl.WaitForExitAsync(cancellationToken).ConfigureAwait(false);
            var text = (await output.ConfigureAwait(false) + await error.ConfigureAwait(false)).Trim();

            // systemctl(1): 3 is "not running", ours as well.
            return systemctl.ExitCode switch
            {
                0 => new(ExitCode.Done, text.Length == 0 ? $"{arguments[0]}: done" : text),
                3 => new(ExitCode.NotRunning, text),
                _ => new(ExitCode.Failed, text),
            };
        }
        catch (Win32Exception)
        {
            return new(ExitCode.Failed, "This machine has no systemd. Start the daemon from your own service manager: netbird-agent service run");
        }
    }
}
