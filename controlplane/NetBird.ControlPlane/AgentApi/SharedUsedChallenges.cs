using NetBird.ControlPlane.Store.Postgres;
using Npgsql;
using NpgsqlTypes;

namespace NetBird.ControlPlane.AgentApi;

/// <summary>
/// Of all nodes over one database. Proofs that come together are written together: when thousands of agents come back at
/// once, each would otherwise wait for a connection and a commit of its own, give up, and come again.
/// </summary>
internal sealed class SharedUsedChallenges(NpgsqlDataSource source, TimeProvider time) : IUsedChallenges
{
    private static readonly TimeSpan Between = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private List<Asked> _waiting = [];
    private bool _isWriting;
    private long _swept;

    private enum Answer
    {
        /// <summary>It was used before.</summary>
        Used,

        /// <summary>It is the first.</summary>
        First,

        /// <summary>The writer before is done: write for all who wait, this one among them.</summary>
        Write,
    }

    public async ValueTask<bool> TryAddAsync(string nonce, DateTimeOffset expires, CancellationToken cancellationToken)
    {
        var asked = new Asked(nonce, expires);
        bool writes;
        lock (_lock)
        {
            _waiting.Add(asked);
            writes = !_isWriting;
            _isWriting = true;
        }

        // Not given up when the caller does: it may be its turn to write for the others.
        if (!writes && await asked.Task is not Answer.Write and var answer)
        {
            return answer == Answer.First;
        }

        return await WriteAsync(asked);
    }

    /// <summary>Writes for all who wait, and passes the turn on.</summary>
    private async Task<bool> WriteAsync(Asked own)
    {
        List<Asked> batch;
        lock (_lock)
        {
            (batch, _waiting) = (_waiting, []);
        }

        try
        {
            await SweepAsync();
            var first = await InsertAsync(batch);

            // The same twice in a batch: the first of them.
            var isFirst = false;
            foreach (var asked in batch)
            {
                var answer = first.Remove(asked.Nonce);
                isFirst |= asked == own && answer;
                asked.TrySetResult(answer ? Answer.First : Answer.Used);
            }

            return isFirst;
        }
        catch (Exception failed) when (PostgresGuard.IsUnreachable(failed))
        {
            var fault = PostgresGuard.Unreachable(failed);
            foreach (var asked in batch.Where(asked => asked != own))
            {
                asked.TrySetException(fault);
            }

            throw fault;
        }
        finally
        {
            Asked? next;
            lock (_lock)
            {
                next = _waiting.FirstOrDefault();
                _isWriting = next is not null;
            }

            next?.TrySetResult(Answer.Write);
        }
    }

    private async Task<HashSet<string>> InsertAsync(List<Asked> batch)
    {
        await using var command = source.CreateCommand(
            "INSERT INTO netbird_used_challenges (nonce, expires) SELECT * FROM unnest($1, $2) ON CONFLICT DO NOTHING RETURNING nonce");
        command.Parameters.AddWithValue(batch.ConvertAll(asked => asked.Nonce));
        command.Parameters.Add(new()
        {
            Value = batch.ConvertAll(asked => asked.Expires), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz,
        });
        var first = new HashSet<string>(StringComparer.Ordinal);
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        while (await reader.ReadAsync(CancellationToken.None))
        {
            first.Add(reader.GetString(0));
        }

        return first;
    }

    private async Task SweepAsync()
    {
        var now = time.GetUtcNow();
        if (now.UtcTicks - _swept <= Between.Ticks)
        {
            return;
        }

        _swept = now.UtcTicks; // one writes at a time
        await using var sweep = source.CreateCommand("DELETE FROM netbird_used_challenges WHERE expires < $1");
        sweep.Parameters.Add(new() { Value = now - Between, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        await sweep.ExecuteNonQueryAsync(CancellationToken.None);
    }

    private sealed class Asked(string nonce, DateTimeOffset expires)
        : TaskCompletionSource<Answer>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public string Nonce => nonce;

        public DateTimeOffset Expires => expires;
    }
}
