using Microsoft.Extensions.Logging.Abstractions;
using NetBird.ControlPlane.Tests.Store;
using NetBird.ControlPlane.Usage;
using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tests.Usage.Journalling;

public sealed class UsageJournalTests : IDisposable
{
    private readonly Scratch _scratch = new();

    private string JournalDirectory => Path.Combine(_scratch.Path, "usage-journal");

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Complete_Records_ReachTheLedger()
    {
        await using var store = await OpenAsync(_scratch.Path);
        await store.Journal.BeginAsync(Rows.Row(1) with { Usage = default }, default);
        await store.Journal.CompleteAsync(Rows.Row(1));
        await store.Journal.CompleteAsync(Rows.Row(1));

        var rows = await RowsAsync(store, 1);

        Assert.Equal(15, rows[0].Usage.Tokens.Total);
    }

    /// <summary>The state directory is copied while the process runs: exactly what kill -9 leaves.</summary>
    [Fact]
    public async Task Open_AfterACrash_HasFinishedRowsOnceAndUnfinishedOnesInterrupted()
    {
        using var after = new Scratch();
        await using (var store = await OpenAsync(_scratch.Path))
        {
            for (var i = 0; i < 50; i++)
            {
                await store.Journal.BeginAsync(Rows.Row(i) with { Usage = new(new TokenUsage(500, 0)), Cost = default }, default);
            }

            for (var i = 0; i < 40; i++)
            {
                await store.Journal.CompleteAsync(Rows.Row(i));
            }

            Copy(_scratch.Path, after.Path);
        }

        for (var start = 0; start < 3; start++)
        {
            await using var store = await OpenAsync(after.Path);
            var rows = await RowsAsync(store, 50);

            var interrupted = rows.Where(row => row.Completeness == Completeness.Interrupted).ToList();
            Assert.Equal(Enumerable.Range(40, 10).Select(i => $"r{i}").Order(), interrupted.Select(row => row.Id.Value).Order());
            Assert.All(interrupted, row => Assert.Equal((500, 2_000_000), (row.Usage.Tokens.Total, row.Cost.Value)));
            Assert.Empty(await store.Ledger.VerifyAsync(default));
        }
    }

    /// <summary>
    /// What is billed beside a request that is under way comes back with it, as the last note had it: an advisor that was asked and has not told its
    /// figures yet. What had ended before the crash is there as it ended, and a note of before that as nothing.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Open_AfterACrash_HasWhatIsBilledBesideARequest(bool rotated)
    {
        using var after = new Scratch();
        await using (var store = await OpenAsync(_scratch.Path))
        {
            foreach (var i in (int[])[1, 2, 3, 4])
            {
                await store.Journal.BeginAsync(Row(i), default);
                store.Journal.Note(Row(i), [Beside(i, 1, 700)]);
                store.Journal.Note(Row(i), [Beside(i, 1, 800), Beside(i, 2, 900)]);
            }

            if (rotated)
            {
                // A journal that was moved away is begun anew, with all that is under way.
                Directory.Move(JournalDirectory, JournalDirectory + ".away");
                Directory.CreateDirectory(JournalDirectory);
                await UntilAsync(() => Task.FromResult(Directory.GetFiles(JournalDirectory).Length > 0), TimeSpan.FromSeconds(10));
            }

            // One ended with a part of its own, one without any; of one the process dies between its part and itself.
            await store.Journal.CompleteAsync(Beside(2, 1, 60) with { Completeness = Completeness.Complete });
            await store.Journal.CompleteAsync(Row(2) with { Completeness = Completeness.Complete });
            await store.Journal.CompleteAsync(Row(3) with { Completeness = Completeness.Complete });
            await store.Journal.CompleteAsync(Beside(4, 1, 60) with { Completeness = Completeness.Complete });
            if (!rotated)
            {
                store.Journal.Note(Row(4), [Beside(4, 2, 950)]);
            }

            await RowsAsync(store, 4);
            Copy(_scratch.Path, after.Path);
        }

        for (var start = 0; start < 2; start++)
        {
            await using var store = await OpenAsync(after.Path);
            var rows = (await RowsAsync(store, 9)).ToDictionary(row => row.Id.Value, row => (row.Usage.Tokens.Input, row.Completeness is Completeness.Interrupted));

            Assert.Equal(
                [
                    ("r1", (10, true)), ("r1.1", (800, true)), ("r1.2", (900, true)), ("r2", (10, false)), ("r2.1", (60, false)),
                    ("r3", (10, false)), ("r4", (10, true)), ("r4.1", (60, false)), ("r4.2", (rotated ? 900 : 950, true)),
                ],
                rows.Select(row => (row.Key, row.Value)).Order());
            Assert.Empty(await store.Ledger.VerifyAsync(default));
        }

        static UsageRecord Row(int number) => Rows.Row(number) with { Completeness = Completeness.Interrupted };
        static UsageRecord Beside(int whole, int number, long tokens) => Row(whole) with
        {
            Id = UsageRecord.PartId(new($"r{whole}"), number), Kind = RequestKind.Part, Model = "claude-fable-5", Usage = new(new TokenUsage(tokens, 0)), Cost = new(tokens),
        };
    }

    /// <summary>Results are handed out once their rows would survive kill -9, never because they will be written some time.</summary>
    [SkippableFact]
    public async Task CompleteOnce_OnAFullDisk_AddsNoneAndAllOfThemLater()
    {
        using var disk = new SmallDisk(JournalDirectory, "1m");
        await using var store = await OpenAsync(_scratch.Path);
        var many = Enumerable.Range(0, 100).Select(i => Rows.Row(i) with { Id = new($"batch-{i}"), Kind = RequestKind.BatchResult }).ToList();
        disk.Fill();

        // What is left of a page of the file takes some of them.
        await Assert.ThrowsAsync<IOException>(async () => await store.Journal.CompleteOnceAsync(RequestId.New(), many, default));
        disk.GiveRoom();

        await UntilAsync(async () => !await RefusesAsync(store, 1_000), TimeSpan.FromSeconds(5));
        Assert.Equal(0, (await store.Ledger.QueryAsync(new(), default)).TotalRecords);
        Assert.Equal(100, (await store.Journal.CompleteOnceAsync(RequestId.New(), many, default)).Count);
        Assert.Equal(100, (await RowsAsync(store, 100)).Count(row => row.Kind is RequestKind.BatchResult));
    }

    [Fact]
    public async Task CompleteOnce_TheSameAgainAtAnyTime_AddsItOnce()
    {
        var results = Enumerable.Range(0, 30).Select(i => Rows.Row(i) with { Id = new($"batch-{i}"), Kind = NetBird.Policy.RequestKind.BatchResult }).ToList();
        using var after = new Scratch();
        await using (var store = await OpenAsync(_scratch.Path))
        {
            Assert.Equal(20, (await store.Journal.CompleteOnceAsync(RequestId.New(), results[..20], default)).Count);
            Assert.Equal(["batch-20"], (await store.Journal.CompleteOnceAsync(RequestId.New(), results[15..21], default)).Select(row => row.Id.Value));

            // As kill -9 leaves it, some handed over to the ledger and some not.
            Copy(_scratch.Path, after.Path);
        }

        for (var start = 0; start < 3; start++)
        {
            await using var store = await OpenAsync(after.Path);
            Assert.Equal(start == 0 ? 9 : 0, (await store.Journal.CompleteOnceAsync(RequestId.New(), results, default)).Count);
            Assert.Equal(30, (await RowsAsync(store, 30)).Count);
            Assert.Empty(await store.Ledger.VerifyAsync(default));
        }
    }

    [Fact]
    public async Task Open_TornTail_LosesOnlyWhatWasTorn()
    {
        using var after = new Scratch();
        await using (var store = await OpenAsync(_scratch.Path))
        {
            await store.Journal.CompleteAsync(Rows.Row(1));
            await store.Journal.CompleteAsync(Rows.Row(2));
            CopyJournal(after.Path);
        }

        var segment = Directory.GetFiles(Path.Combine(after.Path, "usage-journal")).Single();
        using (var file = File.OpenWrite(segment))
        {
            file.SetLength(file.Length - 3);
        }

        await using var reopened = await OpenAsync(after.Path);
        Assert.Equal("r1", (await RowsAsync(reopened, 1)).Single().Id.Value);
    }

    [Fact]
    public async Task Begin_StoreGone_RefusesWithinASecondAndResumesByItself()
    {
        await using var store = await OpenAsync(_scratch.Path);
        await store.Journal.BeginAsync(Rows.Row(1), default);
        var away = Path.Combine(_scratch.Path, "away.db");
        File.Move(Path.Combine(_scratch.Path, "usage.db"), away);

        await UntilAsync(async () => await RefusesAsync(store, 100), TimeSpan.FromSeconds(1));
        await store.Journal.CompleteAsync(Rows.Row(1));
        File.Move(away, Path.Combine(_scratch.Path, "usage.db"));
        await UntilAsync(async () => !await RefusesAsync(store, 101), TimeSpan.FromSeconds(2));

        Assert.Contains(await RowsAsync(store, 1), row => row.Id.Value == "r1");
    }

    /// <summary>Nobody asked for a while, so nobody looked: the first who asks is refused, too, and nothing is begun.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Begin_StoreGoneWhileNobodyAsked_RefusesTheFirst(bool journal)
    {
        await using var store = await OpenAsync(_scratch.Path);
        await store.Journal.CompleteAsync(Rows.Row(1));
        await RowsAsync(store, 1);
        await Task.Delay(1_000);
        var from = journal ? JournalDirectory : Path.Combine(_scratch.Path, "usage.db");
        Directory.Move(from, from + ".away");

        Assert.True(await RefusesAsync(store, 100));

        Directory.Move(from + ".away", from);
        await UntilAsync(async () => !await RefusesAsync(store, 101), TimeSpan.FromSeconds(5));
    }

    [Fact]
    public async Task Begin_JournalDirectoryGone_RefusesAndKeepsWhatFinishes()
    {
        await using var store = await OpenAsync(_scratch.Path);
        await store.Journal.BeginAsync(Rows.Row(1), default);
        Directory.Move(JournalDirectory, JournalDirectory + ".away");

        await UntilAsync(async () => await RefusesAsync(store, 100), TimeSpan.FromSeconds(1));
        await store.Journal.CompleteAsync(Rows.Row(1));
        Directory.Move(JournalDirectory + ".away", JournalDirectory);
        await UntilAsync(async () => !await RefusesAsync(store, 101), TimeSpan.FromSeconds(2));

        Assert.Contains(await RowsAsync(store, 1), row => row.Id.Value == "r1");
    }

    [Fact]
    public async Task Complete_AbsurdFigures_AreBounded()
    {
        await using var store = await OpenAsync(_scratch.Path);
        await store.Journal.CompleteAsync(Rows.Row(1) with
        {
            Usage = new(new TokenUsage(long.MaxValue, -7)), Cost = new(long.MaxValue), Model = new string('m', 5_000),
        });

        var row = (await RowsAsync(store, 1)).Single();
        Assert.Equal((1_000_000_000_000, 256), (row.Usage.Tokens.Total, row.Model.Length));
        Assert.Equal(1_000_000 * NanoUsd.PerUsd, row.Cost.Value);
    }

    internal static Task<UsageStore> OpenAsync(string directory)
        => UsageStore.OpenAsync(directory, TimeProvider.System, NullLoggerFactory.Instance, default);

    private static async Task<bool> RefusesAsync(UsageStore store, int number)
    {
        try
        {
            await store.Journal.BeginAsync(Rows.Row(number), default);
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }

    private static async Task<List<UsageRecord>> RowsAsync(UsageStore store, int atLeast)
    {
        await UntilAsync(async () => (await store.Ledger.QueryAsync(new(), default)).TotalRecords >= atLeast, TimeSpan.FromSeconds(5));
        return [.. (await store.Ledger.QueryAsync(new() { PageSize = 1000 }, default)).Data];
    }

    private static async Task UntilAsync(Func<Task<bool>> isSo, TimeSpan within)
    {
        using var limit = new CancellationTokenSource(within);
        while (!await isSo())
        {
            await Task.Delay(10, limit.Token);
        }
    }

    private void CopyJournal(string to)
    {
        Directory.CreateDirectory(Path.Combine(to, "usage-journal"));
        foreach (var file in Directory.GetFiles(JournalDirectory))
        {
            File.Copy(file, Path.Combine(to, "usage-journal", Path.GetFileName(file)));
        }
    }

    private void Copy(string from, string to)
    {
        foreach (var file in Directory.GetFiles(from, "usage*.db"))
        {
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        }

        CopyJournal(to);
    }
}
