using System.Collections.Concurrent;
using System.Net.Http.Json;
using FakeAnthropic;
using NetBird.ControlPlane.Tests.Store;

namespace EndToEnd.Tests.ControlPlanes;

/// <summary>A backup taken while four clients change the account, restored elsewhere and started: everything answered before it began is there.</summary>
public sealed class BackupTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>
{
    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Backup_WhileItRuns_RestoresToOneMomentOfIt(bool postgres)
    {
        var environment = await Stores.EnvironmentAsync(cluster, postgres);
        await using var upstream = await FakeUpstream.StartAsync(new FakeUpstreamOptions());
        await using var node = await Node.StartAsync(environment: environment);
        await Company.FoundAsync(node, upstream, "Engineering");
        var answered = new ConcurrentBag<string>();
        using var stop = new CancellationTokenSource();
        var clients = Enumerable.Range(0, 4).Select(async client =>
        {
            for (var i = 0; !stop.IsCancellationRequested; i++)
            {
                var name = $"c{client}n{i}";
                using var answer = await node.Admin.PostAsJsonAsync("/api/groups", new { name });
                if (answer.IsSuccessStatusCode)
                {
                    answered.Add(name);
                }
                else
                {
                    await Task.Delay(1000); // too many a second
                }
            }
        }).ToList();
        for (var i = 0; answered.Count < 20; i++)
        {
            Assert.True(i < 600, "Nothing is written.");
            await Task.Delay(50);
        }

        var before = answered.ToList();
        var file = Path.Combine(Path.GetDirectoryName(node.StateDir)!, "backup.tar");
        await node.DoneAsync(["backup", file]);
        await stop.CancelAsync();
        await Task.WhenAll(clients);
        await node.StopAsync();

        var other = await Stores.EnvironmentAsync(cluster, postgres);
        var restored = Path.Combine(Path.GetDirectoryName(node.StateDir)!, "restored");
        var done = await Command.RunAsync(Checkout.ControlPlane, ["restore", file, "--state-dir", restored], other);
        Assert.True(done.ExitCode == 0, done.ToString());
        await using var again = await Node.StartAsync(environment: other, stateDir: restored);
        var there = (await again.GetAsync("/api/groups")).EnumerateArray().Select(group => group.GetProperty("name").GetString()!).ToHashSet();

        Assert.Empty(before.Where(name => !there.Contains(name)));
        Assert.Empty(there.Except([.. answered, "All", "Engineering"]));
        Assert.Contains("as they were written", await again.DoneAsync(["verify"]), StringComparison.Ordinal);
        Assert.True((await again.SendAsync(HttpMethod.Post, "/api/agent-network/providers/" + (await again.GetAsync("/api/agent-network/providers"))[0].GetProperty("id").GetString() + "/test", new { })).GetProperty("success").GetBoolean());
    }
}
