using Microsoft.Extensions.Time.Testing;
using NetBird.ControlPlane.AgentApi;
using NetBird.ControlPlane.Store.Postgres;
using NetBird.ControlPlane.Tests.Store;
using Npgsql;

namespace NetBird.ControlPlane.Tests.AgentApi;

/// <summary>One contract for the nonces of one process and for those of all nodes over one database.</summary>
public sealed class UsedChallengesTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>, IAsyncDisposable
{
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
    private readonly List<NpgsqlDataSource> _sources = [];
    private string _database = "";

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TryAdd_OfOneNonceByMany_IsTrueOnce(bool postgres)
    {
        var used = await OpenAsync(postgres);
        var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => AddAsync(used, $"n{i % 20}")));

        Assert.Equal(20, answers.Count(first => first));
        Assert.False(await AddAsync(used, "n3"));
        Assert.True(await AddAsync(used, "another"));
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TryAdd_OfThousandsAtOnce_AnswersEach(bool postgres)
    {
        var used = await OpenAsync(postgres);
        var answers = await Task.WhenAll(Enumerable.Range(0, 5000).Select(i => Task.Run(() => AddAsync(used, $"n{i}"))));

        Assert.All(answers, Assert.True);
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TryAdd_OfOneThatExpiredLongAgo_HasForgottenIt(bool postgres)
    {
        var used = await OpenAsync(postgres);
        Assert.True(await AddAsync(used, "old"));
        _time.Advance(TimeSpan.FromMinutes(5));

        Assert.True(await AddAsync(used, "later"));
        Assert.True(await AddAsync(used, "old"));
    }

    [SkippableFact]
    public async Task TryAdd_ByTwoNodes_IsTrueAtOne()
    {
        var (one, two) = (await OpenAsync(postgres: true), Again());
        var answers = await Task.WhenAll(Enumerable.Range(0, 100).SelectMany(i => (Task<bool>[])[AddAsync(one, $"n{i}"), AddAsync(two, $"n{i}")]));

        Assert.Equal(100, answers.Count(first => first));
    }

    [SkippableFact]
    public async Task TryAdd_WithoutTheDatabase_IsRefusedForAllWhoWait_AndWorksAgain()
    {
        var used = await OpenAsync(postgres: true);
        await using (var admin = NpgsqlDataSource.Create(_database))
        {
            await using var gone = admin.CreateCommand("ALTER TABLE netbird_used_challenges RENAME TO gone");
            await gone.ExecuteNonQueryAsync();
            var calls = Enumerable.Range(0, 50).Select(i => AddAsync(used, $"n{i}")).ToList();
            foreach (var call in calls)
            {
                await Assert.ThrowsAsync<IOException>(() => call);
            }

            await using var back = admin.CreateCommand("ALTER TABLE gone RENAME TO netbird_used_challenges");
            await back.ExecuteNonQueryAsync();
        }

        Assert.True(await AddAsync(used, "n1"));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var source in _sources)
        {
            await source.DisposeAsync();
        }
    }

    private Task<bool> AddAsync(IUsedChallenges used, string nonce) => used.TryAddAsync(nonce, _time.GetUtcNow().AddMinutes(1), CancellationToken.None).AsTask();

    private async Task<IUsedChallenges> OpenAsync(bool postgres)
    {
        if (!postgres)
        {
            return new OwnUsedChallenges(_time);
        }

        Skip.If(cluster.Missing is not null, cluster.Missing);
        _database = await cluster.CreateDatabaseAsync();
        var used = Again();
        await PostgresSchema.MigrateAsync(_sources[^1], "the database", PostgresSchema.Steps, CancellationToken.None);
        return used;
    }

    private SharedUsedChallenges Again()
    {
        _sources.Add(NpgsqlDataSource.Create(_database));
        return new(_sources[^1], _time);
    }
}
