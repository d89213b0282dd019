using NetBird.ControlPlane.Store.Postgres;
using NetBird.ControlPlane.Usage.Postgres;
using NetBird.Gateway.Batches;
using Npgsql;

namespace NetBird.ControlPlane.Usage.Batches;

/// <summary>The register that several nodes share.</summary>
internal sealed class PostgresBatchRegister(PostgresUsage database) : IBatchRegister
{
    public async ValueTask<RegisteredBatch?> FindAsync(string id, CancellationToken cancellationToken)
        => await PostgresGuard.RunAsync<RegisteredBatch?>(async () =>
        {
            await using var command = database.Source.CreateCommand(
                "select id, provider_id, user_id, policy_id, charged_group, session_id, created, requests, bytes from usage_batches where id = $1");
            command.Parameters.AddWithValue(id);
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            return await reader.ReadAsync(cancellationToken)
                ? new(
                    reader.GetString(0),
                    new(reader.GetString(1)),
                    new(reader.GetString(2)),
                    new(reader.GetString(3)),
                    new(reader.GetString(4)),
                    reader.IsDBNull(5) ? null : reader.GetString(5),
                    new(reader.GetInt64(6), TimeSpan.Zero),
                    reader.GetInt32(7),
                    reader.GetInt64(8))
                : null;
        });

    public async ValueTask AddAsync(RegisteredBatch batch, CancellationToken cancellationToken)
        => await PostgresGuard.RunAsync(async () =>
        {
            await using var command = database.Source.CreateCommand(
                """
                with old as (delete from usage_batches where created < $10)
                insert into usage_batches (id, provider_id, user_id, policy_id, charged_group, session_id, created, requests, bytes)
                values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (id) do nothing
                """);
            command.Parameters.AddWithValue(batch.Id);
            command.Parameters.AddWithValue(batch.Provider.Value);
            command.Parameters.AddWithValue(batch.User.Value);
            command.Parameters.AddWithValue(batch.Policy.Value);
            command.Parameters.AddWithValue(batch.Group.Value);
            command.Parameters.Add(new() { Value = (object?)batch.SessionId ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text });
            command.Parameters.AddWithValue(batch.CreatedAt.UtcTicks);
            command.Parameters.AddWithValue(batch.Requests);
            command.Parameters.AddWithValue(batch.Bytes);
            command.Parameters.AddWithValue((batch.CreatedAt - RegisteredBatch.KeptFor).UtcTicks);
            return await command.ExecuteNonQueryAsync(cancellationToken);
        });
}
