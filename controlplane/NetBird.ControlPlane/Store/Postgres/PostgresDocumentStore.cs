using System.Runtime.CompilerServices;
using System.Text.Json;
using NetBird.ControlPlane.Audit;
using Npgsql;
using NpgsqlTypes;

namespace NetBird.ControlPlane.Store.Postgres;

/// <summary>
/// The store that several control planes share. One row holds the version; a commit takes its lock, so commits of all
/// processes come one after the other, and each is told whether it was computed against the newest version. NOTIFY
/// tells the others; a poll behind it finds what a lost connection missed.
/// </summary>
internal sealed class PostgresDocumentStore : IDocumentStore
{
    private const string Channel = "netbird_configuration";
    private const int AuditPage = 500;

    // Versions of which is kept what they changed. A node that is further behind reads everything.
    private const long KeptChanges = 10_000;

    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(5);

    private readonly NpgsqlDataSource _source;
    private readonly string _description;
    private readonly IReadOnlyList<string> _schema;
    private long _seen;

    public PostgresDocumentStore(string connectionString, IReadOnlyList<string>? schema = null)
    {
        _description = Describe(connectionString);
        _schema = schema ?? PostgresSchema.Steps;
        _source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connectionString) { ApplicationName = "netbird-controlplane" });
    }

    public string Description => _description;

    /// <summary>Name of a database for people and logs, without credentials.</summary>
    public static string Describe(string connectionString)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString);
        return $"PostgreSQL database {settings.Database} on {settings.Host}";
    }

    public async Task<StoredState> OpenAsync(CancellationToken cancellationToken)
    {
        try
        {
            await PostgresSchema.MigrateAsync(_source, Description, _schema, cancellationToken);
        }
        catch (NpgsqlException fault)
        {
            throw Unreachable(fault);
        }

        return await ReadAsync(cancellationToken);
    }

    public Task<StoredState> ReadAsync(CancellationToken cancellationToken) => ReadSinceAsync(0, cancellationToken);

    public async Task<StoredState> ReadSinceAsync(long version, CancellationToken cancellationToken)
    {
        try
        {
            // One snapshot over all tables, or version and documents could be of different commits.
            await using var connection = await _source.OpenConnectionAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancellationToken);
            var (newest, head) = await MetaAsync(connection, forUpdate: false, cancellationToken);

            // Version 0 has nothing; one that is newer than the store's is of a database that was put in this one's place.
            var whole = version <= 0 || version > newest || version < newest - KeptChanges;
            await using var command = new NpgsqlCommand(
                whole
                    ? "SELECT kind, id, content FROM netbird_documents"
                    : "SELECT changed.kind, changed.id, document.content "
                        + "FROM (SELECT DISTINCT kind, id FROM netbird_changes WHERE version > $1) AS changed "
                        + "LEFT JOIN netbird_documents AS document USING (kind, id)",
                connection);
            if (!whole)
            {
                command.Parameters.Add(Parameter(version));
            }

            var documents = new List<StoredDocument>();
            await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
            {
                while (await reader.ReadAsync(cancellationToken))
                {
                    documents.Add(new(reader.GetString(0), reader.GetString(1), reader.IsDBNull(2) ? null : reader.GetString(2)));
                }
            }

            Interlocked.Exchange(ref _seen, newest);
            return new(newest, documents, head, whole);
        }
        catch (NpgsqlException fault)
        {
            throw Unreachable(fault);
        }
    }

    public async Task<bool> TryWriteAsync(long expectedVersion, DocumentBatch batch, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await _source.OpenConnectionAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            var (version, head) = await MetaAsync(connection, forUpdate: true, cancellationToken);
            if (version != expectedVersion)
            {
                return false;
            }

            await WriteAsync(connection, batch, cancellationToken);
            await ExecuteAsync(connection, "DELETE FROM netbird_changes WHERE version <= $1", cancellationToken, expectedVersion - KeptChanges);
            var newest = batch.Audit is [.., var last] ? new AuditHead(last.Sequence, last.Hash) : head;
            await ExecuteAsync(
                connection,
                "UPDATE netbird_meta SET version = $1, audit_sequence = $2, audit_hash = $3",
                cancellationToken,
                expectedVersion + 1,
                newest.Sequence,
                newest.Hash);
            await ExecuteAsync(connection, "NOTIFY " + Channel, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            Interlocked.Exchange(ref _seen, expectedVersion + 1);
            return true;
        }
        catch (NpgsqlException fault)
        {
            throw Unreachable(fault);
        }
    }

    public async IAsyncEnumerable<AuditEntry> ReadAuditAsync(
        long from, bool descending, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            var page = await AuditPageAsync(from, descending, cancellationToken);
            foreach (var entry in page)
            {
                yield return entry;
            }

            if (page.Count < AuditPage)
            {
                yield break;
            }

            from = page[^1].Sequence + (descending ? -1 : 1);
        }
    }

    public async Task WaitForOthersAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await _source.OpenConnectionAsync(cancellationToken);
            await ExecuteAsync(connection, "LISTEN " + Channel, cancellationToken);
            while (true)
            {
                // Asked after LISTEN and after every wake: what was committed before we listened is not missed.
                var (version, _) = await MetaAsync(connection, forUpdate: false, cancellationToken);
                if (version > Interlocked.Read(ref _seen))
                {
                    return;
                }

                await connection.WaitAsync(Poll, cancellationToken);
            }
        }
        catch (NpgsqlException fault)
        {
            throw Unreachable(fault);
        }
    }

    public ValueTask DisposeAsync() => _source.DisposeAsync();

    private static async Task WriteAsync(NpgsqlConnection connection, DocumentBatch batch, CancellationToken cancellationToken)
    {
        await using var commands = new NpgsqlBatch(connection);
        foreach (var change in batch.Changes)
        {
            commands.BatchCommands.Add(change.After is null
                ? Command("DELETE FROM netbird_documents WHERE kind = $1 AND id = $2", change.Kind, change.Id)
                : Command(
                    "INSERT INTO netbird_documents (kind, id, content) VALUES ($1, $2, $3) "
                    + "ON CONFLICT (kind, id) DO UPDATE SET content = excluded.content",
                    change.Kind, change.Id, change.After));
        }

        foreach (var entry in batch.Audit)
        {
            commands.BatchCommands.Add(Command(
                "INSERT INTO netbird_audit (sequence, content) VALUES ($1, $2)",
                entry.Sequence, JsonSerializer.Serialize(entry, StoreJson.Options)));
        }

        await commands.ExecuteNonQueryAsync(cancellationToken);
    }

    private static NpgsqlBatchCommand Command(string sql, params object[] values)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var value in values)
        {
            command.Parameters.Add(Parameter(value));
        }

        return command;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken, params object[] values)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
        {
            command.Parameters.Add(Parameter(value));
        }

        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static NpgsqlParameter Parameter(object value) => value switch
    {
        long number => new() { Value = number, NpgsqlDbType = NpgsqlDbType.Bigint },
        int number => new() { Value = number, NpgsqlDbType = NpgsqlDbType.Integer },
        _ => new() { Value = value, NpgsqlDbType = NpgsqlDbType.Text },
    };

    private static async Task<(long Version, AuditHead Head)> MetaAsync(
        NpgsqlConnection connection, bool forUpdate, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            "SELECT version, audit_sequence, audit_hash FROM netbird_meta" + (forUpdate ? " FOR UPDATE" : ""), connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? (reader.GetInt64(0), new(reader.GetInt64(1), reader.GetString(2)))
            : throw new InvalidDataException("The configuration's version is missing from the database.");
    }

    private async Task<List<AuditEntry>> AuditPageAsync(long from, bool descending, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await _source.OpenConnectionAsync(cancellationToken);
            await using var command = new NpgsqlCommand(
                descending
                    ? "SELECT content FROM netbird_audit WHERE sequence <= $1 ORDER BY sequence DESC LIMIT $2"
                    : "SELECT content FROM netbird_audit WHERE sequence >= $1 ORDER BY sequence LIMIT $2",
                connection);
            command.Parameters.Add(Parameter(from));
            command.Parameters.Add(Parameter(AuditPage));
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            var page = new List<AuditEntry>();
            while (await reader.ReadAsync(cancellationToken))
            {
                page.Add(JsonSerializer.Deserialize<AuditEntry>(reader.GetString(0), StoreJson.Options)
                    ?? throw new InvalidDataException("An audit entry is empty."));
            }

            return page;
        }
        catch (NpgsqlException fault)
        {
            throw Unreachable(fault);
        }
    }

    // The message of the driver can hold the host and user, never the password.
    private IOException Unreachable(NpgsqlException fault) => new($"{Description} cannot be used: {fault.Message}", fault);
}
