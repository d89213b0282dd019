using System.Diagnostics;
using System.Globalization;
using NetBird.Agent.Tests.TestSupport;

namespace NetBird.Agent.Tests;

/// <summary>A service that runs as root serves the person it was set up for, and nobody else; who asks is told by the kernel.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class OwnerTests
{
    private const string Owner = "4711";
    private const string Other = "4712";

    [SkippableFact]
    public async Task ServiceOfRoot_ServesItsOwner_AndRefusesAnotherUid()
    {
        await using var world = await AgentWorld.StartAsync();
        var sockets = await OpenAsync(world);
        var run = world.Agent.Start("service", "run", "--owner", Owner);
        await UntilSocketAsync(sockets);

        // The owner alone brings it up, from the owner's own account.
        var up = await AsAsync(Owner, world.Plane.SetupKey + "\n", AgentProcess.Executable, "up", "--socket-dir", sockets, "--setup-key", "-",
            "--management-url", world.Plane.Url, "--endpoint", $"127.0.0.1:{world.Agent.EndpointPort}");
        var status = await AsAsync(Owner, "", AgentProcess.Executable, "status", "--socket-dir", sockets);
        var served = await AsAsync(Owner, "", "curl", "-s", "--noproxy", "*", world.Agent.EndpointUrl + "/v1/models");
        var servedBySocket = await AsAsync(Owner, "", "curl", "-s", "--unix-socket", Path.Combine(sockets, "endpoint.sock"), "http://localhost/v1/models");
        var foreign = await AsAsync(Other, "", "curl", "-s", "--noproxy", "*", world.Agent.EndpointUrl + "/v1/models");
        var foreignBySocket = await AsAsync(Other, "", "curl", "-s", "-m", "3", "--unix-socket", Path.Combine(sockets, "endpoint.sock"), "http://localhost/v1/models");
        var foreignStatus = await AsAsync(Other, "", AgentProcess.Executable, "status", "--socket-dir", sockets);
        var foreignDown = await AsAsync(Other, "", AgentProcess.Executable, "down", "--socket-dir", sockets);
        var foreignKey = await AsAsync(Other, "", "cat", Path.Combine(world.Agent.StateDir, "private.key"));
        var root = await world.Agent.RunAsync("status");

        Assert.True(up.ExitCode == 0, up + world.Agent.ReadLog());
        Assert.True(status.ExitCode == 0, status.ToString());
        Assert.Equal("hello", served.Output);
        Assert.Equal("hello", servedBySocket.Output);
        Assert.Contains("another account", foreign.Output, StringComparison.Ordinal);
        Assert.NotEqual("hello", foreignBySocket.Output);
        Assert.True(foreignStatus.ExitCode == 5, foreignStatus.ToString());
        Assert.Contains("does not serve this account", foreignStatus.Error, StringComparison.Ordinal);
        Assert.Equal(Owner, await File.ReadAllTextAsync(Path.Combine(sockets, "owner")));
        Assert.DoesNotContain("Ada", foreignStatus.Output, StringComparison.Ordinal);
        Assert.NotEqual(0, foreignDown.ExitCode);
        Assert.NotEqual(0, foreignKey.ExitCode);
        Assert.Equal(0, root.ExitCode);
        Assert.Equal("hello", (await AsAsync(Owner, "", "curl", "-s", "--noproxy", "*", world.Agent.EndpointUrl + "/v1/models")).Output);
        await HostileTests.EndAsync(run);
    }

    [SkippableFact]
    public async Task OwnerSetByUp_OnlyFromRoot()
    {
        await using var world = await AgentWorld.StartAsync();
        var sockets = await OpenAsync(world);
        var run = world.Agent.Start("service", "run");
        await UntilSocketAsync(sockets);

        var before = await AsAsync(Owner, "", AgentProcess.Executable, "status", "--socket-dir", sockets);
        var byRoot = await world.Agent.RunWithAsync(world.Plane.SetupKey + "\n", "up", "--owner", Owner, "--setup-key", "-", "--management-url", world.Plane.Url);
        var stolen = await AsAsync(Owner, "", AgentProcess.Executable, "up", "--socket-dir", sockets, "--owner", Other);
        var after = await AsAsync(Owner, "", AgentProcess.Executable, "status", "--socket-dir", sockets);

        Assert.NotEqual(0, before.ExitCode);
        Assert.True(byRoot.ExitCode == 0, byRoot.ToString());
        Assert.Equal(5, stolen.ExitCode);
        Assert.Contains("Only root", stolen.Error, StringComparison.Ordinal);
        Assert.True(after.ExitCode == 0, after.ToString());
        await HostileTests.EndAsync(run);
    }

    /// <summary>A package's service that nobody set up for a person: it has the port, and serves root.</summary>
    [SkippableFact]
    public async Task ServiceOfRootAlone_APersonsCommandsSayWhoseItIsAndWhatToDo()
    {
        await using var world = await AgentWorld.StartAsync();
        await OpenAsync(world);

        // The machine's own folders are of this script's mounts alone. What each command of the person says is told apart by a line.
        var script = $$"""
            mount -t tmpfs none /run && mount -t tmpfs none /var/lib
            agent="$1"; home="$2"
            "$agent" service run --owner 0 & service=$!
            for i in $(seq 300); do test -s /run/netbird-agent/owner && break; sleep 0.1; done
            echo "$3" | "$agent" up --setup-key - --management-url "$4" --endpoint "$5" --tunnel rootless
            person() { echo "-- $1"; setpriv --reuid {{Owner}} --regid {{Owner}} --clear-groups env HOME="$home" USER=ada LOGNAME=ada "$agent" "$@" 2>&1; echo "exit $?"; }
            person status
            person up --management-url "$4" --endpoint "$5"
            person doctor
            kill "$service"; wait "$service"
            """;
        using var person = new Person(Owner);
        var start = new ProcessStartInfo("unshare",
            ["--mount", "--propagation", "private", "sh", "-c", script, "sh", AgentProcess.Executable, person.Home, world.Plane.SetupKey, world.Plane.Url, $"127.0.0.1:{world.Agent.EndpointPort}"])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        };
        start.Environment["NO_COLOR"] = "1";

        var ran = await AgentProcess.EndAsync(Process.Start(start)!, TimeSpan.FromSeconds(120));

        var said = ran.Output.Split("-- ").ToDictionary(part => part.Split('\n')[0]);
        Assert.EndsWith("exit 3\n", said["status"], StringComparison.Ordinal);
        Assert.Contains("this machine's service serves root. To have it serve you: sudo netbird-agent service install --owner ", said["status"], StringComparison.Ordinal);
        Assert.EndsWith("exit 1\n", said["up"], StringComparison.Ordinal);
        Assert.Contains($"service listens on 127.0.0.1:{world.Agent.EndpointPort}, and it serves root, not uid {Owner}", said["up"], StringComparison.Ordinal);
        Assert.Contains("sudo netbird-agent service install --owner ", said["up"], StringComparison.Ordinal);
        Assert.Contains("netbird-agent up --endpoint 127.0.0.1:", said["up"], StringComparison.Ordinal);

        // What 'up' started for nothing is gone: it would stand in the way once the service serves the person.
        Assert.Contains("FAIL  daemon", said["doctor"], StringComparison.Ordinal);
    }

    /// <summary>A folder for the sockets that others can enter, beside the state that they cannot.</summary>
    private static Task<string> OpenAsync(AgentWorld world)
    {
        Person.Require(Owner);
        File.SetUnixFileMode(world.Agent.Root, (UnixFileMode)0b111_101_101);
        var sockets = Path.Combine(world.Agent.Root, "run");
        world.Agent.Environment["NETBIRD_AGENT_SOCKET_DIR"] = sockets;
        return Task.FromResult(sockets);
    }

    private static async Task UntilSocketAsync(string sockets)
    {
        for (var i = 0; i < 400 && !File.Exists(Path.Combine(sockets, "quick.sock")); i++)
        {
            await Task.Delay(50);
        }

        await Task.Delay(200);
    }

    private static async Task<Outcome> AsAsync(string uid, string input, string program, params string[] arguments)
    {
        using var person = new Person(uid);
        return await person.RunAsync(input, program, arguments);
    }
}
