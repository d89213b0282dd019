using NetBird.ControlPlane.Usage;
using NetBird.ControlPlane.Usage.LiteDb;
using NetBird.ControlPlane.Usage.Rows;
using NetBird.ControlPlane.Usage.Sums;
using NetBird.Gateway.Metering;

namespace NetBird.ControlPlane.Tests.Usage.LiteDb;

public sealed class LiteDbUsageLedgerTests : UsageLedgerContract, IDisposable
{
    private readonly Scratch _scratch = new();
    private LiteDbUsageLedger _ledger;

    public LiteDbUsageLedgerTests() => _ledger = Open();

    private protected override IUsageLedger Ledger => _ledger;

    private string Database => Path.Combine(_scratch.Path, "usage.db");

    public void Dispose()
    {
        _ledger.Dispose();
        _scratch.Dispose();
    }

    [Fact]
    public async Task Append_FileGone_ThrowsAndGoesOnWhenItIsBack()
    {
        await AppendAsync([Rows.Row(1)]);
        var away = Database + ".away";
        File.Move(Database, away);

        await Assert.ThrowsAsync<IOException>(async () => await _ledger.ProbeAsync(default));
        await Assert.ThrowsAsync<IOException>(() => AppendAsync([Rows.Row(2)]));
        File.Move(away, Database);
        await _ledger.ProbeAsync(default);
        await _ledger.AppendAsync([new(2, Rows.Row(2))], default);

        Assert.Equal(2, (await _ledger.QueryAsync(new(), default)).TotalRecords);
    }

    /// <summary>A store of a version that kept refused rows apart and not what they were told, read through to the end, or up to a kill half way.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public async Task Open_StoreFromBeforeSentencesWereKept_ReadsThemOnceFromWhereItWasCutShort(int done)
    {
        var rows = Refused(9_000);
        await AppendAsync(rows);
        _ledger.Dispose();
        using (var database = new LiteDB.LiteDatabase(new LiteDB.ConnectionString { Filename = Database }))
        {
            var meta = database.GetCollection("meta").FindById("ledger");
            Assert.True(meta.Remove("refused_from"));
            if (done > 0)
            {
                meta["refused_from"] = meta["denied_from"] = done;
            }

            database.GetCollection("meta").Update(meta);
            var refused = database.GetCollection("refused", LiteDB.BsonAutoId.Int64);
            Assert.True(refused.DeleteMany(done > 0 ? LiteDB.Query.LT("_id", done) : LiteDB.Query.GTE("_id", 0)) > 5);
        }

        _ledger = Open();
        Assert.Empty(await _ledger.VerifyAsync(default));
        await AssertSearchesAgreeAsync(rows);
        await ReopenAsync();
        await AssertSearchesAgreeAsync(rows);
    }

    private protected override Task ReopenAsync()
    {
        _ledger.Dispose();
        _ledger = Open();
        return Task.CompletedTask;
    }

    private protected override async Task AsFromBeforeAsync()
    {
        // As it counted then: every part as one more request.
        var then = new HourlySums();
        then.Replace(then.With(
            await _ledger.EnumerateAsync(new(), default).ToListAsync(),
            row => UsageTotals.Of(row) with { Interrupted = row.Completeness is Completeness.Interrupted ? 1 : 0, Failed = 0, Parts = 0 }));
        _ledger.Dispose();
        using (var database = new LiteDB.LiteDatabase(new LiteDB.ConnectionString { Filename = Database }))
        {
            database.DropCollection("session_facets");
            Assert.True(Without("sessions", "parts") > 100);
            Assert.True(Without("block_refusals", "denied") > 0);
            Assert.Equal(1, Without("meta", "denied_from"));
            Assert.Equal(1, Without("meta", "refused_from"));
            Assert.True(database.DropCollection("refused"));
            var hours = database.GetCollection("hours").FindAll().ToList();
            hours.ForEach(hour => hour["sums"] = AsVersionOne(then, hour["_id"].AsInt64));
            Assert.Equal(hours.Count, database.GetCollection("hours").Update(hours));

            int Without(string collection, string field)
            {
                var documents = database.GetCollection(collection).FindAll().ToList();
                documents.ForEach(document => Assert.True(document.Remove(field)));
                return documents.Count(document => database.GetCollection(collection).Update(document));
            }
        }

        _ledger = Open();
    }

    private static byte[] AsVersionOne(HourlySums sums, long hour)
    {
        var sink = new ByteSink();
        sink.Byte(1);
        sink.Varint(sums.Of(hour).Count);
        sums.Visit(hour, hour + 1, new(), null, (_, key, totals, words) =>
        {
            foreach (var word in (int[])[key.User, key.Charged, key.Groups, key.Policy, key.Provider, key.Model])
            {
                sink.Text(words[word]);
            }

            sink.Byte(key.Denied ? (byte)1 : (byte)0);
            foreach (var value in (long[])[
                totals.Rows, totals.Denied, totals.Interrupted, totals.PriceUnknown, totals.Tokens.Input, totals.Tokens.Output, totals.Tokens.CacheRead,
                totals.Tokens.CacheWrite5m, totals.Tokens.CacheWrite1h, totals.WebSearches, totals.Cost.Value])
            {
                sink.Varint(value);
            }
        });
        Assert.Equal(1, new HourlySums().Unpack(hour, sink.Written.ToArray()));
        return sink.Written.ToArray();
    }

    private LiteDbUsageLedger Open() => LiteDbUsageLedger.Open(Database, new HourlySums());
}
