using NetBird.ControlPlane.Usage;
using NetBird.ControlPlane.Usage.LiteDb;
using NetBird.ControlPlane.Usage.Sums;

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

    private protected override Task ReopenAsync()
    {
        _ledger.Dispose();
        _ledger = Open();
        return Task.CompletedTask;
    }

    private protected override Task AsFromBeforeAsync()
    {
        _ledger.Dispose();
        using (var database = new LiteDB.LiteDatabase(new LiteDB.ConnectionString { Filename = Database }))
        {
            database.DropCollection("session_facets");
            Assert.True(Without("sessions", "parts") > 100);
            Assert.True(Without("block_refusals", "denied") > 0);
            Assert.Equal(1, Without("meta", "denied_from"));

            int Without(string collection, string field)
            {
                var documents = database.GetCollection(collection).FindAll().ToList();
                documents.ForEach(document => Assert.True(document.Remove(field)));
                return documents.Count(document => database.GetCollection(collection).Update(document));
            }
        }

        _ledger = Open();
        return Task.CompletedTask;
    }

    private LiteDbUsageLedger Open() => LiteDbUsageLedger.Open(Database, new HourlySums());
}
