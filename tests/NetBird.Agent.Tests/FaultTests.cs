using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using NetBird.Agent.Tests.TestSupport;

namespace NetBird.Agent.Tests;

/// <summary>Faults, each ending in recovery by itself or in a state that says what to do.</summary>
public sealed class FaultTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(20);

    [SkippableFact]
    public async Task DaemonKilled_UpAgain_ConnectsWithoutALogin()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        Kill("-KILL", world.Agent.DaemonId);

        var exec = await world.Agent.RunAsync("exec", "--", "true");
        var watch = Stopwatch.StartNew();
        var up = await world.Agent.RunAsync("up");
        FaultTable.Report("kill -9 of the daemon, then up", watch.Elapsed);

        Assert.Equal(3, exec.ExitCode);
        Assert.True(up.ExitCode == 0, up.ToString());
        Assert.Single(world.Plane.Peers);
    }

    [SkippableFact]
    public async Task ControlPlaneRestarted_TunnelKeepsCarrying_AndSyncReturns()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        using var client = world.Client();

        await world.Plane.StopAsync();
        await world.Agent.UntilStateAsync("degraded", Soon);
        var during = await client.GetStringAsync("/v1/models");
        await world.Plane.RestartAsync();
        FaultTable.Report("control plane restarted", await world.Agent.UntilStateAsync("connected", Soon));

        Assert.Equal("hello", during);
    }

    [SkippableFact]
    public async Task GatewayRestarted_RequestsPassAgainWithinSeconds()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        using var client = world.Client();
        await client.GetStringAsync("/v1/models");

        await world.Gateway.StopAsync();
        var watch = Stopwatch.StartNew();
        using var refused = await client.GetAsync("/v1/models");
        var words = watch.Elapsed;
        await world.Gateway.RestartAsync();
        watch.Restart();
        await UntilPasses(client);
        FaultTable.Report("gateway restarted", watch.Elapsed);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.Equal("false", refused.Headers.GetValues("x-should-retry").Single());
        Assert.True(words < TimeSpan.FromSeconds(5), $"words after {words}");
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(8), $"passes after {watch.Elapsed}");
    }

    [SkippableFact]
    public async Task GatewayDies_OtherGatewayTakesOver()
    {
        await using var world = await AgentWorld.StartAsync(gateways: 2);
        world.Gateways[1].Answer = context => context.Response.WriteAsync("from the second");
        await world.UpAsync();
        using var client = world.Client();
        var before = await client.GetStringAsync("/v1/models");

        await world.Gateways[0].StopAsync();
        var watch = Stopwatch.StartNew();
        await UntilPasses(client);
        FaultTable.Report("gateway dead, another there", watch.Elapsed);
        var after = await client.GetStringAsync("/v1/models");

        Assert.Equal("hello", before);
        Assert.Equal("from the second", after);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(5), $"{watch.Elapsed}");
    }

    [SkippableFact]
    public async Task GatewayDiesMidStream_StreamEndsCleanly()
    {
        await using var world = await AgentWorld.StartAsync(gateways: 2);
        world.Gateways[0].Answer = async context =>
        {
            await context.Response.WriteAsync("data: 1\n\n");
            await context.Response.Body.FlushAsync();
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        };
        await world.UpAsync();
        using var client = world.Client();
        using var answer = await client.GetAsync("/stream", HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        await reader.ReadLineAsync();

        await world.Gateways[0].StopAsync();
        var watch = Stopwatch.StartNew();
        using var other = world.Client();
        await UntilPasses(other);
        var rest = await reader.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(40));
        FaultTable.Report("gateway dead mid stream, stream ended", watch.Elapsed);

        Assert.Equal("\n", rest);
    }

    [SkippableFact]
    public async Task DaemonSuspended_Continued_ServesAgain()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        using var client = world.Client();
        Kill("-STOP", world.Agent.DaemonId);
        await Task.Delay(8000);

        Kill("-CONT", world.Agent.DaemonId);
        var watch = Stopwatch.StartNew();
        await UntilPasses(client);
        FaultTable.Report("daemon suspended for 8 s", watch.Elapsed);

        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(5), $"{watch.Elapsed}");
    }

    [SkippableFact]
    public async Task StateFileDamaged_IsSetAside_AndALoginMendsIt()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        await world.Agent.RunAsync("down");
        var database = Path.Combine(world.Agent.StateDir, "agent.db");
        var bytes = await File.ReadAllBytesAsync(database);
        new Random(7).NextBytes(bytes.AsSpan(64));
        await File.WriteAllBytesAsync(database, bytes);

        var up = await world.UpAsync();

        Assert.True(up.ExitCode == 0, up.ToString() + world.Agent.ReadLog());
        Assert.Single(Directory.GetFiles(world.Agent.StateDir, "agent.db.damaged-*"));
    }

    [SkippableFact]
    public async Task PeerDeleted_SaysLogin_AndALoginMendsIt()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        using var client = world.Client();

        world.Plane.Peers.Clear();
        world.Plane.Refusal = new Status(StatusCode.NotFound, "This machine was removed from the account.");
        world.Plane.Push();
        FaultTable.Report("peer deleted, seen", await world.Agent.UntilStateAsync("login_needed", Soon));
        using var refused = await client.GetAsync("/v1/models");
        var text = await refused.Content.ReadAsStringAsync();
        var status = await world.Agent.RunAsync("status");
        world.Plane.Refusal = null;
        var up = await world.UpAsync();

        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        Assert.Contains("removed from the account. Run: netbird-agent login", text, StringComparison.Ordinal);
        Assert.Equal(4, status.ExitCode);
        Assert.True(up.ExitCode == 0, up.ToString());
    }

    [SkippableFact]
    public async Task PersonDisabled_ThenEnabled_ReturnsByItself()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        using var client = world.Client();

        world.Plane.Refusal = new Status(StatusCode.PermissionDenied, "Your account is disabled.");
        world.Plane.Push();
        await world.Agent.UntilStateAsync("login_needed", Soon);
        using var refused = await client.GetAsync("/v1/models");
        world.Plane.Refusal = null;
        world.Plane.Push();
        FaultTable.Report("person enabled again", await world.Agent.UntilStateAsync("connected", TimeSpan.FromSeconds(30)));

        Assert.Contains("Your account is disabled.", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task LoginRunsOut_RefreshTokenRenewsItUnseen()
    {
        using var idp = await OidcProvider.StartAsync();
        await using var world = await AgentWorld.StartAsync(issuer: idp.Issuer);
        world.Plane.LoginLifetime = TimeSpan.FromSeconds(10);
        await LogInAsync(world);

        await Task.Delay(TimeSpan.FromSeconds(14));
        var status = await world.Agent.StatusAsync();

        Assert.True(world.Plane.Renewals >= 1, world.Agent.ReadLog());
        Assert.Equal("connected", status.GetProperty("state").GetString());
    }

    [SkippableFact]
    public async Task LoginRunsOut_IssuerDownThenWithoutOurRefreshToken_AsksForALogin()
    {
        using var idp = await OidcProvider.StartAsync();
        await using var world = await AgentWorld.StartAsync(issuer: idp.Issuer);
        world.Plane.LoginLifetime = TimeSpan.FromSeconds(8);
        await LogInAsync(world);

        idp.Stop();
        await Task.Delay(TimeSpan.FromSeconds(10));
        var during = await world.Agent.StatusAsync();

        // The quick start keeps its tokens in memory: the restarted provider has never heard of ours, which is what an
        // expired or revoked refresh token looks like.
        await idp.RestartAsync();
        FaultTable.Report("refresh token dead, said so", await world.Agent.UntilStateAsync("login_needed", TimeSpan.FromSeconds(60)));

        Assert.Contains(during.GetProperty("state").GetString(), new[] { "connected", "degraded", "login_needed" });
    }

    [SkippableFact]
    public async Task GatewayKeyWrong_SaysWhatToDo_AndANewMapMendsIt()
    {
        await using var world = await AgentWorld.StartAsync();
        var right = world.Plane.Map.Gateways[0].PublicKey;
        using var other = WireGuard.PrivateKey.Generate();
        world.Plane.Map.Gateways[0].PublicKey = other.PublicKey.ToString();

        var up = await world.UpAsync();
        world.Plane.Map.Gateways[0].PublicKey = right;
        world.Plane.Push();
        FaultTable.Report("right gateway key", await world.Agent.UntilStateAsync("connected", Soon));

        Assert.Equal(3, up.ExitCode);
        Assert.Contains("does not answer over UDP", up.Error, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task EndpointPortTaken_SaysSoAndNamesTheOption()
    {
        await using var world = await AgentWorld.StartAsync();
        using var other = new TcpListener(IPAddress.Loopback, world.Agent.EndpointPort);
        other.Start();

        var up = await world.UpAsync();

        Assert.Equal(1, up.ExitCode);
        Assert.Contains("--endpoint", up.Error, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task SecondDaemon_SameState_IsRefused()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();

        var second = await world.Agent.RunAsync("service", "run");

        Assert.Equal(1, second.ExitCode);
        Assert.Contains("already runs", second.Error, StringComparison.Ordinal);
        Assert.Equal("connected", (await world.Agent.StatusAsync()).GetProperty("state").GetString());
    }

    [SkippableFact]
    public async Task StateReadOnly_SaysSo()
    {
        Skip.IfNot(Environment.IsPrivilegedProcess, "needs root to mount");
        await using var agent = new AgentProcess();
        Directory.CreateDirectory(agent.StateDir);
        Process.Start("mount", ["-t", "tmpfs", "-o", "ro,mode=700", "tmpfs", agent.StateDir]).WaitForExit();
        try
        {
            var outcome = await agent.RunAsync("up", "--setup-key", "x", "--management-url", "http://127.0.0.1:1");

            Assert.Equal(1, outcome.ExitCode);
            Assert.Contains(agent.StateDir, outcome.Error, StringComparison.Ordinal);
        }
        finally
        {
            Process.Start("umount", [agent.StateDir]).WaitForExit();
        }
    }

    [SkippableFact]
    public async Task DiskFull_TunnelKeepsCarrying()
    {
        await using var world = await AgentWorld.StartAsync();
        Directory.CreateDirectory(world.Agent.StateDir);
        Process.Start("mount", ["-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", world.Agent.StateDir]).WaitForExit();
        try
        {
            await world.UpAsync();
            using var client = world.Client();
            Process.Start("sh", ["-c", $"cat /dev/zero > {world.Agent.StateDir}/fill 2>/dev/null"]).WaitForExit();

            var watch = Stopwatch.StartNew();
            var refused = await world.Agent.RunAsync("login", "--setup-key", "wrong");
            var login = await world.Agent.RunWithAsync(world.Plane.SetupKey + "\n", "login", "--setup-key", "-");
            FaultTable.Report("two logins on a full disk", watch.Elapsed);
            var passes = await client.GetStringAsync("/v1/models");
            var full = await world.Agent.StatusAsync();
            File.Delete(Path.Combine(world.Agent.StateDir, "fill"));
            FaultTable.Report("room on the disk again, state written", await UntilReasonIsGoneAsync(world.Agent));
            var down = await world.Agent.RunAsync("down");
            var up = await world.Agent.RunAsync("up");

            Assert.Equal("hello", passes);
            Assert.True(refused.ExitCode == 4, refused.ToString());
            Assert.True(login.ExitCode == 0, login.ToString());
            Assert.Contains("cannot be written", login.Error, StringComparison.Ordinal);
            Assert.Contains("cannot be written", full.GetProperty("reason").GetString(), StringComparison.Ordinal);
            Assert.Equal(0, down.ExitCode);
            Assert.True(up.ExitCode == 0, up.ToString());
        }
        finally
        {
            Process.Start("umount", ["-l", world.Agent.StateDir]).WaitForExit();
        }
    }

    [SkippableFact]
    public async Task DnsFailing_SaysWhichName()
    {
        await using var agent = new AgentProcess();

        var outcome = await agent.RunAsync("up", "--setup-key", "x", "--management-url", "https://no-such-host.invalid");

        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains("no-such-host.invalid", outcome.Error, StringComparison.Ordinal);
    }

    private static async Task LogInAsync(AgentWorld world)
    {
        var up = world.Agent.Start("up", "--no-browser", "--management-url", world.Plane.Url);
        while (await up.StandardError.ReadLineAsync() is { } line)
        {
            if (line.StartsWith("http", StringComparison.Ordinal))
            {
                await OidcProvider.WalkAsync(line, "ada");
                break;
            }
        }

        var outcome = await AgentProcess.EndAsync(up, TimeSpan.FromSeconds(30));
        Assert.True(outcome.ExitCode == 0, outcome.ToString());
    }

    private static async Task<TimeSpan> UntilReasonIsGoneAsync(AgentProcess agent)
    {
        var watch = Stopwatch.StartNew();
        while ((await agent.StatusAsync()).GetProperty("reason").GetString() is { Length: > 0 } reason)
        {
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(40), reason);
            await Task.Delay(500);
        }

        return watch.Elapsed;
    }

    private static async Task UntilPasses(HttpClient client)
    {
        for (var i = 0; i < 100; i++)
        {
            using var answer = await client.GetAsync("/v1/models");
            if (answer.IsSuccessStatusCode)
            {
                return;
            }

            await Task.Delay(100);
        }

        throw new TimeoutException("Requests do not pass.");
    }

    private static void Kill(string signal, int process)
        => Process.Start("kill", [signal, process.ToString(CultureInfo.InvariantCulture)]).WaitForExit();
}
