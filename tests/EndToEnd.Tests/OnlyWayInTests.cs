using System.Globalization;
using System.Text;
using System.Text.Json;

namespace EndToEnd.Tests;

/// <summary>The tunnel is real, and the only way in.</summary>
public sealed class OnlyWayInTests
{
    private const string Planted = "planted-prompt-7f3a9c";

    [SkippableFact]
    public async Task OnTheWire_ThereIsWireGuardAndTlsAndNothingElse()
    {
        await using var hosts = await TwoHosts.StartAsync();
        var (_, port) = await hosts.AddPersonAsync("ana@example.com", 8788);
        var capture = Path.Combine(hosts.Folder, "wire.pcap");
        var tcpdump = hosts.Start(hosts.Developer, "tcpdump", ["-i", "cable", "-U", "-B", "16384", "-w", capture, "-s", "0"]);
        await tcpdump.StandardError.ReadLineAsync();

        var answer = await AskAsync(hosts, Local(port), Planted + new string('x', 400_000));
        await Task.Delay(1500);
        await hosts.InAsync(hosts.Developer, "kill", ["-INT", tcpdump.Id.ToString(CultureInfo.InvariantCulture)]);
        await tcpdump.WaitForExitAsync();

        Assert.Contains("\"type\":\"message\"", answer.Output, StringComparison.Ordinal);
        var bytes = await File.ReadAllBytesAsync(capture);
        Assert.True(bytes.Length > 400_000, $"only {bytes.Length} bytes crossed");
        Assert.True(bytes.AsSpan().IndexOf(Encoding.ASCII.GetBytes(Planted)) < 0, "the prompt is readable on the wire");
        Assert.True(bytes.AsSpan().IndexOf(Encoding.ASCII.GetBytes("/v1/messages")) < 0, "the request is readable on the wire");
        var other = await Command.RunAsync("tcpdump", ["-nn", "-r", capture,
            $"not (udp port 51820) and not (tcp port 8443 and host {TwoHosts.ServerAddress}) and not arp and not icmp6"]);
        Assert.Equal("", other.Output);
        // Datagrams may be captured before the kernel cuts them (UDP_SEGMENT), so it is their bytes that are counted.
        var tunnel = await Command.RunAsync("sh", ["-c",
            $"tcpdump -nn -r {capture} 'udp port 51820' 2>/dev/null | sed -n 's/.*length \\([0-9]*\\).*/\\1/p' | awk '{{ sum += $1 }} END {{ print sum }}'"]);
        Assert.True(long.Parse(tunnel.Output, CultureInfo.InvariantCulture) > 400_000, tunnel + " bytes of WireGuard for a request of 400 kB");
    }

    [SkippableTheory]
    [InlineData("auto")]
    [InlineData("external")]
    public async Task TheGateway_DoesNotAnswerOutsideTheOverlay(string tunnel)
    {
        await using var hosts = await TwoHosts.StartAsync(tunnel);
        await hosts.AddPersonAsync("ana@example.com", 8788);

        // From the server itself, from the cable, and on every address there is.
        var direct = await hosts.ShellAsync(hosts.Server, "curl -s -m 2 http://100.64.0.1/v1/models; echo $?");
        var routed = await hosts.ShellAsync(hosts.Developer,
            $"ip route add 100.64.0.0/16 via {TwoHosts.ServerAddress}; curl -s -m 2 http://100.64.0.1/v1/models; echo $?");
        var plain = await hosts.ShellAsync(hosts.Developer,
            $"curl -sk -m 2 -o /dev/null -w '%{{http_code}}' -X POST {hosts.Management}v1/messages -d '{{}}'");
        var listening = await hosts.ShellAsync(hosts.Server, "ss -Hltn | awk '{ print $4 }' | sort -u");

        Assert.NotEqual("0", direct.Output.Trim());
        Assert.NotEqual("0", routed.Output.Trim());
        Assert.Matches("^40[0145]$", plain.Output);
        var inside = tunnel == "external" ? $"100.64.0.1%{hosts.Interface}:80\n" : "";
        Assert.Equal($"{TwoHosts.ServerAddress}:8443\n{inside}127.0.0.1:9100\n", listening.Output);
    }

    [SkippableFact]
    public async Task NoHeader_ChangesWhoTheCallerIs()
    {
        await using var hosts = await TwoHosts.StartAsync();
        await hosts.AddPersonAsync("ana@example.com", 8788);
        var (_, port) = await hosts.AddPersonAsync("ben@example.com", 8789);
        var peers = await PeersAsync(hosts);
        var ana = peers.Single(peer => peer.GetProperty("name").GetString()!.Contains("ana", StringComparison.Ordinal)
            || peer.GetProperty("id").GetString() == peers[0].GetProperty("id").GetString());
        var address = ana.GetProperty("ip").GetString()!;

        string[] claims =
        [
            "X-Forwarded-For: " + address, "Forwarded: for=" + address, "X-Real-IP: " + address, "True-Client-IP: " + address,
            "X-Netbird-Peer: " + ana.GetProperty("id").GetString(), "X-Netbird-User: ana@example.com",
            "netbird-peer-key: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "X-Remote-User: ana@example.com",
            "Cookie: user=ana@example.com", "X-Original-Host: " + address,
        ];
        foreach (var claim in claims)
        {
            var answer = await AskAsync(hosts, Local(port), "who am I", "-H", claim);
            Assert.Contains("\"type\":\"message\"", answer.Output, StringComparison.Ordinal);
        }

        var users = (await LogsAsync(hosts)).Select(row => row.GetProperty("user_id").GetString()).Distinct();
        Assert.Single(users);
    }

    [SkippableTheory]
    [InlineData("auto")]
    [InlineData("external")]
    public async Task WireGuardGo_WithAnEnrolledKeyTakesTheAgentsPlace_ButNotAnothersAddress(string tunnel)
    {
        Skip.If(!File.Exists("/usr/bin/wireguard-go"), "wireguard-go is not installed");
        await using var hosts = await TwoHosts.StartAsync(tunnel);
        await hosts.AddPersonAsync("ana@example.com", 8788);
        var (state, _) = await hosts.AddPersonAsync("ben@example.com", 8789);
        var status = JsonDocument.Parse((await hosts.InAsync(hosts.Developer, Checkout.Agent, ["status", "--json", "--state-dir", state])).Output).RootElement;
        var ownKey = status.GetProperty("public_key").GetString()!;
        var peers = await PeersAsync(hosts);
        var address = Assert.Single(status.GetProperty("overlay_addresses").EnumerateArray()).GetString()!.Split('/')[0];
        var other = peers.Select(peer => peer.GetProperty("ip").GetString()!).First(ip => ip != address);
        var gateway = Assert.Single(status.GetProperty("gateways").EnumerateArray());
        await hosts.InAsync(hosts.Developer, Checkout.Agent, ["down", "--state-dir", state]);

        // Another implementation with ben's key, and ana's address beside his own.
        var up = await hosts.ShellAsync(hosts.Developer, $"""
            set -e
            LOG_LEVEL=error wireguard-go wgo0 >/dev/null 2>&1 </dev/null
            wg set wgo0 private-key {state}/private.key peer {gateway.GetProperty("public_key").GetString()} \
              endpoint {TwoHosts.ServerAddress}:51820 allowed-ips 100.64.0.0/16
            ip addr add {address}/32 dev wgo0
            ip addr add {other}/32 dev wgo0
            ip link set wgo0 mtu 1420 up
            ip route add 100.64.0.1/32 dev wgo0 src {address}
            wg show wgo0 public-key
            """);
        try
        {
            Assert.Contains(ownKey, up.Output, StringComparison.Ordinal);
            var own = await AskAsync(hosts, "http://100.64.0.1", "as ben", "-m", "10", "--interface", address);
            var stolen = await AskAsync(hosts, "http://100.64.0.1", "as ana", "-m", "4", "--interface", other);

            Assert.Contains("\"type\":\"message\"", own.Output, StringComparison.Ordinal);
            Assert.Equal(28, stolen.ExitCode);
            Assert.Single(await LogsAsync(hosts));
        }
        finally
        {
            await hosts.ShellAsync(hosts.Developer, "ip link del wgo0");
        }
    }

    [Fact]
    public async Task OnOneMachine_EveryRequestByteCrossesAsWireGuard()
    {
        await using var world = await World.StartAsync();
        var state = Path.Combine(world.State, "agent");
        var before = await SentAsync(state);

        using var response = await world.MessageAsync(new string('x', 2_000_000));

        Assert.True(response.IsSuccessStatusCode);
        await response.Content.ReadAsByteArrayAsync();
        Assert.True(await SentAsync(state) - before > 2_000_000);
    }

    private static async Task<long> SentAsync(string state)
    {
        var status = await Command.RunAsync(Checkout.Agent, ["status", "--json", "--state-dir", state]);
        return JsonDocument.Parse(status.Output).RootElement.GetProperty("gateways").EnumerateArray()
            .Sum(gateway => long.Parse(gateway.GetProperty("sent_bytes").ToString(), CultureInfo.InvariantCulture));
    }

    private static string Local(int port) => $"http://127.0.0.1:{port}";

    /// <summary>One request from the developer's machine; the body goes by standard input, since arguments are limited.</summary>
    private static Task<CommandResult> AskAsync(TwoHosts hosts, string origin, string text, params string[] more)
        => hosts.InAsync(hosts.Developer, "curl",
            ["-sS", origin + "/v1/messages", "-H", "anthropic-version: 2023-06-01", "-H", "content-type: application/json", "-d", "@-", .. more],
            JsonSerializer.Serialize(new { model = "claude-opus-5-5", max_tokens = 50, messages = new[] { new { role = "user", content = text } } }));

    private static async Task<List<JsonElement>> PeersAsync(TwoHosts hosts) => [.. (await hosts.RestAsync("api/peers")).EnumerateArray()];

    private static async Task<List<JsonElement>> LogsAsync(TwoHosts hosts)
        => [.. (await hosts.RestAsync("api/agent-network/access-logs?page_size=100")).GetProperty("data").EnumerateArray()];
}
