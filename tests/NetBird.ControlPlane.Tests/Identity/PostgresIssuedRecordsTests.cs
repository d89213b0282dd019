using NetBird.ControlPlane.Identity.Embedded.Issued;
using NetBird.ControlPlane.Store.Postgres;
using NetBird.ControlPlane.Tests.Store;
using Npgsql;

namespace NetBird.ControlPlane.Tests.Identity;

public sealed class PostgresIssuedRecordsTests(PostgresCluster cluster) : IssuedRecordsContract, IClassFixture<PostgresCluster>, IDisposable
{
    private NpgsqlDataSource? _source;

    public void Dispose() => _source?.Dispose();

    internal override async Task<IIssuedRecords<IssuedToken>> OpenAsync()
    {
        Skip.If(cluster.Missing is not null, cluster.Missing);
        _source = NpgsqlDataSource.Create(await cluster.CreateDatabaseAsync());
        await PostgresSchema.MigrateAsync(_source, "the database", PostgresSchema.Steps, CancellationToken.None);
        return new PostgresIssuedRecords<IssuedToken>(_source, "tokens");
    }
}
