using System.Globalization;
using System.Text.Json;

namespace EndToEnd.Tests;

/// <summary>wireguard-go in the place of the gateway's tunnel end: <c>serve --tunnel external</c>.</summary>
public sealed class ExternalTunnelTests
{
    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ClaudeCode_ReachesTheGatewayThroughWireGuardGo_WhichKnowsExactlyTheEnrolledPeers(bool interfaceInside)
    {
        Skip.If(Checkout.Claude is null, "Claude Code is not installed (NETBIRD_CLAUDE)");
        await using var hosts = await TwoHosts.StartAsync("external", interfaceInside);
        var (state, port) = await hosts.AddPersonAsync("ana@example.com", 8788);
        await hosts.AddPersonAsync("ben@example.com", 8789);
        var key = JsonDocument.Parse((await hosts.InAsync(hosts.Developer, Checkout.Agent, ["status", "--json", "--state-dir", state])).Output)
            .RootElement.GetProperty("public_key").GetString()!;

        var answer = await hosts.ClaudeAsync(port, "run it [[scenario:tool]]", ["--allowedTools", "Bash(echo hi)"]);

        Assert.True(answer.ExitCode == 0, answer + hosts.ControlPlaneLog);
        Assert.Contains("TOOL SAID: hi", answer.Output, StringComparison.Ordinal);
        // What crossed is in wireguard-go's own counters, and the admin sees its handshake.
        Assert.True(await ReceivedFromAsync(hosts, key) > 10_000, await WgAsync(hosts, "transfer"));
        Assert.Equal(2, (await WgAsync(hosts, "peers")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        var peers = (await hosts.RestAsync("api/peers")).EnumerateArray().ToList();
        var ana = peers.Single(peer => peer.GetRawText().Contains(key, StringComparison.Ordinal)
            || peer.GetRawText().Contains(JsonEncodedText.Encode(key).ToString(), StringComparison.Ordinal));

        // A deleted peer leaves wireguard-go at once, the other stays; a new one comes.
        var deleted = await hosts.SendAsync("DELETE", "api/peers/" + ana.GetProperty("id").GetString());
        Assert.True(deleted.ExitCode == 0, deleted.ToString());
        Assert.DoesNotContain(key, await WgAsync(hosts, "peers"), StringComparison.Ordinal);
        await hosts.AddPersonAsync("cleo@example.com", 8790);
        Assert.Equal(2, (await WgAsync(hosts, "peers")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        var last = await hosts.ClaudeAsync(8790, "say hi");
        Assert.True(last.ExitCode == 0, last.ToString());
    }

    [SkippableFact]
    public async Task BlockedPeer_HearsWhy_LeavesWireGuardGo_AndComesBackWhenItMay()
    {
        await using var hosts = await TwoHosts.StartAsync("external");
        var (_, port) = await hosts.AddPersonAsync("ana@example.com", 8788);
        Assert.Contains("\"type\":\"message\"", await AskAsync(hosts, port), StringComparison.Ordinal);
        var before = await WgAsync(hosts, "peers");
        var machine = (await hosts.RestAsync("api/peers")).EnumerateArray().Single().GetProperty("id").GetString()!;

        var blocked = await hosts.ControlPlaneAsync(["peer", "block", machine]);
        Assert.True(blocked.ExitCode == 0, blocked.ToString());
        var refusal = await AskAsync(hosts, port);

        Assert.Contains("policy_blocked", refusal, StringComparison.Ordinal);
        Assert.Contains("blocked", JsonDocument.Parse(refusal).RootElement.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
        // It stays for a while, refused, so that the words arrive; then wireguard-go knows it no more.
        await UntilAsync(async () => await WgAsync(hosts, "peers") == "", hosts);

        var unblocked = await hosts.ControlPlaneAsync(["peer", "unblock", machine]);
        Assert.True(unblocked.ExitCode == 0, unblocked.ToString());
        await UntilAsync(async () => (await AskAsync(hosts, port)).Contains("\"type\":\"message\"", StringComparison.Ordinal), hosts);
        Assert.Equal(before, await WgAsync(hosts, "peers"));
    }

    [SkippableFact]
    public async Task WireGuardGoStartedAnew_IsSetUpAgain_AndForeignPeersAreTakenOut()
    {
        await using var hosts = await TwoHosts.StartAsync("external");
        var (_, port) = await hosts.AddPersonAsync("ana@example.com", 8788);
        Assert.Contains("\"message\"", await AskAsync(hosts, port), StringComparison.Ordinal);
        var before = await WgAsync(hosts, "peers");

        // Somebody adds a peer of his own that claims the person's address.
        await hosts.ShellAsync(hosts.Server,
            $"wg set {hosts.Interface} peer $(wg genkey | wg pubkey) allowed-ips 100.64.0.2/32");
        await UntilAsync(async () => await WgAsync(hosts, "peers") == before, hosts);
        Assert.Contains("other peers", hosts.ControlPlaneLog, StringComparison.Ordinal);

        hosts.Program!.Kill(entireProcessTree: true);
        await hosts.Program.WaitForExitAsync();
        await UntilAsync(async () => (await hosts.ShellAsync(hosts.Server,
            $"curl -s --cacert {hosts.Folder}/cert.pem {hosts.Management}readyz")).Output.Contains(hosts.Interface, StringComparison.Ordinal), hosts);
        await hosts.StartProgramAsync();

        await UntilAsync(async () => (await AskAsync(hosts, port)).Contains("\"type\":\"message\"", StringComparison.Ordinal), hosts);
        Assert.Equal(before, await WgAsync(hosts, "peers"));
        var ready = await hosts.ShellAsync(hosts.Server, $"curl -s --cacert {hosts.Folder}/cert.pem {hosts.Management}readyz");
        Assert.Equal("ok\n", ready.Output);
    }

    [SkippableFact]
    public async Task ControlPlaneThatEnds_LeavesTheInterfaceEmpty_AndRefusesOneThatIsSomebodys()
    {
        await using var hosts = await TwoHosts.StartAsync("external");
        await hosts.AddPersonAsync("ana@example.com", 8788);

        await hosts.StopControlPlaneAsync();

        Assert.Equal("", await WgAsync(hosts, "peers"));
        Assert.Equal("(none)\n", await WgAsync(hosts, "private-key"));
        Assert.DoesNotContain("100.64.0.1", (await hosts.ShellAsync(hosts.Server, $"ip addr show {hosts.Interface}; ip route")).Output, StringComparison.Ordinal);

        await hosts.ShellAsync(hosts.Server, $"wg genkey >{hosts.Folder}/other.key; wg set {hosts.Interface} private-key {hosts.Folder}/other.key");
        var again = await hosts.InAsync(hosts.Server, Checkout.ControlPlane,
            ["serve", "--state-dir", hosts.State, "--http", "127.0.0.1:0", "--tunnel", "external", "--tunnel-interface", hosts.Interface]);
        Assert.Equal(1, again.ExitCode);
        Assert.Contains("is in use: it has another private key", again.Error, StringComparison.Ordinal);
        Assert.Contains("wg set", again.Error, StringComparison.Ordinal);

        var none = await hosts.InAsync(hosts.Server, Checkout.ControlPlane,
            ["serve", "--state-dir", hosts.State, "--http", "127.0.0.1:0", "--tunnel", "external", "--tunnel-interface", "nosuch0"]);
        Assert.Equal(1, none.ExitCode);
        Assert.Contains("There is no interface nosuch0", none.Error, StringComparison.Ordinal);
        Assert.Contains("wireguard-go nosuch0", none.Error, StringComparison.Ordinal);
    }

    private static async Task<string> AskAsync(TwoHosts hosts, int port)
        => (await hosts.InAsync(hosts.Developer, "curl",
            ["-sS", "-m", "20", $"http://127.0.0.1:{port}/v1/messages", "-H", "anthropic-version: 2023-06-01", "-H", "content-type: application/json", "-d", "@-"],
            """{"model":"claude-opus-5-5","max_tokens":50,"messages":[{"role":"user","content":"hi"}]}""")).Output;

    private static async Task<string> WgAsync(TwoHosts hosts, string what)
        => (await hosts.InAsync(hosts.Inside ?? hosts.Server, "wg", ["show", hosts.Interface, what])).Output;

    private static async Task<long> ReceivedFromAsync(TwoHosts hosts, string key)
        => long.Parse((await WgAsync(hosts, "transfer")).Split('\n').Single(line => line.StartsWith(key, StringComparison.Ordinal)).Split('\t')[1],
            CultureInfo.InvariantCulture);

    private static async Task UntilAsync(Func<Task<bool>> condition, TwoHosts hosts)
    {
        for (var i = 0; !await condition(); i++)
        {
            Assert.True(i < 60, "It did not happen.\n" + hosts.ControlPlaneLog);
            await Task.Delay(500);
        }
    }
}
