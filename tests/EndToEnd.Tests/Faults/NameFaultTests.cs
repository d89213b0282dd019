using System.Diagnostics;
using System.Globalization;

namespace EndToEnd.Tests.Faults;

/// <summary>Names stop being resolved under an agent that runs: the tunnel goes by the addresses it knows.</summary>
public sealed class NameFaultTests
{
    private const int Port = 8789;

    [SkippableFact]
    public async Task DnsFailsUnderARunningDaemon_RequestsGoOn_AndItComesBackWithDns()
    {
        Skip.IfNot(File.Exists("/usr/sbin/nft"), "Debian's nftables is not installed");
        await using var hosts = await TwoHosts.StartAsync(named: true);

        // ip netns exec mounts these over the files of /etc; written in place they change under the running agent.
        var etc = Path.Combine("/etc/netns", hosts.Developer);
        Directory.CreateDirectory(etc);
        try
        {
            await File.WriteAllTextAsync(Path.Combine(etc, "resolv.conf"), "nameserver 127.0.0.53\n");
            await File.WriteAllTextAsync(Path.Combine(etc, "nsswitch.conf"), "hosts: files dns\n");
            await NameAsync(known: true);
            var (state, _) = await hosts.AddPersonAsync("ana@example.com", Port, management: $"https://{TwoHosts.ServerName}:8443");
            Assert.Contains("\"type\":\"message\"", await AskAsync(), StringComparison.Ordinal);

            // The resolver is away, and then the network moves and the connection to the control plane breaks.
            await NameAsync(known: false);
            await OnAsync("nft add table inet fault; nft add chain inet fault out '{ type filter hook output priority 0; }'; nft add rule inet fault out tcp dport 8443 reject with tcp reset");
            await OnAsync($"ip addr del {TwoHosts.DeveloperAddress}/24 dev cable; ip addr add 10.231.7.78/24 dev cable");
            var watch = Stopwatch.StartNew();
            await UntilPassesAsync();
            NetworkFaultTests.Report("DNS away, address changed, requests pass", watch.Elapsed);
            await OnAsync("nft delete table inet fault");
            var said = await UntilAsync(state, "degraded");
            Assert.Contains("\"type\":\"message\"", await AskAsync(), StringComparison.Ordinal);
            await NameAsync(known: true);
            watch.Restart();
            await UntilAsync(state, "connected");
            NetworkFaultTests.Report("DNS back, connected", watch.Elapsed);

            Assert.Contains(TwoHosts.ServerName, said, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(etc, recursive: true);
        }

        Task NameAsync(bool known) => File.WriteAllTextAsync(Path.Combine(etc, "hosts"),
            "127.0.0.1 localhost\n" + (known ? $"{TwoHosts.ServerAddress} {TwoHosts.ServerName}\n" : ""));

        async Task OnAsync(string script)
        {
            var done = await hosts.ShellAsync(hosts.Developer, script);
            Assert.True(done.ExitCode == 0, done.ToString());
        }

        async Task<string> AskAsync() => (await hosts.ShellAsync(hosts.Developer,
            $$"""curl -s -m 10 --noproxy '*' http://127.0.0.1:{{Port}}/v1/messages -H 'content-type: application/json' -H 'anthropic-version: 2023-06-01' -d '{"model":"claude-opus-5-5","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}'""")).Output;

        async Task UntilPassesAsync()
        {
            var last = "";
            for (var i = 0; i < 300; i++)
            {
                last = await AskAsync();
                if (last.Contains("\"type\":\"message\"", StringComparison.Ordinal))
                {
                    return;
                }

                await Task.Delay(100);
            }

            Assert.Fail("Requests do not pass: " + last);
        }

        async Task<string> UntilAsync(string state, string wanted)
        {
            var last = new CommandResult(0, "", "", default);
            for (var i = 0; i < 600; i++)
            {
                last = await hosts.InAsync(hosts.Developer, Checkout.Agent, ["status", "--json", "--state-dir", state]);
                using var status = System.Text.Json.JsonDocument.Parse(last.Output);
                if (status.RootElement.GetProperty("state").GetString() == wanted)
                {
                    return status.RootElement.GetProperty("reason").GetString()!;
                }

                await Task.Delay(100);
            }

            throw new TimeoutException(string.Create(CultureInfo.InvariantCulture, $"Not {wanted}: {last}"));
        }
    }
}
