using Npgsql;
using NetBird.ControlPlane.Store.Postgres;

namespace NetBird.ControlPlane.Backups;

/// <summary>Our tables of a PostgreSQL as files of its binary copy format, all of one snapshot, and back into an empty database.</summary>
internal static class PostgresBackup
{
    /// <summary>Folder of the files in a backup.</summary>
    public const string Folder = "postgres";

    // Ours alone: a database may hold other things. usage_nodes and the gateways' signs belong to processes that live.
    private static readonly string[] Tables =
    [
        "netbird_meta", "netbird_documents", "netbird_audit", "netbird_secrets", "netbird_issued",
        "usage_meta", "usage_rows", "usage_hours", "usage_rollups", "usage_sessions", "usage_facets", "usage_session_parts", "usage_refusals", "usage_results", "usage_batches", "usage_prompts", "usage_counters", "usage_slots",
        "usage_warnings", "webhook_deliveries",
    ];

    private const string NumberedColumns =
        "SELECT attname, row_number() OVER (ORDER BY attnum) AS place FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped";

    // What an older version did not count in them is made from the rows once they have come, as in a database of that version.
    private static readonly string[] CountedAnew = ["usage_hours", "usage_rollups"];

    /// <summary>Writes a file for each table into <paramref name="folder"/>.</summary>
    /// <exception cref="IOException">The database cannot be read.</exception>
    public static async Task WriteAsync(NpgsqlDataSource source, string folder, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await source.OpenConnectionAsync(cancellationToken);
            await using var snapshot = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancellationToken);
            foreach (var table in Tables)
            {
                await using var known = new NpgsqlCommand("SELECT to_regclass($1) IS NOT NULL", connection);
                known.Parameters.AddWithValue(table);
                if (await known.ExecuteScalarAsync(cancellationToken) is not true)
                {
                    continue;
                }

                await using var stream = await connection.BeginRawBinaryCopyAsync($"COPY {table} TO STDOUT (FORMAT binary)", cancellationToken);
                await using var file = Store.LiteDb.LiteDbFile.CreatePrivate(Path.Combine(folder, table + ".copy"));
                await stream.CopyToAsync(file, cancellationToken);
            }
        }
        catch (NpgsqlException fault)
        {
            throw new IOException($"PostgreSQL cannot be read: {fault.Message}", fault);
        }
    }

    /// <summary>Fills an empty database from the files of a folder, in one transaction.</summary>
    /// <exception cref="InvalidDataException">The database is not empty, or does not take a file; it is as it was.</exception>
    public static async Task RestoreAsync(string folder, string connectionString, CancellationToken cancellationToken)
    {
        var description = PostgresDocumentStore.Describe(connectionString);
        await using var source = NpgsqlDataSource.Create(connectionString);
        try
        {
            await PostgresSchema.MigrateAsync(source, description, PostgresSchema.Steps, cancellationToken);
            await Usage.Postgres.PostgresUsage.CreateTablesAsync(source, cancellationToken);
            await using var connection = await source.OpenConnectionAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await using (var filled = new NpgsqlCommand("SELECT EXISTS (SELECT 1 FROM netbird_documents) OR EXISTS (SELECT 1 FROM usage_rows)", connection))
            {
                if (await filled.ExecuteScalarAsync(cancellationToken) is true)
                {
                    throw new InvalidDataException($"{description} is not empty. Give an empty database; nothing was restored.");
                }
            }

            foreach (var table in Tables)
            {
                var path = Path.Combine(folder, table + ".copy");
                if (!File.Exists(path))
                {
                    continue;
                }

                await using (var empty = new NpgsqlCommand($"DELETE FROM {table}", connection))
                {
                    await empty.ExecuteNonQueryAsync(cancellationToken);
                }

                var columns = await ColumnsAsync(connection, table, path, cancellationToken);
                if (CountedAnew.Contains(table))
                {
                    await DropColumnsAfterAsync(connection, table, ColumnCount(path), cancellationToken);
                }

                await using var stream = await connection.BeginRawBinaryCopyAsync($"COPY {table} ({columns}) FROM STDIN (FORMAT binary)", cancellationToken);
                await using var file = File.OpenRead(path);
                await file.CopyToAsync(stream, cancellationToken);
            }

            // What was just filled in is no change that a node has to follow.
            await using (var changes = new NpgsqlCommand("DELETE FROM netbird_changes", connection))
            {
                await changes.ExecuteNonQueryAsync(cancellationToken);
            }

            await transaction.CommitAsync(cancellationToken);
            await Usage.Postgres.PostgresUsage.CreateTablesAsync(source, cancellationToken);
        }
        catch (NpgsqlException fault)
        {
            throw new InvalidDataException($"{description} does not take the backup: {fault.Message}", fault);
        }
    }

    /// <summary>The columns that a file has: the first ones of the table, which an older version had fewer of.</summary>
    private static async Task<string> ColumnsAsync(NpgsqlConnection connection, string table, string path, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"SELECT string_agg(quote_ident(attname), ', ' ORDER BY place) FROM ({NumberedColumns}) c WHERE $2 < 0 OR place <= $2", connection);
        command.Parameters.AddWithValue(table);
        command.Parameters.AddWithValue(ColumnCount(path));
        return (string)(await command.ExecuteScalarAsync(cancellationToken) ?? throw new InvalidDataException($"There is no table {table}."));
    }

    private static async Task DropColumnsAfterAsync(NpgsqlConnection connection, string table, int count, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"SELECT string_agg('DROP COLUMN ' || quote_ident(attname), ', ') FROM ({NumberedColumns}) c WHERE $2 >= 0 AND place > $2", connection);
        command.Parameters.AddWithValue(table);
        command.Parameters.AddWithValue(count);
        if (await command.ExecuteScalarAsync(cancellationToken) is string drops)
        {
            await using var drop = new NpgsqlCommand($"ALTER TABLE {table} {drops}", connection);
            await drop.ExecuteNonQueryAsync(cancellationToken);
        }
    }

    /// <summary>Of the first row of PostgreSQL's binary copy format (behind a signature, flags and an extension); -1: there is no row.</summary>
    private static int ColumnCount(string path)
    {
        Span<byte> head = stackalloc byte[21];
        using var file = File.OpenRead(path);
        return file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) == head.Length
            ? System.Buffers.Binary.BinaryPrimitives.ReadInt16BigEndian(head[19..])
            : -1;
    }
}
