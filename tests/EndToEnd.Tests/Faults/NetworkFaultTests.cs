using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace EndToEnd.Tests.Faults;

/// <summary>
/// The network breaks between the developer's machine and the server, and comes back: nothing hangs without words, and
/// requests pass again by themselves. Every fault prints how long that took (shared/docs/reliability.md).
/// </summary>
public sealed partial class NetworkFaultTests(CabledAgent cabled) : IClassFixture<CabledAgent>
{
    private static readonly bool Long = Environment.GetEnvironmentVariable("NETBIRD_LONG") is "1";

    private TwoHosts Hosts => cabled.Hosts;

    [SkippableFact]
    public async Task LinkDown_ForASecond_PassesAgain()
    {
        await OnAsync("ip link set cable down; sleep 1; ip link set cable up");

        await RecoversAsync("link down 1 s");
    }

    [SkippableFact]
    public async Task LinkDown_ForLonger_SaysSoMeanwhile_AndPassesAgain()
    {
        var seconds = Long ? 60 : 12;
        await OnAsync("ip link set cable down");
        var watch = Stopwatch.StartNew();
        await RefusedInWordsAsync("link down, a request meanwhile");
        await Task.Delay(TimeSpan.FromSeconds(Math.Max(1, seconds - watch.Elapsed.TotalSeconds)));
        await OnAsync("ip link set cable up");

        await RecoversAsync(string.Create(CultureInfo.InvariantCulture, $"link down {seconds} s"));
    }

    /// <summary>
    /// After two minutes the back-off is at its longest and changes no more, so that 170 s look like an hour. A whole one:
    /// NETBIRD_TEST_LINK_DOWN=3600.
    /// </summary>
    [SkippableFact]
    public async Task LinkDown_ForAnHour_PassesAgain()
    {
        Skip.IfNot(Long, "three minutes; tests/run.sh --long");
        var seconds = int.TryParse(Environment.GetEnvironmentVariable("NETBIRD_TEST_LINK_DOWN"), CultureInfo.InvariantCulture, out var wanted) ? wanted : 170;
        await OnAsync("ip link set cable down");
        await Task.Delay(TimeSpan.FromSeconds(seconds));
        await RefusedInWordsAsync(string.Create(CultureInfo.InvariantCulture, $"link down {seconds} s, a request at its end"));
        await OnAsync("ip link set cable up");

        await RecoversAsync(string.Create(CultureInfo.InvariantCulture, $"link down {seconds} s"));
    }

    /// <summary>One process is control plane and gateway, as it is by default.</summary>
    [SkippableFact]
    public async Task ControlPlaneAndGatewayKilled_StartedAgain_PassesAgain()
    {
        await Hosts.KillControlPlaneAsync();
        await RefusedInWordsAsync("control plane and gateway killed, a request meanwhile");
        await Hosts.StartControlPlaneAsync();

        await RecoversAsync("control plane and gateway killed, ready again");
    }

    [SkippableFact]
    public async Task AddressChanges_PassesAgain()
    {
        await OnAsync($"ip addr del {TwoHosts.DeveloperAddress}/24 dev cable; ip addr add 10.231.7.77/24 dev cable");
        try
        {
            await RecoversAsync("address changed");
        }
        finally
        {
            await OnAsync($"ip addr del 10.231.7.77/24 dev cable; ip addr add {TwoHosts.DeveloperAddress}/24 dev cable");
            await RecoversAsync("address changed back");
        }
    }

    /// <summary>The control plane's connections are reset as well; what is sent meanwhile, packet by packet, is no storm.</summary>
    [SkippableFact]
    public async Task UdpBlocked_SaysWhatToDo_AndPassesAgain()
    {
        Skip.IfNot(File.Exists("/usr/sbin/nft"), "Debian's nftables is not installed");
        await OnAsync("""
            set -e
            nft add table inet fault
            nft add chain inet fault out '{ type filter hook output priority 0; }'
            nft add rule inet fault out udp dport 51820 counter drop
            nft add rule inet fault out 'tcp dport 8443 tcp flags & (fin|syn|rst|ack) == syn counter'
            nft add rule inet fault out tcp dport 8443 reject with tcp reset
            """);
        var blocked = Stopwatch.StartNew();
        try
        {
            await RefusedInWordsAsync("UDP blocked, a request meanwhile");
            var said = "";
            for (var i = 0; i < 100 && !said.Contains("firewall may drop UDP", StringComparison.Ordinal); i++)
            {
                await Task.Delay(500);
                said = (await Hosts.InAsync(Hosts.Developer, Checkout.Agent, ["status", "--state-dir", cabled.State])).Output;
            }

            Assert.Contains("netbird-agent doctor", said, StringComparison.Ordinal);
            var doctor = await Hosts.InAsync(Hosts.Developer, Checkout.Agent, ["doctor", "--state-dir", cabled.State]);
            Assert.Equal(1, doctor.ExitCode);
            Assert.Contains("FAIL  udp path", doctor.Output, StringComparison.Ordinal);
            var rules = await Hosts.ShellAsync(Hosts.Developer, "nft list chain inet fault out");
            var most = 4 * blocked.Elapsed.TotalSeconds;
            var sent = Packets().Matches(rules.Output).Select(match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)).ToList();
            ReportFigure("UDP and control plane blocked, packets to each", string.Create(CultureInfo.InvariantCulture, $"{string.Join(" and ", sent)} in {blocked.Elapsed.TotalSeconds:0} s"));
            Assert.Equal(2, sent.Count);
            Assert.All(sent, packets => Assert.InRange(packets, 1, most));
        }
        finally
        {
            await OnAsync("nft delete table inet fault");
        }

        await RecoversAsync("UDP blocked, then not");
    }

    private async Task OnAsync(string script)
    {
        var done = await Hosts.ShellAsync(Hosts.Developer, script);
        Assert.True(done.ExitCode == 0, done.ToString());
    }

    /// <summary>A request during the fault ends with our own sentence, and soon: no hang without words.</summary>
    private async Task RefusedInWordsAsync(string what)
    {
        var watch = Stopwatch.StartNew();
        var answer = await AskAsync(30);
        Report(what, watch.Elapsed);
        Assert.Contains("\"type\":\"error\"", answer, StringComparison.Ordinal);
        Assert.Contains("gateway", answer, StringComparison.Ordinal);
    }

    private async Task RecoversAsync(string fault)
    {
        var watch = Stopwatch.StartNew();
        var last = "";
        while (watch.Elapsed < TimeSpan.FromSeconds(90))
        {
            last = await AskAsync(10);
            if (last.Contains("\"type\":\"message\"", StringComparison.Ordinal))
            {
                Report(fault, watch.Elapsed);
                return;
            }

            await Task.Delay(100);
        }

        var status = await Hosts.InAsync(Hosts.Developer, Checkout.Agent, ["status", "--state-dir", cabled.State]);
        Assert.Fail($"{fault}: no request passes after {watch.Elapsed}: {last}\n{status}");
    }

    private async Task<string> AskAsync(int limitSeconds)
        => (await Hosts.ShellAsync(Hosts.Developer,
            $$"""curl -s -m {{limitSeconds}} --noproxy '*' http://127.0.0.1:8788/v1/messages -H 'content-type: application/json' -H 'anthropic-version: 2023-06-01' -d '{"model":"claude-opus-5-5","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}'""")).Output;

    [GeneratedRegex("counter packets ([0-9]+)")]
    private static partial Regex Packets();

    internal static void Report(string fault, TimeSpan took) => ReportFigure(fault, string.Create(CultureInfo.InvariantCulture, $"{took.TotalSeconds:0.0} s"));

    private static void ReportFigure(string what, string figure)
    {
        if (Environment.GetEnvironmentVariable("NETBIRD_FAULT_TABLE") is { Length: > 0 } file)
        {
            File.AppendAllText(file, $"{what}\t{figure}\n");
        }
    }
}
