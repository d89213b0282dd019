using System.Diagnostics;
using System.Globalization;
using NetBird.ControlPlane.Store.Secrets;
using NetBird.ControlPlane.Tests.Store;
using Xunit.Abstractions;

namespace NetBird.ControlPlane.Tests.AgentApi.ManyAgents;

/// <summary>
/// As many connected agents as the executable promises, in an account of 300 groups and 200 policies: what a change costs,
/// when the last of them has it, what they hold in memory, and how they all come back after the process was killed. Too
/// long for every run; NETBIRD_LONG=1 runs it, NETBIRD_AGENTS takes another number of them.
/// </summary>
public sealed class ManyAgentsTests(PostgresCluster cluster, ITestOutputHelper output) : IClassFixture<PostgresCluster>
{
    private const int Groups = 300;
    private const int Policies = 200;
    private const int AtOnce = 24;

    private static readonly int Agents = int.Parse(Environment.GetEnvironmentVariable("NETBIRD_AGENTS") ?? "5000", CultureInfo.InvariantCulture);

    private readonly Stopwatch _watch = Stopwatch.StartNew();

    [SkippableFact]
    public async Task Change_OnLiteDb_ReachesAllAgentsAndTheyComeBackAfterAKill()
    {
        SkipUnlessLong();
        using var state = new TemporaryState();
        await using var plane = await PlaneProcess.StartAsync(Path.Combine(state.Path, "state"));
        await RunAsync(plane, plane);
    }

    [SkippableFact]
    public async Task Change_AtAnotherNodeOverPostgres_ReachesAllAgentsAndTheyComeBackAfterAKill()
    {
        SkipUnlessLong();
        Skip.If(cluster.Missing is not null, cluster.Missing);
        using var state = new TemporaryState();
        var database = await cluster.CreateDatabaseAsync();
        var first = Path.Combine(state.Path, "one");
        await using var one = await PlaneProcess.StartAsync(first, "--postgres", database);
        await using var two = await PlaneProcess.StartAsync(
            Path.Combine(state.Path, "two"), "--postgres", database, "--cluster-key", Path.Combine(first, ClusterKey.FileName), "--public-url", one.Url.ToString());
        await RunAsync(one, two);
    }

    /// <param name="at">Where changes are made.</param>
    /// <param name="plane">Where the agents are connected.</param>
    private async Task RunAsync(PlaneProcess at, PlaneProcess plane)
    {
        var provider = await at.SendAsync(HttpMethod.Post, "/api/agent-network/providers", new { name = "Sample", provider_id = "sample", enabled = true });
        var groups = new List<string>();
        for (var i = 0; i < Groups; i++)
        {
            groups.Add((await at.SendAsync(HttpMethod.Post, "/api/groups", new { name = $"Group {i}" })).GetProperty("id").GetString()!);
        }

        for (var i = 0; i < Policies; i++)
        {
            await at.SendAsync(HttpMethod.Post, "/api/agent-network/policies", Policy(i, $"Policy {i}", groups[i], provider.GetProperty("id").GetString()!));
        }

        var setup = await at.SendAsync(HttpMethod.Post, "/api/setup-keys", new { name = "many", usage_limit = 0, expires_in = 86400, auto_groups = groups[..5] });
        var (empty, began) = (plane.Memory, _watch.Elapsed);
        var cpu = plane.Processor;
        await using var crowd = new Crowd();
        await crowd.EnrolAsync(plane.Url, setup.GetProperty("key").GetString()!, Agents, AtOnce);
        Say($"{Agents} agents enrolled and connected in {(_watch.Elapsed - began).TotalSeconds:F1} s, {(plane.Processor - cpu).TotalSeconds:F1} s of processor; {(plane.Memory - empty) / 1024.0 / Agents:F1} KiB an agent, {plane.Memory / 1024 / 1024} MiB");

        (cpu, began) = (plane.Processor, _watch.Elapsed);
        await Task.Delay(TimeSpan.FromSeconds(30));
        Say($"at rest: {(plane.Processor - cpu) / (_watch.Elapsed - began) * 100:F1} % of a core, {plane.Memory / 1024 / 1024} MiB");

        for (var round = 0; round < 5; round++)
        {
            var name = $"Account {round}";
            (cpu, began) = (plane.Processor, _watch.Elapsed);
            var answered = at.SendAsync(HttpMethod.Put, "/api/agent-network/settings", new { account_name = name })
                .ContinueWith(_ => _watch.Elapsed - began, TaskScheduler.Default);
            var arrivals = await crowd.ArrivalsAsync(name, () => _watch.Elapsed - began);
            Say($"change {round}: answered after {(await answered).TotalMilliseconds:F0} ms, at half of them after {arrivals[Agents / 2].TotalMilliseconds:F0} ms, at the last after {arrivals[^1].TotalMilliseconds:F0} ms; {(plane.Processor - cpu).TotalMilliseconds:F0} ms of processor");
        }

        await WriteAsync(at, plane, "a policy", i => at.SendAsync(HttpMethod.Post, "/api/agent-network/policies", Policy(i, $"Another {i}", groups[i], provider.GetProperty("id").GetString()!)));
        await WriteAsync(at, plane, "a group", i => at.SendAsync(HttpMethod.Put, "/api/groups/" + groups[^(i + 1)], new { name = $"Renamed {i}" }));
        await WriteAsync(at, plane, "a person", i => at.SendAsync(HttpMethod.Post, "/api/users", new { name = $"Service {i}", is_service_user = true }));

        await plane.KillAsync();
        await Crowd.UntilAsync(() => crowd.Connected == 0, TimeSpan.FromMinutes(1));
        var failures = crowd.Failures;
        began = _watch.Elapsed;
        await plane.StartAsync();
        var ready = _watch.Elapsed - began;
        await Crowd.UntilAsync(() => crowd.Connected == Agents, TimeSpan.FromMinutes(5));
        Say($"killed and started again: ready after {ready.TotalSeconds:F1} s, all {Agents} connected after {(_watch.Elapsed - began).TotalSeconds:F1} s, {plane.Processor.TotalSeconds:F1} s of processor, {crowd.Failures - failures} attempts in vain, {plane.Memory / 1024 / 1024} MiB");
    }

    private static object Policy(int number, string name, string group, string provider) => new
    {
        name,
        enabled = true,
        source_groups = new[] { group },
        destination_provider_ids = new[] { provider },
        limits = new { token_limit = new { enabled = true, group_cap = 1_000_000 + number, user_cap = 0, window_seconds = 3600 } },
    };

    private static void SkipUnlessLong()
    {
        Skip.If(Environment.GetEnvironmentVariable("NETBIRD_LONG") is not "1", "Long; set NETBIRD_LONG=1.");
        Skip.IfNot(OperatingSystem.IsLinux(), "Memory and processor time are read from /proc.");
    }

    private async Task WriteAsync(PlaneProcess at, PlaneProcess plane, string what, Func<int, Task> write)
    {
        const int Times = 20;
        var (cpu, began) = (at.Processor + (plane == at ? TimeSpan.Zero : plane.Processor), _watch.Elapsed);
        for (var i = 0; i < Times; i++)
        {
            await write(i);
        }

        var took = _watch.Elapsed - began;
        await Task.Delay(1000);
        cpu = at.Processor + (plane == at ? TimeSpan.Zero : plane.Processor) - cpu;
        Say($"writing {what}: {took.TotalMilliseconds / Times:F1} ms, {cpu.TotalMilliseconds / Times:F1} ms of processor");
    }

    private void Say(FormattableString line) => output.WriteLine(FormattableString.Invariant(line));
}
