using System.Diagnostics;
using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Http;
using NetBird.Agent.Tests.TestSupport;

namespace NetBird.Agent.Tests;

/// <summary>
/// A gateway whose machine lives and whose program does not: handshakes go on, connections come about, nothing is answered.
/// A model that thinks looks the same to whoever waits for it, and is waited for.
/// </summary>
public sealed class HungGatewayTests
{
    private static readonly bool Long = Environment.GetEnvironmentVariable("NETBIRD_LONG") is "1";

    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(20);

    [SkippableFact]
    public async Task GatewayHangs_SaysSo_IsDegraded_AndPassesAgainByItself()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        using var client = world.Client();
        await client.GetStringAsync("/v1/models");

        world.Gateway.Hang();
        var watch = Stopwatch.StartNew();
        using var refused = await client.GetAsync("/v1/models");
        var words = watch.Elapsed;
        FaultTable.Report("gateway hangs, words", words);
        var said = await refused.Content.ReadAsStringAsync();
        using var again = await client.GetAsync("/v1/models");
        await world.Agent.UntilStateAsync("degraded", Soon);
        var status = await world.Agent.RunAsync("status");
        var doctor = await world.Agent.RunAsync("doctor");
        world.Gateway.Resume();
        FaultTable.Report("gateway hung, connected after it goes on", await world.Agent.UntilStateAsync("connected", Soon));
        var after = await client.GetStringAsync("/v1/models");

        Assert.True(words < TimeSpan.FromSeconds(5), $"words after {words}");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.Equal("false", refused.Headers.GetValues("x-should-retry").Single());
        Assert.Contains("takes connections and answers nothing", said, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, again.StatusCode);
        Assert.Contains("takes connections and answers nothing", status.Output, StringComparison.Ordinal);
        Assert.Contains("pass  udp path", doctor.Output, StringComparison.Ordinal);
        Assert.Contains("FAIL  gateway", doctor.Output, StringComparison.Ordinal);
        Assert.Equal("hello", after);
    }

    /// <summary>Looked at every second meanwhile: by one probe that fails, it would be cut.</summary>
    [SkippableFact]
    public async Task ModelThinksForLong_IsWaitedFor()
    {
        var thinks = TimeSpan.FromSeconds(Long ? 90 : 12);
        await using var world = await AgentWorld.StartAsync();
        world.Gateway.Answer = async context =>
        {
            await Task.Delay(thinks, context.RequestAborted);
            await context.Response.WriteAsync("thought of");
        };
        await world.UpAsync();
        using var client = world.Client();
        var watch = Stopwatch.StartNew();

        var answer = await client.GetStringAsync("/v1/messages");

        FaultTable.Say("a model that thinks, answered", string.Create(CultureInfo.InvariantCulture, $"{watch.Elapsed.TotalSeconds:0.0} s"));
        Assert.Equal("thought of", answer);
    }

    [SkippableFact]
    public async Task GatewayHangs_OtherGatewayTakesOver()
    {
        await using var world = await AgentWorld.StartAsync(gateways: 2);
        world.AnswerWithTheirNumber();
        await world.UpAsync();
        using var client = world.Client();
        var hung = int.Parse(await client.GetStringAsync("/v1/models"), CultureInfo.InvariantCulture);

        world.Gateways[hung].Hang();
        var watch = Stopwatch.StartNew();
        var answer = int.Parse(await PassesAsync(client), CultureInfo.InvariantCulture);
        FaultTable.Report("gateway hangs, another there", watch.Elapsed);
        world.Gateways[hung].Resume();

        Assert.Equal(1 - hung, answer);
    }

    [SkippableFact]
    public async Task GatewayHangsMidStream_StreamEndsCleanly()
    {
        await using var world = await AgentWorld.StartAsync();
        world.Gateway.Answer = TestGateway.OneEventAsync;
        await world.UpAsync();
        using var client = world.Client();
        using var answer = await client.GetAsync("/stream", HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        await reader.ReadLineAsync();

        world.Gateway.Hang();
        var watch = Stopwatch.StartNew();
        var rest = await reader.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(60));
        FaultTable.Report("gateway hangs mid stream, stream ended", watch.Elapsed);
        world.Gateway.Resume();

        Assert.Equal("\n", rest);
    }

    private static async Task<string> PassesAsync(HttpClient client)
    {
        for (var i = 0; ; i++)
        {
            using var answer = await client.GetAsync("/v1/models");
            if (answer.IsSuccessStatusCode)
            {
                return await answer.Content.ReadAsStringAsync();
            }

            Assert.True(i < 50, await answer.Content.ReadAsStringAsync());
            await Task.Delay(100);
        }
    }
}
