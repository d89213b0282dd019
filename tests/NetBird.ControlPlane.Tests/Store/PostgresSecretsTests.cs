using System.Text;
using NetBird.ControlPlane.Store.Postgres;
using NetBird.ControlPlane.Store.Secrets;
using Npgsql;

namespace NetBird.ControlPlane.Tests.Store;

public sealed class PostgresSecretsTests(PostgresCluster cluster) : SharedSecretsContract, IClassFixture<PostgresCluster>, IDisposable
{
    private readonly TemporaryState _state = new();
    private NpgsqlDataSource? _source;

    private string KeyFile => Path.Combine(_state.Path, ClusterKey.FileName);

    [SkippableFact]
    public async Task GetOrAdd_ByManyNodes_MakesOne()
    {
        var secrets = await OpenAsync();

        var seen = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Task.Run(() => secrets.GetOrAdd("keys/a", () => [(byte)i]))));

        Assert.Single(seen.Select(Convert.ToHexString).Distinct());
    }

    [SkippableFact]
    public async Task Rows_HoldNothingInClear()
    {
        var secrets = await OpenAsync();
        secrets.GetOrAdd("keys/a", () => Encoding.ASCII.GetBytes("planted-secret"));

        await using var command = _source!.CreateCommand("SELECT string_agg(encode(sealed, 'escape'), ' ') FROM netbird_secrets");

        Assert.DoesNotContain("planted-secret", (string)(await command.ExecuteScalarAsync())!, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Open_WithoutTheClusterKey_SaysWhatToCopy()
    {
        await OpenAsync();
        var other = Path.Combine(_state.Path, "other.key");

        var missing = Assert.Throws<InvalidDataException>(() => PostgresSecrets.Open(_source!, other, "the database"));
        ClusterKey.Create(other);
        var wrong = Assert.Throws<InvalidDataException>(() => PostgresSecrets.Open(_source!, other, "the database"));

        Assert.Contains("copy keys/cluster.key", missing.Message, StringComparison.Ordinal);
        Assert.Contains("another cluster's", wrong.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Find_RowOfAnotherName_DoesNotOpen()
    {
        var secrets = await OpenAsync();
        secrets.GetOrAdd("keys/a", () => [1]);
        await using (var command = _source!.CreateCommand("UPDATE netbird_secrets SET name = 'keys/b' WHERE name = 'keys/a'"))
        {
            await command.ExecuteNonQueryAsync();
        }

        Assert.Throws<InvalidDataException>(() => secrets.Find("keys/b"));
    }

    public void Dispose()
    {
        _source?.Dispose();
        _state.Dispose();
    }

    internal override async Task<ISharedSecrets> OpenAsync()
    {
        Skip.If(cluster.Missing is not null, cluster.Missing);
        _source = NpgsqlDataSource.Create(await cluster.CreateDatabaseAsync());
        await PostgresSchema.MigrateAsync(_source, "the database", PostgresSchema.Steps, CancellationToken.None);
        return PostgresSecrets.Open(_source, KeyFile, "the database");
    }
}
