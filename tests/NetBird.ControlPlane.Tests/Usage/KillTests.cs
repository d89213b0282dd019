using System.Diagnostics;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.ControlPlane.Usage;
using NetBird.Gateway.Metering;

namespace NetBird.ControlPlane.Tests.Usage;

/// <summary>A real process, killed for good at a random moment, again and again on the same state.</summary>
public sealed class KillTests
{
    [Fact]
    public async Task Kill_AtRandomMoments_LosesNothingAndDoublesNothing()
    {
        using var scratch = new Scratch();
        var begun = new HashSet<string>(StringComparer.Ordinal);
        var ended = new HashSet<string>(StringComparer.Ordinal);
        for (var round = 0; round < 8; round++)
        {
            await RunAndKillAsync(scratch.Path, begun, ended);
        }

        Assert.True(ended.Count > 1_000, $"Only {ended.Count} requests: the run proves little.");
        await using var store = await UsageStore.OpenAsync(scratch.Path, TimeProvider.System, NullLoggerFactory.Instance, default);
        await Eventually.TrueAsync(async () => (await store.Ledger.QueryAsync(new(), default)).TotalRecords >= begun.Count);
        var rows = new Dictionary<string, UsageRecord>(StringComparer.Ordinal);
        await foreach (var row in store.Ledger.EnumerateAsync(new(), default))
        {
            Assert.True(rows.TryAdd(row.Id.Value, row), $"{row.Id} is there twice.");
        }

        Assert.Empty(begun.Where(id => !rows.ContainsKey(id)));
        Assert.Empty(ended.Where(id => rows[id] is not { Completeness: Completeness.Complete, Usage.Tokens.Total: 15 }));
        foreach (var row in rows.Values.Where(row => row.Completeness == Completeness.Interrupted))
        {
            Assert.DoesNotContain(row.Id.Value, ended);
            Assert.Equal((99, 99 * 4_000), (row.Usage.Tokens.Total, row.Cost.Value));
        }

        Assert.Empty(await store.Ledger.VerifyAsync(default));
    }

    private static async Task RunAndKillAsync(string directory, HashSet<string> begun, HashSet<string> ended)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true };
        foreach (var argument in (string[])["exec", typeof(TestProcess).Assembly.Location, "usage-writer", directory])
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start)!;
        var killAfter = RandomNumberGenerator.GetInt32(1, 900);
        Stopwatch? running = null;
        while (await process.StandardOutput.ReadLineAsync() is { } line)
        {
            running ??= Stopwatch.StartNew();
            (line[0] == 'b' ? begun : ended).Add(line[2..]);
            if (running.ElapsedMilliseconds >= killAfter && !process.HasExited)
            {
                process.Kill();
            }
        }

        await process.WaitForExitAsync();
    }
}
