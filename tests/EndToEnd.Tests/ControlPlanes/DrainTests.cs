using System.Diagnostics;
using FakeAnthropic;
using Xunit.Abstractions;

namespace EndToEnd.Tests.ControlPlanes;

/// <summary>SIGTERM while answers stream through the tunnel: one that ends in time ends whole, one that does not is cut and told of.</summary>
public sealed class DrainTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Stop_WithAnAnswerUnderWay_LetsItEnd_OrCutsItWhenItsTimeIsUp()
    {
        await using var upstream = await FakeUpstream.StartAsync(new FakeUpstreamOptions());
        string[] tunnel = ["--tunnel", "rootless", "--wireguard-port", AgentSession.FreePort().ToString(System.Globalization.CultureInfo.InvariantCulture)];
        await using var patient = await Node.StartAsync([.. tunnel, "--drain-seconds", "60"]);
        await Company.FoundAsync(patient, upstream, "Engineering");
        await using var agent = await AgentSession.StartAsync(patient.Url, Company.Ana, Company.Password);
        await agent.UntilAnsweredAsync();

        // Some six seconds of answer, and a minute to end in.
        var watch = Stopwatch.StartNew();
        using (var answer = await agent.AskAsync("[[scenario:drip:6]] [[scenario:events:30]]", stream: true, maxTokens: 32_000))
        {
            Assert.True(answer.IsSuccessStatusCode);
            var reading = answer.Content.ReadAsStringAsync();
            await Task.Delay(1000);
            var stopping = patient.StopAsync();
            await Task.Delay(500);
            using (var late = await agent.AskAsync("and now?"))
            {
                Assert.False(late.IsSuccessStatusCode);
            }

            Assert.Contains("message_stop", await reading, StringComparison.Ordinal);
            await stopping;
            Assert.Equal(0, patient.ExitCode);
            output.WriteLine($"The answer ended whole, and the process with 0, {watch.Elapsed.TotalSeconds:F1} s after it was asked for; a minute had been allowed.");
        }

        await using var strict = await Node.StartAsync([.. tunnel, "--drain-seconds", "1"], stateDir: patient.StateDir, url: patient.Url);
        await agent.UntilAnsweredAsync();
        using (var answer = await agent.AskAsync("[[scenario:drip:300]] [[scenario:events:3000]]", stream: true, maxTokens: 32_000))
        {
            Assert.True(answer.IsSuccessStatusCode);
            var reading = answer.Content.ReadAsStringAsync();
            await Task.Delay(1000);
            watch.Restart();
            await strict.StopAsync();
            Assert.Equal(0, strict.ExitCode);
            output.WriteLine($"An answer without end: the process ended with 0, {watch.Elapsed.TotalSeconds:F1} s after SIGTERM; a second had been allowed.");
            try
            {
                Assert.DoesNotContain("message_stop", await reading, StringComparison.Ordinal);
            }
            catch (Exception broken) when (broken is IOException or HttpRequestException)
            {
                // Cut in the middle is cut.
            }
        }

        await using var after = await Node.StartAsync(tunnel, stateDir: patient.StateDir, url: patient.Url);
        var rows = (await after.GetAsync("/api/agent-network/access-logs?decision=allowed&page_size=1000")).GetProperty("data").EnumerateArray().ToList();
        Assert.Single(rows, row => row.GetProperty("completeness").GetString() == "interrupted");
        await after.DoneAsync(["verify"]);
    }
}
