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
        using var client = world.Client();
        await UntilPasses(client);
        FaultTable.Report("kill -9 of the daemon, first answer after up", watch.Elapsed);

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

    /// <summary>Each of them is tried, and both together within what one is given.</summary>
    [SkippableFact]
    public async Task EveryGatewayDies_WordsComeAsSoonAsWithOne()
    {
        await using var world = await AgentWorld.StartAsync(gateways: 2);
        await world.UpAsync();
        using var client = world.Client();
        await client.GetStringAsync("/v1/models");

        await Task.WhenAll(world.Gateways.Select(gateway => gateway.StopAsync()));
        var watch = Stopwatch.StartNew();
        using var refused = await client.GetAsync("/v1/models");
        var words = watch.Elapsed;

        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.True(words < TimeSpan.FromSeconds(5), $"words after {words}");
        FaultTable.Report("every gateway dead, words", words);
    }

    [SkippableFact]
    public async Task GatewayDies_OtherGatewayTakesOver()
    {
        await using var world = await AgentWorld.StartAsync(gateways: 2);
        world.AnswerWithTheirNumber();
        await world.UpAsync();
        using var client = world.Client();
        var before = int.Parse(await client.GetStringAsync("/v1/models"), CultureInfo.InvariantCulture);

        await world.Gateways[before].StopAsync();
        var watch = Stopwatch.StartNew();
        await UntilPasses(client);
        FaultTable.Report("gateway dead, another there", watch.Elapsed);
        var after = int.Parse(await client.GetStringAsync("/v1/models"), CultureInfo.InvariantCulture);

        Assert.Equal(1 - before, after);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(5), $"{watch.Elapsed}");
    }

    [SkippableFact]
    public async Task GatewayDiesMidStream_StreamEndsCleanly()
    {
        await using var world = await AgentWorld.StartAsync(gateways: 2);
        TestGateway? streams = null;
        foreach (var gateway in world.Gateways)
        {
            gateway.Answer = context =>
            {
                streams = gateway;
                return TestGateway.OneEventAsync(context);
            };
        }

        await world.UpAsync();
        using var client = world.Client();
        using var answer = await client.GetAsync("/stream", HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        await reader.ReadLineAsync();

        await streams!.StopAsync();
        world.AnswerWithTheirNumber();
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
    public async Task GatewayKeyWrong_SaysWhatToDo_AndANewMapMendsIt()
    {
        await using var world = await AgentWorld.StartAsync();
        var right = world.Plane.Map.Gateways[0].PublicKey;
        using var other = WireGuard.PrivateKey.Generate();
        world.Plane.Map.Gateways[0].PublicKey = other.PublicKey.ToString();

        var up = await world.UpAsync();
        var status = await world.Agent.RunAsync("status");
        world.Plane.Map.Gateways[0].PublicKey = right;
        world.Plane.Push();
        FaultTable.Report("right gateway key", await world.Agent.UntilStateAsync("connected", Soon));

        Assert.Equal(3, up.ExitCode);
        Assert.Contains("does not answer over UDP", up.Error, StringComparison.Ordinal);
        Assert.Equal(3, status.ExitCode);
        Assert.StartsWith("Agent:          connecting, ", status.Output, StringComparison.Ordinal);
        Assert.Contains("Run: netbird-agent doctor", status.Output, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task EndpointPortTaken_SaysSoAndNamesTheOption()
    {
        await using var world = await AgentWorld.StartAsync();
        using var other = new TcpListener(IPAddress.Loopback, world.Agent.EndpointPort);
        other.Start();

        var watch = Stopwatch.StartNew();
        var up = await world.UpAsync();
        FaultTable.Report("endpoint's port taken, said", watch.Elapsed);

        Assert.Equal(1, up.ExitCode);
        Assert.Contains("--endpoint", up.Error, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task DnsFailing_SaysWhichName()
    {
        await using var agent = new AgentProcess();

        var watch = Stopwatch.StartNew();
        var outcome = await agent.RunAsync("up", "--setup-key", "x", "--management-url", "https://no-such-host.invalid");
        FaultTable.Report("DNS failing at up, said", watch.Elapsed);

        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains("no-such-host.invalid", outcome.Error, StringComparison.Ordinal);
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
