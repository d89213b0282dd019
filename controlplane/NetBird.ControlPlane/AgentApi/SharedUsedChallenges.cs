using NetBird.ControlPlane.Store.Postgres;
using Npgsql;
using NpgsqlTypes;

namespace NetBird.ControlPlane.AgentApi;

/// <summary>Of all nodes over one database.</summary>
internal sealed class SharedUsedChallenges(NpgsqlDataSource source, TimeProvider time) : IUsedChallenges
{
    private static readonly TimeSpan Between = TimeSpan.FromMinutes(1);

    private long _swept;

    public async ValueTask<bool> TryAddAsync(string nonce, DateTimeOffset expires, CancellationToken cancellationToken)
    {
        try
        {
            var now = time.GetUtcNow();
            var swept = Interlocked.Read(ref _swept);
            if (now.UtcTicks - swept > Between.Ticks && Interlocked.CompareExchange(ref _swept, now.UtcTicks, swept) == swept)
            {
                await using var sweep = source.CreateCommand("DELETE FROM netbird_used_challenges WHERE expires < $1");
                sweep.Parameters.Add(new() { Value = now - Between, NpgsqlDbType = NpgsqlDbType.TimestampTz });
                await sweep.ExecuteNonQueryAsync(cancellationToken);
            }

            await using var command = source.CreateCommand("INSERT INTO netbird_used_challenges (nonce, expires) VALUES ($1, $2) ON CONFLICT DO NOTHING");
            command.Parameters.AddWithValue(nonce);
            command.Parameters.Add(new() { Value = expires, NpgsqlDbType = NpgsqlDbType.TimestampTz });
            return await command.ExecuteNonQueryAsync(cancellationToken) == 1;
        }
        catch (Exception failed) when (PostgresGuard.IsUnreachable(failed))
        {
            throw PostgresGuard.Unreachable(failed);
        }
    }
}
