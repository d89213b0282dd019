namespace EndToEnd.Tests;

/// <summary>The agent killed at any moment of its start, its run and its stop: the next start is as the first was.</summary>
public sealed class KilledAgentTests
{
    // 30 moments in the long run of each way; in every run enough to meet each phase.
    private static readonly int s_moments = Environment.GetEnvironmentVariable("NETBIRD_LONG") == "1" ? 30 : 6;

    private const string LinksAndRoutes = "ip -o link | cut -d: -f2; ip route";

    [SkippableTheory]
    [InlineData("own")]
    [InlineData("host")]
    public async Task Killed_AtAnyMoment_TheNextStartConnectsAndNothingIsLeft(string space)
    {
        Skip.If(!Environment.IsPrivilegedProcess || !File.Exists("/dev/net/tun"), "needs root and /dev/net/tun");
        await using var hosts = await TwoHosts.StartAsync();
        var before = await hosts.ShellAsync(hosts.Developer, LinksAndRoutes);
        var (state, port) = await hosts.AddPersonAsync("ana@example.com", 8788);
        hosts.LastStarted.Kill();
        await hosts.LastStarted.WaitForExitAsync();
        var random = new Random(space.Length);
        for (var moment = 0; moment < s_moments; moment++)
        {
            var agent = hosts.Start(hosts.Developer, Checkout.Agent, Arguments());
            if (moment % 3 == 0)
            {
                await Task.Delay(random.Next(1_200));
            }
            else
            {
                await UntilConnectedAsync(hosts, state);
                if (moment % 3 == 1)
                {
                    await hosts.InAsync(hosts.Developer, "kill", ["-TERM", $"{agent.Id}"]);
                }

                await Task.Delay(random.Next(80));
            }

            agent.Kill();
            await agent.WaitForExitAsync();
            var after = await hosts.ShellAsync(hosts.Developer, LinksAndRoutes);
            Assert.Equal(before.Output, after.Output);
        }

        hosts.Start(hosts.Developer, Checkout.Agent, Arguments());
        await UntilConnectedAsync(hosts, state);
        var answer = await hosts.ShellAsync(hosts.Developer, $"curl -s -m 20 -o /dev/null -w '%{{http_code}}' http://127.0.0.1:{port}/v1/models -H 'anthropic-version: 2023-06-01'");
        Assert.Equal("200", answer.Output);

        string[] Arguments() =>
        [
            "up", "--management-url", hosts.Management.ToString().TrimEnd('/'), "--state-dir", state, "--endpoint", $"127.0.0.1:{port}",
            "--tunnel", "userspace", "--tunnel-namespace", space, "--foreground",
        ];
    }

    private static async Task UntilConnectedAsync(TwoHosts hosts, string state)
    {
        CommandResult? status = null;
        for (var i = 0; i < 120; i++)
        {
            status = await hosts.InAsync(hosts.Developer, Checkout.Agent, ["status", "--state-dir", state]);
            if (status.ExitCode == 0)
            {
                return;
            }

            await Task.Delay(250);
        }

        throw new InvalidOperationException($"The agent did not connect.\n{status}");
    }
}
