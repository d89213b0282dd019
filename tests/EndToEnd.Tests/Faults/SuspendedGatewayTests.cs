using System.Diagnostics;
using System.Globalization;

namespace EndToEnd.Tests.Faults;

/// <summary>
/// The process that is control plane and gateway is stopped (SIGSTOP, as one that hangs), with its tunnel in it and with
/// wireguard-go and the kernel's TCP going on beside it, which take every connection that nobody will answer.
/// </summary>
public sealed class SuspendedGatewayTests
{
    [SkippableTheory]
    [InlineData("external", "takes connections and answers nothing")]
    [InlineData("userspace", "does not answer")]
    public async Task ControlPlaneSuspended_RequestHasWords_AndPassesAgain(string tunnel, string words)
    {
        await using var hosts = await TwoHosts.StartAsync(tunnel);
        var (state, port) = await hosts.AddPersonAsync("ana@example.com", 8788);
        Assert.Contains("\"type\":\"message\"", await AskAsync(hosts, port), StringComparison.Ordinal);

        await hosts.SignalControlPlaneAsync("STOP");
        var watch = Stopwatch.StartNew();
        var refused = await AskAsync(hosts, port);
        var heard = watch.Elapsed;
        NetworkFaultTests.Report($"control plane suspended, {tunnel} tunnel, words", heard);
        var status = await hosts.InAsync(hosts.Developer, Checkout.Agent, ["status", "--state-dir", state]);
        await hosts.SignalControlPlaneAsync("CONT");
        watch.Restart();
        for (var i = 0; !(await AskAsync(hosts, port)).Contains("\"type\":\"message\"", StringComparison.Ordinal); i++)
        {
            Assert.True(i < 100, hosts.ControlPlaneLog);
            await Task.Delay(100);
        }

        NetworkFaultTests.Report($"control plane suspended, {tunnel} tunnel, passes after it goes on", watch.Elapsed);
        Assert.Contains("\"type\":\"error\"", refused, StringComparison.Ordinal);
        Assert.Contains(words, refused, StringComparison.Ordinal);
        Assert.Contains("degraded", status.Output, StringComparison.Ordinal);
        Assert.True(heard < TimeSpan.FromSeconds(6), string.Create(CultureInfo.InvariantCulture, $"words after {heard}"));
    }

    private static async Task<string> AskAsync(TwoHosts hosts, int port)
        => (await hosts.ShellAsync(hosts.Developer,
            $$"""curl -s -m 30 --noproxy '*' http://127.0.0.1:{{port}}/v1/messages -H 'content-type: application/json' -H 'anthropic-version: 2023-06-01' -d '{"model":"claude-opus-5-5","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}'""")).Output;
}
