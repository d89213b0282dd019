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

    private LiteDbUsageLedger Open() => LiteDbUsageLedger.Open(Database, new HourlySums());
}
