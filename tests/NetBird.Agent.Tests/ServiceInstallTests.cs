using System.Diagnostics;
using NetBird.Agent.Tests.TestSupport;

namespace NetBird.Agent.Tests;

/// <summary>
/// <c>service install</c> to its end. The service manager is a stand-in that starts what the unit says and stops it; systemd itself
/// is in AptTests and BootedMachineTests (tests/run.sh --long).
/// </summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class ServiceInstallTests
{
    private const string Owner = "4715";

    private const string Systemctl = """
        #!/bin/sh
        echo "$*" >>/run/asked
        case "$1" in
          restart|start) $(sed -n 's/^ExecStart=//p' "$NETBIRD_AGENT_UNIT_DIR/netbird-agent.service") >/run/log 2>&1 & echo $! >/run/id ;;
          stop|disable) kill "$(cat /run/id)" ;;
          status) kill -0 "$(cat /run/id)" 2>/dev/null && echo active || exit 3 ;;
        esac
        """;

    /// <summary>In mounts of its own: the machine's state and sockets are this script's alone. What each command says is told apart by a line.</summary>
    private const string Script = """
        mount -t tmpfs none /run && mount -t tmpfs none /var/lib && mkdir -p /run/units /run/bin
        agent="$1"; home="$2"; export NETBIRD_AGENT_UNIT_DIR=/run/units PATH="/run/bin:$PATH"
        cat >/run/bin/systemctl; chmod 755 /run/bin/systemctl
        said() { echo "-- $1"; shift; "$@" 2>&1; echo "exit $?"; }
        person() { setpriv --reuid "$owner" --regid "$owner" --clear-groups env HOME="$home" "$@"; }
        owner=$3
        said unbooted "$agent" service start
        mkdir -p /run/systemd/system
        said unprivileged person "$agent" service install
        said install "$agent" service install --owner "$owner"
        said asked cat /run/asked
        said state person "$agent" status
        said up sh -c 'echo "$0" | setpriv --reuid "$1" --regid "$1" --clear-groups env HOME="$2" "$3" up --setup-key - --management-url "$4" --endpoint "$5" --tunnel rootless' "$4" "$owner" "$home" "$agent" "$5" "$6"
        said answer person curl -s --noproxy '*' "http://$6/v1/models"
        said status "$agent" service status
        said uninstall "$agent" service uninstall
        while kill -0 "$(cat /run/id)" 2>/dev/null; do sleep 0.1; done
        said gone "$agent" service status
        said left ls /run/units /var/lib/netbird-agent
        """;

    [SkippableFact]
    public async Task Install_StartsItForItsPerson_AndUninstallKeepsTheState()
    {
        Person.Require(Owner);
        Skip.If(AgentProcess.Executable.Split('/')[1] is "home" or "root", "a service sees no homes");
        Skip.If(File.Exists("/usr/lib/systemd/system/netbird-agent.service"), "here a package has the unit");
        await using var world = await AgentWorld.StartAsync();
        using var person = new Person(Owner);
        var start = new ProcessStartInfo("unshare",
        [
            "--mount", "--propagation", "private", "sh", "-c", Script, "sh", AgentProcess.Executable, person.Home, Owner, world.Plane.SetupKey, world.Plane.Url,
            $"127.0.0.1:{world.Agent.EndpointPort}",
        ])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        start.Environment["NO_COLOR"] = "1";
        var shell = Process.Start(start)!;
        await shell.StandardInput.WriteAsync(Systemctl);
        shell.StandardInput.Close();

        var ran = await AgentProcess.EndAsync(shell, TimeSpan.FromSeconds(120));

        var said = ran.Output.Split("-- ", StringSplitOptions.RemoveEmptyEntries).ToDictionary(part => part.Split('\n')[0], part => part[(part.IndexOf('\n', StringComparison.Ordinal) + 1)..]);
        Assert.Equal("This machine does not run systemd. Start the daemon from your own service manager: netbird-agent service run\nexit 1\n", said["unbooted"]);
        Assert.Equal("Only root may change services. Run it with sudo.\nexit 5\n", said["unprivileged"]);
        Assert.Equal($"Installed /run/units/netbird-agent.service and started. It serves uid {Owner} and nobody else. Next, from that account: netbird-agent up --management-url URL\nexit 0\n", said["install"]);
        Assert.Equal("daemon-reload\nenable netbird-agent.service\nrestart netbird-agent.service\nexit 0\n", said["asked"]);
        Assert.Contains("Nobody is logged in on this machine.", said["state"], StringComparison.Ordinal);
        Assert.EndsWith("exit 4\n", said["state"], StringComparison.Ordinal);
        Assert.EndsWith("exit 0\n", said["up"], StringComparison.Ordinal);
        Assert.Equal("helloexit 0\n", said["answer"]);
        Assert.Equal("active\nexit 0\n", said["status"]);
        Assert.Equal("Uninstalled. The state is kept in /var/lib/netbird-agent.\nexit 0\n", said["uninstall"]);
        Assert.EndsWith("exit 3\n", said["gone"], StringComparison.Ordinal);
        Assert.Contains("agent.db", said["left"], StringComparison.Ordinal);
        Assert.DoesNotContain("netbird-agent.service", said["left"], StringComparison.Ordinal);
    }
}
