using System.Diagnostics;
using System.Globalization;
using NetBird.Agent.Tests.TestSupport;

namespace NetBird.Agent.Tests;

/// <summary>The machine's clock jumps under the running daemon, by Debian's libfaketime in the daemon's own process.</summary>
public sealed class ClockFaultTests
{
    [SkippableTheory]
    [InlineData("+1d")]
    [InlineData("-1d")]
    public async Task ClockJumps_ADay_RequestsGoOnPassing(string jump)
    {
        var library = Directory.Exists("/usr/lib")
            ? Directory.EnumerateFiles("/usr/lib", "libfaketimeMT.so.1", SearchOption.AllDirectories).FirstOrDefault()
            : null;
        Skip.If(library is null, "Debian's libfaketime is not installed");
        await using var world = await AgentWorld.StartAsync();
        world.Plane.LoginLifetime = TimeSpan.FromHours(12);
        var clock = Path.Combine(world.Agent.Root, "clock");
        await File.WriteAllTextAsync(clock, "+0");
        world.Agent.Environment["LD_PRELOAD"] = library;
        world.Agent.Environment["FAKETIME_TIMESTAMP_FILE"] = clock;
        world.Agent.Environment["FAKETIME_NO_CACHE"] = "1";
        world.Agent.Environment["FAKETIME_DONT_FAKE_MONOTONIC"] = "1";
        world.Agent.Environment["DONT_FAKE_MONOTONIC"] = "1";
        var up = await world.UpAsync();
        Assert.True(up.ExitCode == 0, up.ToString());
        using var client = world.Client();
        await client.GetStringAsync("/v1/models");

        await File.WriteAllTextAsync(clock, jump);
        var watch = Stopwatch.StartNew();
        while (true)
        {
            using var answer = await client.GetAsync("/v1/models");
            if (answer.IsSuccessStatusCode)
            {
                break;
            }

            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(30), world.Agent.ReadLog());
            await Task.Delay(100);
        }

        var passed = watch.Elapsed;
        await world.Agent.UntilStateAsync("connected", TimeSpan.FromSeconds(40));
        FaultTable.Report($"clock set {jump}", passed);

        // And it stays so: nothing waits for a time that is a day away.
        await Task.Delay(5000);
        Assert.Equal("hello", await client.GetStringAsync("/v1/models"));
        Assert.Contains(DateTimeOffset.UtcNow.AddDays(jump[0] == '+' ? 1 : -1).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), world.Agent.ReadLog(), StringComparison.Ordinal);
    }
}
