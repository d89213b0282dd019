using Microsoft.Extensions.Logging.Abstractions;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Usage;
using NetBird.ControlPlane.Usage.LiteDb;
using NetBird.ControlPlane.Usage.Prompts;
using NetBird.ControlPlane.Usage.Sums;

namespace NetBird.ControlPlane.Tests.Usage;

public sealed class RetentionJobTests
{
    [Fact]
    public async Task Run_OldRowsAndSums_GoByTheirOwnSettings_AndItIsAudited()
    {
        using var state = new TemporaryState();
        await using var store = await state.OpenAsync();
        await store.CommitAsync(
            Actor.System, draft =>
            {
                draft.Settings.Put(store.Current.Settings with { AccessLogRetentionDays = 10, UsageRetentionDays = 400 });
                return true;
            },
            default);
        var now = state.Time.GetUtcNow();
        using var ledger = LiteDbUsageLedger.Open(Path.Combine(state.Path, "usage.db"), new HourlySums());
        for (var i = 0; i < 1200; i++)
        {
            // Blocks of 512: the first two are old.
            var days = i < 512 ? 500 : i < 1024 ? 100 : 1;
            await ledger.AppendAsync([new(i + 1, Rows.Row(i) with { Id = new($"r{i}"), Timestamp = now.AddDays(-days).AddSeconds(i) })], default);
        }

        using var prompts = LiteDbPromptStore.Open(Path.Combine(state.Path, LiteDbPromptStore.FileName));
        await prompts.AddAsync(new(new("old"), now.AddDays(-30).AddMinutes(-1), new("ann"), [1]), default);
        await prompts.AddAsync(new(new("young"), now.AddDays(-29), new("ann"), [2]), default);
        using var job = new RetentionJob(ledger, prompts, store, state.Time, NullLogger<RetentionJob>.Instance);
        var dropped = await job.RunOnceAsync(default);
        var again = await job.RunOnceAsync(default);

        Assert.Equal(1024, dropped.Rows);
        Assert.True(dropped.Sums > 0);
        Assert.Equal(new RetentionResult(0, 0), again);
        Assert.Equal(176, (await ledger.QueryAsync(new(), default)).TotalRecords);
        var overview = await ledger.OverviewAsync(new(now.AddDays(-900), now, Granularity.Month, OverviewKey.User, TimeZoneInfo.Utc), default);
        Assert.Equal(512 + 176, overview.Sum(row => row.Totals.Requests));
        var notes = new List<AuditEntry>();
        await foreach (var entry in store.ReadAuditAsync(long.MaxValue, descending: true, default))
        {
            notes.Add(entry);
        }

        var told = Assert.Single(notes, note => note.Action == "usage.retention").Detail;
        Assert.Contains("Dropped 1024 requests", told, StringComparison.Ordinal);
        Assert.Contains(" 1 prompts", told, StringComparison.Ordinal);
        Assert.Equal("young", Assert.Single(await prompts.ListAsync(null, 10, default)).Request.Value);
        Assert.Empty(await ledger.VerifyAsync(default));
    }

    /// <summary>A ledger that is broken for weeks is no reason to keep what people said.</summary>
    [Fact]
    public async Task Run_LedgerFails_PromptsGoAllTheSame_AndItIsAudited()
    {
        using var state = new TemporaryState();
        await using var store = await state.OpenAsync();
        var now = state.Time.GetUtcNow();
        var path = Path.Combine(state.Path, "usage.db");
        using var ledger = LiteDbUsageLedger.Open(path, new HourlySums());
        await ledger.AppendAsync([new(1, Rows.Row(1) with { Timestamp = now.AddDays(-900) })], default);
        using var prompts = LiteDbPromptStore.Open(Path.Combine(state.Path, LiteDbPromptStore.FileName));
        await prompts.AddAsync(new(new("old"), now.AddDays(-31), new("ann"), [1]), default);
        using var job = new RetentionJob(ledger, prompts, store, state.Time, NullLogger<RetentionJob>.Instance);
        File.Move(path, path + ".away");
        await Assert.ThrowsAsync<IOException>(async () => await ledger.ProbeAsync(default));

        await Assert.ThrowsAsync<IOException>(async () => await job.RunOnceAsync(default));

        Assert.Empty(await prompts.ListAsync(null, 10, default));
        var notes = new List<AuditEntry>();
        await foreach (var entry in store.ReadAuditAsync(long.MaxValue, descending: true, default))
        {
            notes.Add(entry);
        }

        Assert.Contains(notes, note => note.Action == "usage.retention" && note.Detail.Contains(" 1 prompts", StringComparison.Ordinal));
    }
}
