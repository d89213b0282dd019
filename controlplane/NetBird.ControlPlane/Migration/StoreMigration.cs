using System.Text.Json;
using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Identity.Embedded.Issued;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Store.LiteDb;
using NetBird.ControlPlane.Store.Postgres;
using NetBird.ControlPlane.EndpointCertificates;
using NetBird.ControlPlane.Store.Secrets;
using NetBird.ControlPlane.Tunnels;
using NetBird.ControlPlane.Usage;
using NetBird.Primitives;
using Npgsql;

namespace NetBird.ControlPlane.Migration;

/// <summary>
/// Moves a state directory's account to an empty PostgreSQL while nothing runs on either: secrets, what the IdP issued,
/// usage, and last the configuration, in one transaction. Until that is there the database counts as empty, so a move that
/// was cut short is begun again; whatever was there already is then known. The state directory stays as it was.
/// </summary>
internal sealed class StoreMigration(string stateDirectory, string connectionString, string? clusterKey, TimeProvider time, Action<string> progress)
{
    /// <exception cref="IOException">One of the two cannot be used, or the database is not empty; nothing was moved.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var state = StateDirectory.Open(stateDirectory);
        var description = PostgresDocumentStore.Describe(connectionString);
        if (!File.Exists(state.PathOf(AccountState.LiteDbFileName)))
        {
            throw new IOException($"{stateDirectory} holds no LiteDB store ({AccountState.LiteDbFileName}): there is nothing to move.");
        }

        await using var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connectionString) { ApplicationName = "netbird-controlplane migrate" });
        try
        {
            await PostgresSchema.MigrateAsync(source, description, PostgresSchema.Steps, cancellationToken);
            await RefuseFilledAsync(source, description, cancellationToken);
            var keyFile = clusterKey ?? state.PathOf(ClusterKey.FileName);
            FileSecrets.RefuseWithoutKey(stateDirectory, keyFile);
            CopySecrets(PostgresSecrets.Open(source, keyFile, description), FileSecrets.Open(stateDirectory, keyFile));
            await CopyIssuedAsync(source, cancellationToken);
            await new UsageMigration(stateDirectory, connectionString, time, progress).RunAsync(source, await WebhooksAsync(cancellationToken), cancellationToken);
            await CopyConfigurationAsync(source, cancellationToken);
        }
        catch (NpgsqlException fault)
        {
            throw new IOException($"{description} cannot be used: {fault.Message}", fault);
        }
    }

    private static async Task RefuseFilledAsync(NpgsqlDataSource source, string description, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand("SELECT EXISTS (SELECT 1 FROM netbird_documents) OR (SELECT version FROM netbird_meta) > 0");
        if (await command.ExecuteScalarAsync(cancellationToken) is true)
        {
            throw new IOException($"{description} already holds an account. Give an empty database; nothing was moved.");
        }
    }

    private void CopySecrets(PostgresSecrets target, FileSecrets files)
    {
        var names = files.Names("keys").Concat(files.Names("idp")).Concat(files.Names(EndpointAuthority.Folder)).ToList();
        foreach (var name in names)
        {
            Put(target, name, files.Find(name) ?? []);
        }

        // Machines have proved themselves against this key; they go on doing so.
        if (files.Find(GatewayKey.SecretName) is { } key)
        {
            Put(target, ControlPlaneKey.SecretName, key);
        }

        progress($"{names.Count} secrets sealed and moved.");
    }

    private static void Put(PostgresSecrets target, string name, byte[] content)
    {
        if (!target.GetOrAdd(name, () => content).AsSpan().SequenceEqual(content))
        {
            throw new IOException($"The database holds another secret {name}: it is not the one that an earlier move began with. Give an empty database.");
        }
    }

    private async Task CopyIssuedAsync(NpgsqlDataSource source, CancellationToken cancellationToken)
    {
        var path = Path.Combine(stateDirectory, IssuedRecordKinds.LiteDbFileName);
        if (!File.Exists(path))
        {
            return;
        }

        using var identity = new IssuedDatabase(path);
        var tokens = await CopyIssuedAsync<IssuedToken>(identity, source, IssuedRecordKinds.Tokens, cancellationToken);
        var logins = await CopyIssuedAsync<IssuedAuthorization>(identity, source, IssuedRecordKinds.Authorizations, cancellationToken);
        progress($"{logins} logins and {tokens} tokens of the embedded IdP moved.");
    }

    private static async Task<int> CopyIssuedAsync<T>(IssuedDatabase from, NpgsqlDataSource source, string kind, CancellationToken cancellationToken)
        where T : IssuedRecord
    {
        var target = new PostgresIssuedRecords<T>(source, kind);
        var records = await new LiteDbIssuedRecords<T>(from, kind).QueryAsync(new(), cancellationToken);
        foreach (var record in records)
        {
            await target.DeleteAsync(record.Id, cancellationToken);
            await target.InsertAsync(record, cancellationToken);
        }

        return records.Count;
    }

    private async Task<List<WebhookId>> WebhooksAsync(CancellationToken cancellationToken)
    {
        await using var documents = new LiteDbDocumentStore(Path.Combine(stateDirectory, AccountState.LiteDbFileName));
        var stored = await documents.OpenAsync(cancellationToken);
        return [.. stored.Documents.Where(document => document.Kind == "webhook").Select(document => new WebhookId(document.Id))];
    }

    private async Task CopyConfigurationAsync(NpgsqlDataSource source, CancellationToken cancellationToken)
    {
        await using var documents = new LiteDbDocumentStore(Path.Combine(stateDirectory, AccountState.LiteDbFileName));
        var stored = await documents.OpenAsync(cancellationToken);
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using (var copy = await connection.BeginBinaryImportAsync("COPY netbird_documents (kind, id, content) FROM STDIN (FORMAT binary)", cancellationToken))
        {
            foreach (var document in stored.Documents)
            {
                await copy.WriteRowAsync(cancellationToken, document.Kind, document.Id, document.Json);
            }

            await copy.CompleteAsync(cancellationToken);
        }

        var entries = 0L;
        await using (var copy = await connection.BeginBinaryImportAsync("COPY netbird_audit (sequence, content) FROM STDIN (FORMAT binary)", cancellationToken))
        {
            await foreach (var entry in documents.ReadAuditAsync(1, descending: false, cancellationToken))
            {
                await copy.WriteRowAsync(cancellationToken, entry.Sequence, JsonSerializer.Serialize(entry, StoreJson.Options));
                entries++;
            }

            await copy.CompleteAsync(cancellationToken);
        }

        await using var meta = new NpgsqlCommand("UPDATE netbird_meta SET version = $1, audit_sequence = $2, audit_hash = $3", connection);
        meta.Parameters.AddWithValue(stored.Version);
        meta.Parameters.AddWithValue(stored.AuditHead.Sequence);
        meta.Parameters.AddWithValue(stored.AuditHead.Hash);
        await meta.ExecuteNonQueryAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        progress($"{stored.Documents.Count} records of the configuration and {entries} audit entries moved, version {stored.Version}.");
    }
}
