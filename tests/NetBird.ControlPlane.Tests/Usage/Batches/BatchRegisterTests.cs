using Microsoft.Extensions.Logging.Abstractions;
using NetBird.ControlPlane.Tests.Usage.Postgres;
using NetBird.ControlPlane.Usage.Batches;
using NetBird.ControlPlane.Usage.Postgres;
using NetBird.Gateway.Batches;

namespace NetBird.ControlPlane.Tests.Usage.Batches;

/// <summary>Both registers.</summary>
public sealed class BatchRegisterTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>
{
    [Fact]
    public async Task LiteDb_KeepsBatches()
    {
        using var scratch = new Scratch();
        var path = Path.Combine(scratch.Path, LiteDbBatchRegister.FileName);
        using (var register = LiteDbBatchRegister.Open(path))
        {
            await TryAsync(register);
        }

        using var reopened = LiteDbBatchRegister.Open(path);
        Assert.Equal(Batch("msgbatch_AA", 70), await reopened.FindAsync("msgbatch_AA", default));
    }

    [SkippableFact]
    public async Task Postgres_KeepsBatches()
    {
        Skip.If(cluster.Missing is not null, cluster.Missing);
        using var scratch = new Scratch();
        await using var database = await PostgresUsage.OpenAsync(
            cluster.ConnectionString, scratch.Path, TimeProvider.System, NullLoggerFactory.Instance, default);
        cluster.Execute("truncate usage_batches");
        await TryAsync(new PostgresBatchRegister(database));
    }

    private static async Task TryAsync(IBatchRegister register)
    {
        await register.AddAsync(Batch("msgbatch_aa", 0), default);
        await register.AddAsync(Batch("msgbatch_AA", 5) with { SessionId = null }, default);
        await register.AddAsync(Batch("msgbatch_bb", 5), default);

        Assert.Equal(Batch("msgbatch_aa", 0), await register.FindAsync("msgbatch_aa", default));
        Assert.Equal(Batch("msgbatch_AA", 5) with { SessionId = null }, await register.FindAsync("msgbatch_AA", default));
        Assert.Null(await register.FindAsync("msgbatch_aA", default));

        // The provider forgot the first ones long ago.
        await register.AddAsync(Batch("msgbatch_cc", 70), default);
        Assert.Null(await register.FindAsync("msgbatch_aa", default));
        await register.AddAsync(Batch("msgbatch_AA", 70), default);
        Assert.Equal(Batch("msgbatch_AA", 70), await register.FindAsync("msgbatch_AA", default));
    }

    private static RegisteredBatch Batch(string id, int day) => new(
        id, new("anthropic"), new("ann"), new("policy"), new("eng"), "session-1", Rows.Noon.AddDays(day), 100_000, 5_000_000_000);
}
