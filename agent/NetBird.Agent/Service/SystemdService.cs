using System.ComponentModel;
using System.Diagnostics;
using NetBird.Agent.Endpoint;
using NetBird.Agent.Store;

namespace NetBird.Agent.Service;

/// <summary>How a service action ended.</summary>
internal sealed record ServiceOutcome(int ExitCode, string Message);

/// <summary>The systemd unit, the same one that the packages install.</summary>
internal static class SystemdService
{
    private const string Unit = "netbird-agent.service";

    /// <summary>Ours: a start takes one second, thirty on a machine that does much else.</summary>
    private const int PatienceSeconds = 60;

    /// <summary>There while systemd is the machine's first process (sd_booted(3)); its commands may be installed where it is not.</summary>
    private const string Booted = "/run/systemd/system";

    private const string NoSystemd = "This machine does not run systemd. Start the daemon from your own service manager: netbird-agent service run";

    private static readonly string[] s_hidden = ["/home", "/root", "/run/user"];

    /// <summary>Where a package puts its unit.</summary>
    private const string PackagedUnit = "/usr/lib/systemd/system/" + Unit;

    /// <summary>Where an administrator's units live; NETBIRD_AGENT_UNIT_DIR names another for image builds.</summary>
    private static string UnitFile => Path.Combine(
        Environment.GetEnvironmentVariable("NETBIRD_AGENT_UNIT_DIR") is { Length: > 0 } folder ? folder : "/etc/systemd/system", Unit);

    /// <summary>What is added to a package's unit, which stays the package's own: an upgrade may bring a better one.</summary>
    private static string AdditionFile => Path.Combine(UnitFile + ".d", "owner.conf");

    /// <param name="owner">Whom it serves; null leaves it to the first <c>up</c>.</param>
    public static async Task<ServiceOutcome> InstallAsync(AccountId? owner, CancellationToken cancellationToken)
    {
        if (Refusal() is { } refusal)
        {
            return refusal;
        }

        var written = UnitFile;
        if (!File.Exists(PackagedUnit))
        {
            // systemd.exec(5), ProtectHome=: the unit sees none of these, and would only fail to start.
            if (s_hidden.FirstOrDefault(folder => Environment.ProcessPath?.StartsWith(folder + '/', StringComparison.Ordinal) is true) is { } hidden)
            {
                return new(ExitCode.Failed, $"This program is in {Path.GetDirectoryName(Environment.ProcessPath)}, and a service sees nothing of {hidden}. Put the folder elsewhere, such as into /opt, and run it from there. Nothing was changed.");
            }

            await File.WriteAllTextAsync(UnitFile, ForOwner(await OwnUnitAsync(cancellationToken).ConfigureAwait(false), owner), cancellationToken).ConfigureAwait(false);
        }
        else
        {
            written = PackagedUnit;
            RemoveAddition();
            if (owner is not null)
            {
                var start = (await File.ReadAllLinesAsync(PackagedUnit, cancellationToken).ConfigureAwait(false)).First(line => line.StartsWith("ExecStart=", StringComparison.Ordinal));
                Directory.CreateDirectory(Path.GetDirectoryName(AdditionFile)!);

                // systemd.service(5): an empty ExecStart= takes back what the unit says.
                await File.WriteAllTextAsync(AdditionFile, $"[Service]\nExecStart=\n{ForOwner(start, owner)}\n", cancellationToken).ConfigureAwait(false);
                written = AdditionFile;
            }
        }

        // Restarted, not just started: a package has it running already, and what that one left beside its sockets is not this one's word.
        StateDirectory.ForgetService();
        foreach (var step in new[] { new[] { "daemon-reload" }, ["enable", Unit], ["restart", Unit] })
        {
            if (await SystemctlAsync(step, cancellationToken).ConfigureAwait(false) is { ExitCode: not ExitCode.Done } failed)
            {
                return failed;
            }
        }

        if (!await AnswersAsync(cancellationToken).ConfigureAwait(false))
        {
            return new(ExitCode.Failed, $"Installed {written} and started, and it does not answer after {PatienceSeconds} s. Why: journalctl -u netbird-agent");
        }

        return new(ExitCode.Done, $"Installed {written} and started. " + Next(StateDirectory.ServiceOwner ?? owner ?? AccountId.OfUid(0)));
    }

    public static async Task<ServiceOutcome> UninstallAsync(CancellationToken cancellationToken)
    {
        if (Refusal() is { } refusal)
        {
            return refusal;
        }

        var stopped = await SystemctlAsync(["disable", "--now", Unit], cancellationToken).ConfigureAwait(false);
        File.Delete(UnitFile);
        RemoveAddition();
        await SystemctlAsync(["daemon-reload"], cancellationToken).ConfigureAwait(false);
        return stopped.ExitCode == ExitCode.Done ? new(ExitCode.Done, "Uninstalled. The state is kept in /var/lib/netbird-agent.") : stopped;
    }

    public static Task<ServiceOutcome> ControlAsync(string verb, CancellationToken cancellationToken)
        => (verb == "status" ? Absence() : Refusal()) is { } refusal ? Task.FromResult(refusal) : SystemctlAsync([verb, Unit], cancellationToken);

    private static string Next(AccountId served) => served.IsSystem
        ? "It serves root alone, for a machine without a person. For a person: sudo netbird-agent service install --owner NAME"
        : $"It serves {served} and nobody else. Next, from that account: netbird-agent up --management-url URL";

    /// <summary>Until then a person's <c>up</c> would find no service and start a daemon of its own.</summary>
    private static async Task<bool> AnswersAsync(CancellationToken cancellationToken)
    {
        for (var i = 0; i < PatienceSeconds * 10; i++)
        {
            if (StateDirectory.ServiceAnswers)
            {
                return true;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, cancellationToken).ConfigureAwait(false);
        }

        return false;
    }

    private static void RemoveAddition()
    {
        var folder = Path.GetDirectoryName(AdditionFile)!; // two levels deep
        if (Directory.Exists(folder))
        {
            File.Delete(AdditionFile);
            if (!Directory.EnumerateFileSystemEntries(folder).Any())
            {
                Directory.Delete(folder);
            }
        }
    }

    private static async Task<string> OwnUnitAsync(CancellationToken cancellationToken)
    {
        using var resource = new StreamReader(typeof(SystemdService).Assembly.GetManifestResourceStream(Unit)!);
        return (await resource.ReadToEndAsync(cancellationToken).ConfigureAwait(false)).Replace("/usr/bin/netbird-agent", Environment.ProcessPath, StringComparison.Ordinal);
    }

    private static string ForOwner(string unit, AccountId? owner) => owner is { } account
        ? unit.Replace("service run --state-dir /var/lib/netbird-agent", $"service run --state-dir /var/lib/netbird-agent --owner {account.Text}", StringComparison.Ordinal)
        : unit;

    /// <summary>Why services are not to be changed here; null where they are.</summary>
    private static ServiceOutcome? Refusal()
        => Absence() ?? (Environment.IsPrivilegedProcess ? null : new(ExitCode.NotPermitted, "Only root may change services. Run it with sudo."));

    /// <summary>Why there are none that we know of; null where there are.</summary>
    private static ServiceOutcome? Absence()
        => !OperatingSystem.IsLinux() ? new(ExitCode.Failed, OperatingSystem.IsWindows()
            ? $"On Windows the MSI makes the service. Whom it serves: {TakenPort.ToBeServed}"
            : "On macOS the package makes the service, and launchd runs it: sudo launchctl print system/net.netbird.agent")
            : !Directory.Exists(Booted) ? new(ExitCode.Failed, NoSystemd)
            : null;

    private static async Task<ServiceOutcome> SystemctlAsync(string[] arguments, CancellationToken cancellationToken)
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
            return new(ExitCode.Failed, NoSystemd);
        }
    }
}
