using System.Diagnostics;
using System.Globalization;
using NetBird.Agent.Tests.TestSupport;

namespace NetBird.Agent.Tests;

/// <summary>What an agent costs a machine that it merely runs on, and how soon it is there. Prints its figures (NETBIRD_FAULT_TABLE).</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class WeightTests
{
    private static readonly bool Long = Environment.GetEnvironmentVariable("NETBIRD_LONG") is "1";

    /// <summary>80 MiB is what we promise; every run allows more, since its machine may be short of time to give pages back.</summary>
    private static readonly long MostResidentKib = (Long ? 80 : 110) * 1024;

    /// <summary>
    /// 2.3 was measured at rest at load 20, with a control plane of the test's that sends no heartbeats and is asked anew; 5 while two web
    /// servers are awake. A loop that polls makes ten more, one that spins hundreds.
    /// </summary>
    private static readonly double MostWakes = Long ? 6 : 25;

    [SkippableTheory]
    [InlineData("userspace")]
    [InlineData("rootless")]
    public async Task Connected_Idle_IsSmallAndSeldomWakes(string tunnel)
    {
        Skip.If(tunnel == "rootless" && !Long, "once in every run, both with tests/run.sh --long");
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync("--tunnel", tunnel);
        using (var client = world.Client())
        {
            await client.GetStringAsync("/v1/models");
        }

        var process = world.Agent.DaemonId;
        var resident = await ResidentKibAsync(process);
        for (var watch = Stopwatch.StartNew(); resident > MostResidentKib && watch.Elapsed < TimeSpan.FromMinutes(2); resident = await ResidentKibAsync(process))
        {
            await Task.Delay(1000);
        }

        // With the first collection after the start.
        for (var tries = 0; SlackOfTheFinalizer(process) < TimeSpan.FromMinutes(1); tries++)
        {
            Assert.True(tries < 1200, "the runtime's own timer wakes the machine");
            await Task.Delay(100);
        }

        var wakes = await WakesASecondAsync(process);
        FaultTable.Say($"idle, {tunnel}, resident", string.Create(CultureInfo.InvariantCulture, $"{resident / 1024.0:0.0} MiB"));
        FaultTable.Say($"idle, {tunnel}, wake-ups", string.Create(CultureInfo.InvariantCulture, $"{wakes:0.0} a second"));

        Assert.True(resident <= MostResidentKib, $"{resident} KiB");
        Assert.True(wakes < MostWakes, $"{wakes} a second");
    }

    [SkippableFact]
    public async Task Up_WithAValidLogin_ToTheFirstAnswer()
    {
        Skip.IfNot(Long, "a figure, no fault: tests/run.sh --long");
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        var times = new List<double>();
        for (var i = 0; i < 10; i++)
        {
            await world.Agent.RunAsync("down");
            var watch = Stopwatch.StartNew();
            var up = await world.Agent.RunAsync("up");
            using var client = world.Client();
            var answer = await client.GetStringAsync("/v1/models");
            times.Add(watch.Elapsed.TotalSeconds);
            Assert.True(up.ExitCode == 0, up.ToString());
            Assert.Equal("hello", answer);
        }

        times.Sort();
        FaultTable.Say("up to the first answer, median of 10", string.Create(CultureInfo.InvariantCulture, $"{(times[4] + times[5]) / 2:0.00} s"));
    }

    [SkippableTheory]
    [InlineData("statusline")]
    [InlineData("status")]
    [InlineData("budget")]
    public async Task Commands_ThatOnlyAsk_Print(string command)
    {
        Skip.IfNot(Long, "a figure, no fault: tests/run.sh --long");
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        var times = new List<double>();
        for (var i = 0; i < 20; i++)
        {
            var watch = Stopwatch.StartNew();
            var said = await world.Agent.RunAsync(command);
            times.Add(watch.Elapsed.TotalMilliseconds);
            Assert.True(said.ExitCode == 0, said.ToString());
        }

        times.Sort();
        FaultTable.Say(command + ", median of 20", string.Create(CultureInfo.InvariantCulture, $"{(times[9] + times[10]) / 2:0} ms"));
    }

    /// <summary>
    /// With --long, as it is for good: a web server that nobody is connected to sleeps after 20 s, code is compiled for the last time
    /// within a minute or two. In every run, what it is right after a request.
    /// </summary>
    private static async Task<double> WakesASecondAsync(int process)
    {
        await Task.Delay(TimeSpan.FromSeconds(Long ? 90 : 0));
        var (before, began) = (Switches(process), Stopwatch.GetTimestamp());
        await Task.Delay(TimeSpan.FromSeconds(Long ? 120 : 10));
        return (Switches(process) - before) / Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    /// <summary>How late its timer may be, to go off beside another one (proc(5), timerslack_ns).</summary>
    private static TimeSpan SlackOfTheFinalizer(int process)
    {
        var thread = Directory.GetDirectories($"/proc/{process}/task").Single(task => File.ReadAllText(Path.Combine(task, "comm")).StartsWith(".NET Finalizer", StringComparison.Ordinal));
        var nanoseconds = long.Parse(File.ReadAllText($"/proc/{Path.GetFileName(thread)}/timerslack_ns"), CultureInfo.InvariantCulture);
        return TimeSpan.FromTicks(nanoseconds / TimeSpan.NanosecondsPerTick);
    }

    private static async Task<long> ResidentKibAsync(int process)
        => (await File.ReadAllLinesAsync($"/proc/{process}/status"))
            .Where(line => line.StartsWith("VmRSS:", StringComparison.Ordinal))
            .Select(line => long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture))
            .Single();

    /// <summary>How often any of its threads went to sleep, which is how often one had woken (proc(5), voluntary_ctxt_switches).</summary>
    private static long Switches(int process) => Directory.GetDirectories($"/proc/{process}/task").Sum(thread =>
    {
        try
        {
            return File.ReadAllLines(Path.Combine(thread, "status"))
                .Where(line => line.StartsWith("voluntary_ctxt_switches:", StringComparison.Ordinal))
                .Sum(line => long.Parse(line.Split('\t')[1], CultureInfo.InvariantCulture));
        }
        catch (IOException)
        {
            // It ended while it was looked at.
            return 0;
        }
    });
}
