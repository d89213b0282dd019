using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using EndToEnd.Tests.ControlPlanes;
using FakeAnthropic;

namespace EndToEnd.Tests;

/// <summary>The https form over days, and where its ports are not to be had. Control plane and agent live by a clock that the test sets.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class HttpsEndpointLifeTests
{
    private const string Name = "claude.acme.internal";

    /// <summary>
    /// A certificate is for the six days that follow (and the day before); the next is asked for after one. The days begin in the past and end now, so that each
    /// certificate holds by the machine's clock as well: the real client lives by that one (it does not start under libfaketime).
    /// </summary>
    private const int Renewals = 3;

    private static readonly TimeSpan Step = TimeSpan.FromDays(1.5);

    [SkippableFact]
    public async Task Certificate_OverDays_IsRenewedUnseen_AndAnOpenConnectionStays()
    {
        Skip.IfNot(Environment.IsPrivilegedProcess, "needs root to mount a hosts file");
        using var clock = new FakeClock();
        clock.Set(-Renewals * Step);
        await using var upstream = await FakeUpstream.StartAsync();
        await using var node = await Node.StartAsync(environment: clock.Environment);
        await Company.ApplyAsync(node, upstream, "Engineering");
        var folder = Directory.CreateTempSubdirectory("netbird-days-").FullName;
        var state = Path.Combine(folder, "agent");
        try
        {
            await UpAsync(node, state, clock.Environment);
            var status = await NamedAsync(node, state);
            using var authority = X509CertificateLoader.LoadCertificateFromFile(status.GetProperty("endpoint_authority_file").GetString()!);
            var (port, url) = (new Uri(status.GetProperty("endpoint_https_url").GetString()!).Port, status.GetProperty("endpoint_https_url").GetString());
            await using var open = await ConnectAsync(port, authority, clock);
            var seen = new List<string> { open.RemoteCertificate!.GetSerialNumberString() };
            await ClaudeSaysHiAsync(folder, state, url!);

            for (var i = 1; i <= Renewals; i++)
            {
                clock.Set((i - Renewals) * Step);
                seen.Add(await NextSerialAsync(node, port, authority, clock, seen[^1], state));
                Assert.Contains("200 OK", await AskAsync(open), StringComparison.Ordinal);
            }

            await ClaudeSaysHiAsync(folder, state, url!);
            Assert.Equal(1 + Renewals, seen.Distinct().Count());
        }
        finally
        {
            await Command.RunAsync(Checkout.Agent, ["down", "--state-dir", state]);
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>443 is for root alone, so a person's agent takes 8743; where that is taken too, the status says so and what to do.</summary>
    [SkippableFact]
    public async Task Ports_443ForRootAndThen8743Taken_SaysWhatToDo()
    {
        const string Somebody = "4714";
        Skip.IfNot(Environment.IsPrivilegedProcess, "needs root to act as another uid");
        Skip.If(int.Parse(await File.ReadAllTextAsync("/proc/sys/net/ipv4/ip_unprivileged_port_start"), System.Globalization.CultureInfo.InvariantCulture) <= 443, "here everybody may have port 443");
        var home = Directory.CreateTempSubdirectory("netbird-ports-").FullName;
        await Command.RunAsync("chown", [Somebody, home]);
        await using var node = await Node.StartAsync();
        var as4714 = new[] { "--reuid", Somebody, "--regid", Somebody, "--clear-groups", "--", Checkout.Agent };
        var state = Path.Combine(home, "agent");
        var taken = new TcpListener(System.Net.IPAddress.Parse("127.0.87.88"), 8743);
        taken.Start();
        try
        {
            var key = await KeyAsync(node);
            var up = await Command.RunAsync("setpriv", [.. as4714, .. Up(node, state)], input: key);
            Skip.If(up.Error.Contains("Permission denied", StringComparison.Ordinal), "this checkout is where no other account can reach the executable");
            Assert.True(up.ExitCode == 0, up.ToString());
            await NameAsync(node);
            var refused = await UntilAsync("endpoint_https_problem");
            var words = await Command.RunAsync("setpriv", [.. as4714, "status", "--state-dir", state]);
            taken.Stop();
            await Command.RunAsync("setpriv", [.. as4714, "down", "--state-dir", state]);
            await Command.RunAsync("setpriv", [.. as4714, "up", "--state-dir", state]);
            var url = await UntilAsync("endpoint_https_url");

            Assert.Contains("127.0.87.88:8743", refused, StringComparison.Ordinal);
            Assert.Contains("netbird-agent up --https-endpoint 127.0.87.88:8744", refused, StringComparison.Ordinal);
            Assert.Contains("Https form:     The https endpoint cannot listen on 127.0.87.88:8743", words.Output, StringComparison.Ordinal);
            Assert.Equal($"https://{Name}:8743", url);
        }
        finally
        {
            taken.Dispose();
            await Command.RunAsync("setpriv", [.. as4714, "down", "--state-dir", state]);
            Directory.Delete(home, recursive: true);
        }

        async Task<string> UntilAsync(string field)
        {
            var last = "";
            for (var i = 0; i < 240; i++)
            {
                var asked = await Command.RunAsync("setpriv", [.. as4714, "status", "--json", "--state-dir", state]);
                last = asked.ToString();
                if (asked.Output.StartsWith('{') && JsonDocument.Parse(asked.Output).RootElement.GetProperty(field).GetString() is { Length: > 0 } value)
                {
                    return value;
                }

                await Task.Delay(250);
            }

            throw new TimeoutException(last);
        }
    }

    private static string[] Up(Node node, string state) =>
    [
        "up", "--management-url", node.Url.ToString().TrimEnd('/'), "--state-dir", state, "--endpoint", $"127.0.0.1:{AgentSession.FreePort()}",
        "--tunnel", "rootless", "--setup-key", "-",
    ];

    private static async Task UpAsync(Node node, string state, IReadOnlyDictionary<string, string?> environment)
    {
        var up = await Command.RunAsync(Checkout.Agent, Up(node, state), environment, await KeyAsync(node));
        Assert.True(up.ExitCode == 0, up + node.Log);
    }

    private static async Task<string> KeyAsync(Node node)
        => JsonDocument.Parse(await node.DoneAsync(["setup-key", "create", "days", "--group", "Engineering", "--json"])).RootElement.GetProperty("key").GetString()! + "\n";

    private static async Task NameAsync(Node node)
    {
        var settings = JsonNode.Parse((await node.GetAsync("/api/agent-network/settings")).GetRawText())!;
        settings["endpoint_name"] = Name;
        await node.SendAsync(HttpMethod.Put, "/api/agent-network/settings", settings);
    }

    private static async Task<JsonElement> NamedAsync(Node node, string state)
    {
        await NameAsync(node);
        var last = "";
        for (var i = 0; i < 240; i++)
        {
            var result = await Command.RunAsync(Checkout.Agent, ["status", "--json", "--state-dir", state]);
            last = result.ToString();
            if (result.ExitCode == 0 && JsonDocument.Parse(result.Output).RootElement is var status
                && status.GetProperty("endpoint_https_url").GetString() is { Length: > 0 })
            {
                return status.Clone();
            }

            await Task.Delay(250);
        }

        throw new TimeoutException(last + node.Log);
    }

    /// <summary>A connection whose certificate holds at this moment of the test's clock.</summary>
    private static async Task<SslStream> ConnectAsync(int port, X509Certificate2 authority, FakeClock clock)
    {
        var tcp = new TcpClient();
        await tcp.ConnectAsync("127.0.87.88", port);
        var stream = new SslStream(tcp.GetStream());
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck,
            VerificationTime = clock.Now.UtcDateTime, VerificationTimeIgnored = false,
        };
        policy.CustomTrustStore.Add(authority);
        await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = Name, CertificateChainPolicy = policy });
        return stream;
    }

    private static async Task<string> AskAsync(SslStream stream)
    {
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"HEAD /api/hello HTTP/1.1\r\nHost: {Name}\r\n\r\n"));
        var buffer = new byte[4096];
        return Encoding.ASCII.GetString(buffer, 0, await stream.ReadAsync(buffer));
    }

    private static async Task<string> NextSerialAsync(Node node, int port, X509Certificate2 authority, FakeClock clock, string before, string state)
    {
        for (var i = 0; i < 240; i++)
        {
            await using var stream = await ConnectAsync(port, authority, clock);
            if (stream.RemoteCertificate!.GetSerialNumberString() is var serial && serial != before)
            {
                return serial;
            }

            await Task.Delay(250);
        }

        throw new TimeoutException(await File.ReadAllTextAsync(Path.Combine(state, "agent.log")) + node.Log);
    }

    /// <summary>The real client, with the name in a hosts file of its own.</summary>
    private static async Task ClaudeSaysHiAsync(string folder, string state, string url)
    {
        if (Checkout.Claude is null)
        {
            return;
        }

        var hosts = Path.Combine(folder, "hosts");
        await File.WriteAllTextAsync(hosts, "127.0.0.1 localhost");
        var environment = new Dictionary<string, string?> { ["HOME"] = folder, ["IS_SANDBOX"] = "1", ["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] = "1" };
        var answer = await Command.RunAsync("unshare",
        [
            "-m", "sh", "-c", "mount --bind \"$1\" /etc/hosts; \"$2\" claude setup --https --state-dir \"$3\" >&2 && exec \"$4\" -p 'say hi'", "sh",
            hosts, Checkout.Agent, state, Checkout.Claude,
        ], environment, folder: folder);
        Assert.True(answer.ExitCode == 0, answer.ToString());
        Assert.NotEmpty(answer.Output.Trim());
        Assert.Contains(url, await File.ReadAllTextAsync(Path.Combine(folder, ".claude", "settings.json")), StringComparison.Ordinal);
    }
}
