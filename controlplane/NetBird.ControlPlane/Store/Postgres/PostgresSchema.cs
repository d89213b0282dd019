using Npgsql;

namespace NetBird.ControlPlane.Store.Postgres;

/// <summary>
/// The tables of the configuration, made and brought up to date in numbered steps. A step and its number are one
/// transaction: whenever the process dies, the database is at one format or the next. Nodes that start together take turns.
/// </summary>
internal static class PostgresSchema
{
    // Any fixed number: it keeps two processes from migrating at once.
    private const long MigrationLock = 0x6e62_6370;

    /// <summary>Step N, counted from 1, makes format N of N - 1. Append only.</summary>
    public static readonly IReadOnlyList<string> Steps =
    [
        """
        CREATE TABLE IF NOT EXISTS netbird_meta (
            singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
            format integer NOT NULL, version bigint NOT NULL,
            audit_sequence bigint NOT NULL, audit_hash text NOT NULL);
        CREATE TABLE IF NOT EXISTS netbird_documents (
            kind text NOT NULL, id text NOT NULL, content text NOT NULL, PRIMARY KEY (kind, id));
        CREATE TABLE IF NOT EXISTS netbird_audit (sequence bigint PRIMARY KEY, content text NOT NULL);
        INSERT INTO netbird_meta (format, version, audit_sequence, audit_hash) VALUES (1, 0, 0, '') ON CONFLICT DO NOTHING;
        """,
        """
        CREATE TABLE netbird_secrets (name text PRIMARY KEY, sealed bytea NOT NULL);
        CREATE TABLE netbird_issued (
            kind text NOT NULL, id text NOT NULL, version text NOT NULL, subject text, client text, status text, type text,
            created bigint NOT NULL, authorization_id text, reference text, content text NOT NULL, PRIMARY KEY (kind, id));
        CREATE INDEX netbird_issued_reference ON netbird_issued (reference) WHERE reference IS NOT NULL;
        CREATE INDEX netbird_issued_authorization ON netbird_issued (authorization_id) WHERE authorization_id IS NOT NULL;
        CREATE INDEX netbird_issued_subject ON netbird_issued (kind, subject);
        CREATE TABLE netbird_gateway_signs (id text PRIMARY KEY, seen timestamptz NOT NULL);
        """,
        "CREATE TABLE netbird_used_challenges (nonce text PRIMARY KEY, expires timestamptz NOT NULL);",
        // What each version changed. By a trigger, so that a node of an older version that still runs is followed too. A commit
        // holds the row of netbird_meta from its begin, and counts the version up as its last step.
        """
        CREATE TABLE netbird_changes (version bigint NOT NULL, kind text NOT NULL, id text NOT NULL, PRIMARY KEY (version, kind, id));
        CREATE FUNCTION netbird_note_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO netbird_changes (version, kind, id)
                SELECT meta.version + 1, coalesce(NEW.kind, OLD.kind), coalesce(NEW.id, OLD.id) FROM netbird_meta AS meta
                ON CONFLICT DO NOTHING;
            RETURN NULL;
        END $$;
        CREATE TRIGGER netbird_documents_changed AFTER INSERT OR UPDATE OR DELETE ON netbird_documents
            FOR EACH ROW EXECUTE FUNCTION netbird_note_change();
        """,
        // Changes nothing: from here on there are ended sessions, a kind that an earlier version does not know.
        "SELECT;",
    ];

    /// <summary>Brings the database to the newest format.</summary>
    /// <exception cref="StateVersionException">A newer program wrote it.</exception>
    /// <exception cref="NpgsqlException">It cannot be reached, or refuses us.</exception>
    public static async Task MigrateAsync(
        NpgsqlDataSource source, string description, IReadOnlyList<string> steps, CancellationToken cancellationToken)
    {
        for (var done = false; !done;)
        {
            await using var connection = await source.OpenConnectionAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await using var command = connection.CreateCommand();
            command.CommandText = $"SELECT pg_advisory_xact_lock({MigrationLock})";
            await command.ExecuteNonQueryAsync(cancellationToken);
            var format = await FormatAsync(connection, cancellationToken);
            if (format > steps.Count)
            {
                throw new StateVersionException(description, format, steps.Count);
            }

            done = format == steps.Count;
            if (!done)
            {
                // Moving a large table may take longer than an ordinary command.
                command.CommandTimeout = 600;
                command.CommandText = steps[format];
                await command.ExecuteNonQueryAsync(cancellationToken);
                command.CommandText = "UPDATE netbird_meta SET format = $1";
                command.Parameters.AddWithValue(format + 1);
                await command.ExecuteNonQueryAsync(cancellationToken);
                await transaction.CommitAsync(cancellationToken);
            }
        }
    }

    private static async Task<int> FormatAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT to_regclass('netbird_meta') IS NOT NULL", connection);
        if (await command.ExecuteScalarAsync(cancellationToken) is not true)
        {
            return 0;
        }

        command.CommandText = "SELECT format FROM netbird_meta";
        return (int)(await command.ExecuteScalarAsync(cancellationToken) ?? 0);
    }
}
