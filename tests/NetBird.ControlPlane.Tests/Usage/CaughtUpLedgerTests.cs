using Microsoft.Extensions.Logging.Abstractions;
using NetBird.ControlPlane.Usage;

namespace NetBird.ControlPlane.Tests.Usage;

/// <summary>Whoever reads finds what was answered before the question, though rows are handed to the ledger in batches.</summary>
public sealed class CaughtUpLedgerTests
{
    [Fact]
    public async Task Read_RightAfterARequest_HasItsRow()
    {
        using var scratch = new Scratch();
        await using var store = await OpenAsync(scratch);
        for (var i = 0; i < 40; i++)
        {
            await store.Journal.CompleteAsync(Rows.Row(i));

            switch (i % 4)
            {
                case 0:
                    Assert.Equal(i + 1, (await store.Ledger.QueryAsync(new(), default)).TotalRecords);
                    break;
                case 1:
                    var overview = await store.Ledger.OverviewAsync(
                        new(Rows.Noon, Rows.Noon.AddDays(1), Granularity.Day, OverviewKey.User, TimeZoneInfo.Utc), default);
                    Assert.Equal(i + 1, overview.Sum(row => row.Totals.Requests));
                    break;
                case 2:
                    Assert.Equal(i + 1, Assert.Single((await store.Ledger.SessionsAsync(new(), default)).Data).Totals.Requests);
                    break;
                default:
                    var count = 0;
                    await foreach (var row in store.Ledger.EnumerateAsync(new(), default))
                    {
                        count++;
                    }

                    Assert.Equal(i + 1, count);
                    break;
            }
        }
    }

    [Fact]
    public async Task Read_LedgerThatCannotBeWritten_IsReadAsItIsAndSoon()
    {
        using var scratch = new Scratch();
        await using var store = await OpenAsync(scratch);
        await store.Journal.CompleteAsync(Rows.Row(1));
        Assert.Equal(1, (await store.Ledger.QueryAsync(new(), default)).TotalRecords);
        var (file, away) = (Path.Combine(scratch.Path, "usage.db"), Path.Combine(scratch.Path, "away.db"));
        File.Move(file, away);
        await store.Journal.CompleteAsync(Rows.Row(2));

        // It waits for a second at most, not until the ledger is back.
        Assert.Equal(1, (await store.Ledger.QueryAsync(new(), default)).TotalRecords);
        File.Move(away, file);
        await Eventually.TrueAsync(async () => (await store.Ledger.QueryAsync(new(), default)).TotalRecords == 2, 20);
    }

    private static Task<UsageStore> OpenAsync(Scratch scratch)
        => UsageStore.OpenAsync(scratch.Path, TimeProvider.System, NullLoggerFactory.Instance, default);
}
