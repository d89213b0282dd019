using System.Text.Json;
using NetBird.ControlPlane.Store.Postgres;
using Npgsql;
using NpgsqlTypes;

namespace NetBird.ControlPlane.Identity.Embedded.Issued;

/// <summary>
/// Issued records in PostgreSQL, shared by every node: a code that one node gave out is redeemed at another, and once,
/// since a write names the version it read.
/// </summary>
internal sealed class PostgresIssuedRecords<T>(NpgsqlDataSource source, string kind) : IIssuedRecords<T>
    where T : IssuedRecord
{
    public async ValueTask InsertAsync(T record, CancellationToken cancellationToken)
        => await PostgresGuard.RunAsync(async () =>
        {
            await using var command = source.CreateCommand(
                "INSERT INTO netbird_issued (kind, id, version, subject, client, status, type, created, authorization_id, reference, content) "
                + "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)");
            Fill(command, record);
            return await command.ExecuteNonQueryAsync(cancellationToken);
        });

    public async ValueTask<bool> ReplaceAsync(T record, string expectedVersion, CancellationToken cancellationToken)
        => await PostgresGuard.RunAsync(async () =>
        {
            await using var command = source.CreateCommand(
                "UPDATE netbird_issued SET version = $3, subject = $4, client = $5, status = $6, type = $7, created = $8, "
                + "authorization_id = $9, reference = $10, content = $11 WHERE kind = $1 AND id = $2 AND version = $12");
            Fill(command, record);
            command.Parameters.Add(Text(expectedVersion));
            return await command.ExecuteNonQueryAsync(cancellationToken) == 1;
        });

    public async ValueTask<bool> DeleteAsync(string id, CancellationToken cancellationToken)
        => await PostgresGuard.RunAsync(async () =>
        {
            await using var command = source.CreateCommand("DELETE FROM netbird_issued WHERE kind = $1 AND id = $2");
            command.Parameters.Add(Text(kind));
            command.Parameters.Add(Text(id));
            return await command.ExecuteNonQueryAsync(cancellationToken) == 1;
        });

    public async ValueTask<T?> FindAsync(string id, CancellationToken cancellationToken)
        => await PostgresGuard.RunAsync(async () =>
        {
            await using var command = source.CreateCommand("SELECT content FROM netbird_issued WHERE kind = $1 AND id = $2");
            command.Parameters.Add(Text(kind));
            command.Parameters.Add(Text(id));
            return await command.ExecuteScalarAsync(cancellationToken) is string content ? Read(content) : null;
        });

    public async ValueTask<IReadOnlyList<T>> QueryAsync(IssuedFilter filter, CancellationToken cancellationToken)
        => await PostgresGuard.RunAsync(async () =>
        {
            await using var command = source.CreateCommand();
            command.Parameters.Add(Text(kind));
            var where = "kind = $1";
            foreach (var (column, value) in new[]
            {
                ("reference", filter.Reference), ("authorization_id", filter.Authorization), ("subject", filter.Subject),
                ("client", filter.Client), ("status", filter.Status), ("type", filter.Type),
            })
            {
                if (value is not null)
                {
                    command.Parameters.Add(Text(value));
                    where += $" AND {column} = ${command.Parameters.Count}";
                }
            }

            if (filter.CreatedBefore is { } before)
            {
                command.Parameters.Add(new() { Value = before.ToUnixTimeMilliseconds(), NpgsqlDbType = NpgsqlDbType.Bigint });
                where += $" AND created < ${command.Parameters.Count}";
            }

#pragma warning disable CA2100 // Columns are named above; values are parameters.
            command.CommandText = $"SELECT content FROM netbird_issued WHERE {where} ORDER BY created, id";
#pragma warning restore CA2100
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            var found = new List<T>();
            while (await reader.ReadAsync(cancellationToken))
            {
                found.Add(Read(reader.GetString(0)));
            }

            return found;
        });

    private static NpgsqlParameter Text(string? value) => new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text };

    private static T Read(string content)
        => JsonSerializer.Deserialize<T>(content) ?? throw new JsonException("An issued record is empty.");

    private void Fill(NpgsqlCommand command, T record)
    {
        var token = record as IssuedToken;
        foreach (var value in new[] { kind, record.Id, record.Version, record.Subject, record.Client, record.Status, record.Type })
        {
            command.Parameters.Add(Text(value));
        }

        command.Parameters.Add(new() { Value = record.CreatedAt?.ToUnixTimeMilliseconds() ?? 0L, NpgsqlDbType = NpgsqlDbType.Bigint });
        command.Parameters.Add(Text(token?.Authorization));
        command.Parameters.Add(Text(token?.Reference));
        command.Parameters.Add(Text(JsonSerializer.Serialize(record)));
    }
}
