using FakeAnthropic;
using Xunit.Abstractions;

namespace EndToEnd.Tests.ControlPlanes;

/// <summary>The provider's key is changed again and again while requests run: a new one added, the old one taken out, or revoked or limited first.</summary>
public sealed class KeyRotationTests(ITestOutputHelper output)
{
    private const int Callers = 6;

    [Fact]
    public async Task Rotation_UnderLoad_LosesNoRequest()
    {
        await using var upstream = await FakeUpstream.StartAsync(new FakeUpstreamOptions());
        await using var node = await Node.StartAsync();
        await Company.FoundAsync(node, upstream, "Engineering");
        await using var agent = await AgentSession.StartAsync(node.Url, Company.Ana, Company.Password);
        var provider = "/api/agent-network/providers/" + (await node.GetAsync("/api/agent-network/providers"))[0].GetProperty("id").GetString();
        using var stop = new CancellationTokenSource();
        var callers = Enumerable.Range(0, Callers).Select(caller => CallAsync(agent, caller, stop.Token)).ToList();

        using var control = new HttpClient { BaseAddress = upstream.Url };
        var secret = upstream.Key;
        for (var round = 0; round < 6; round++)
        {
            var old = (await node.GetAsync(provider)).GetProperty("keys")[0].GetProperty("id").GetString();
            var next = "sk-ant-rotated-" + Guid.NewGuid().ToString("N");
            await SendAsync(control, HttpMethod.Put, next);
            await node.SendAsync(HttpMethod.Post, provider + "/keys", new { name = $"round {round}", api_key = next });
            if (round % 3 == 0)
            {
                // In order: ours first, then the provider's.
                await node.SendAsync(HttpMethod.Delete, $"{provider}/keys/{old}");
                await BeatAsync(callers);
                await SendAsync(control, HttpMethod.Delete, secret);
            }
            else
            {
                // The provider revokes it under us, or limits it: the next key takes over.
                if (round % 3 == 1)
                {
                    await SendAsync(control, HttpMethod.Delete, secret);
                }
                else
                {
                    upstream.Limit(secret);
                }

                await BeatAsync(callers);
                await node.SendAsync(HttpMethod.Delete, $"{provider}/keys/{old}");
            }

            secret = next;
            await BeatAsync(callers);
        }

        await stop.CancelAsync();
        var answered = (await Task.WhenAll(callers)).Sum();
        output.WriteLine($"{answered} requests while the key changed 6 times; none failed.");
        Assert.True(answered > Callers * 6, $"Only {answered} requests.");
    }

    private static async Task<int> CallAsync(AgentSession agent, int caller, CancellationToken stop)
    {
        for (var count = 0; ; count++)
        {
            if (stop.IsCancellationRequested)
            {
                return count;
            }

            using var answer = await agent.AskAsync($"hello {caller}", stream: (caller + count) % 2 == 0, cancellationToken: CancellationToken.None);
            var text = await answer.Content.ReadAsStringAsync(CancellationToken.None);
            Assert.True(answer.IsSuccessStatusCode, text);
            Assert.Contains(text.StartsWith('{') ? "\"usage\"" : "message_stop", text, StringComparison.Ordinal);
        }
    }

    /// <summary>Time for some requests; and a caller that failed is told at once.</summary>
    private static async Task BeatAsync(List<Task<int>> callers)
    {
        var first = await Task.WhenAny([.. callers, Task.Delay(400)]);
        await first;
    }

    private static async Task SendAsync(HttpClient control, HttpMethod method, string key)
    {
        using var request = new HttpRequestMessage(method, "/__keys?key=" + key);
        using var answer = await control.SendAsync(request);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
    }
}
