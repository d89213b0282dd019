using Microsoft.Extensions.Logging.Abstractions;
using NetBird.ControlPlane.Usage;
using NetBird.ControlPlane.Usage.Postgres;

namespace NetBird.ControlPlane.Tests.Usage.Postgres;

public sealed class PostgresUsageLedgerTests(PostgresCluster cluster) : UsageLedgerContract, IClassFixture<PostgresCluster>, IAsyncLifetime
{
    private readonly Scratch _scratch = new();
    private PostgresUsage? _database;
    private PostgresUsageLedger? _ledger;

    private protected override IUsageLedger Ledger
    {
        get
        {
            Skip.If(cluster.Missing is not null, cluster.Missing);
            return _ledger!;
        }
    }

    public async Task InitializeAsync()
    {
        if (cluster.Missing is null)
        {
            _database = await PostgresUsage.OpenAsync(
                cluster.ConnectionString, _scratch.Path, TimeProvider.System, NullLoggerFactory.Instance, default);
            _ledger = new(_database, TimeProvider.System);
            cluster.Execute("truncate usage_rows, usage_hours, usage_rollups, usage_sessions, usage_meta");
        }
    }

    public async Task DisposeAsync()
    {
        if (_database is not null)
        {
            await _database.DisposeAsync();
        }

        _scratch.Dispose();
    }
}
