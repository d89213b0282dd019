using Microsoft.AspNetCore.DataProtection;
using NetBird.ControlPlane.Store.LiteDb;
using NetBird.ControlPlane.Store.Postgres;
using NetBird.ControlPlane.Store.Secrets;
using Npgsql;

namespace NetBird.ControlPlane.Store;

/// <summary>What the account is, apart from its usage: configuration and secrets, in LiteDB and files or all in PostgreSQL.</summary>
internal sealed class AccountState : IAsyncDisposable
{
    /// <summary>File of the embedded store in the state directory.</summary>
    public const string LiteDbFileName = "config.db";

    private AccountState(string directory, FileSecrets own, ISharedSecrets secrets, ConfigurationStore configuration, NpgsqlDataSource? database)
        => (Directory, Own, Secrets, Configuration, Database, Protection) = (directory, own, secrets, configuration, database, StateKeys.Protection(secrets));

    /// <summary>The state directory.</summary>
    public string Directory { get; }

    public ConfigurationStore Configuration { get; }

    /// <summary>Secrets of this node alone.</summary>
    public FileSecrets Own { get; }

    /// <summary>Secrets of every node over the store; with LiteDB the same as <see cref="Own"/>.</summary>
    public ISharedSecrets Secrets { get; }

    /// <summary>Seals cookies, provider keys and second factors.</summary>
    public IDataProtectionProvider Protection { get; }

    /// <summary>The shared database; null where everything is in the state directory.</summary>
    public NpgsqlDataSource? Database { get; }

    /// <summary>Opens or creates the embedded store.</summary>
    /// <param name="directory">The state directory; exists and is ours.</param>
    /// <param name="clusterKey">File of the key that secrets are sealed with; null: in the state directory.</param>
    /// <param name="time">Clock of the audit log.</param>
    /// <param name="logging">Where the store logs.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="StateVersionException">A newer version of this program wrote the store.</exception>
    /// <exception cref="IOException">It cannot be opened.</exception>
    /// <exception cref="InvalidDataException">The secrets do not open.</exception>
    public static async Task<AccountState> OpenAsync(
        string directory, string? clusterKey, TimeProvider time, ILoggerFactory logging, CancellationToken cancellationToken)
    {
        var secrets = FileSecrets.Open(directory, clusterKey);
        var documents = new LiteDbDocumentStore(Path.Combine(directory, LiteDbFileName));
        return new(directory, secrets, secrets, await OpenAsync(documents, secrets, time, logging, cancellationToken), null);
    }

    /// <inheritdoc cref="OpenAsync(string, string, TimeProvider, ILoggerFactory, CancellationToken)"/>
    /// <param name="connectionString">The database that all nodes share.</param>
    public static async Task<AccountState> OpenPostgresAsync(
        string directory, string connectionString, string? clusterKey, TimeProvider time, ILoggerFactory logging, CancellationToken cancellationToken)
    {
        var description = PostgresDocumentStore.Describe(connectionString);
        var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connectionString) { ApplicationName = "netbird-controlplane state", Timeout = 5 });
        try
        {
            await PostgresSchema.MigrateAsync(source, description, PostgresSchema.Steps, cancellationToken);
            var keyFile = clusterKey ?? Path.Combine(directory, ClusterKey.FileName);
            FileSecrets.RefuseWithoutKey(directory, keyFile);
            var secrets = PostgresSecrets.Open(source, keyFile, description);
            var own = FileSecrets.Open(directory, keyFile);
            var documents = new PostgresDocumentStore(connectionString);
            return new(directory, own, secrets, await OpenAsync(documents, secrets, time, logging, cancellationToken), source);
        }
        catch (NpgsqlException fault)
        {
            await source.DisposeAsync();
            throw new IOException($"{description} cannot be used: {fault.Message}", fault);
        }
        catch
        {
            await source.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Configuration.DisposeAsync();
        if (Database is not null)
        {
            await Database.DisposeAsync();
        }
    }

    private static async Task<ConfigurationStore> OpenAsync(
        IDocumentStore documents, ISharedSecrets secrets, TimeProvider time, ILoggerFactory logging, CancellationToken cancellationToken)
    {
        try
        {
            return await ConfigurationStore.OpenAsync(
                documents, StateKeys.AuditChain(secrets), time, logging.CreateLogger<ConfigurationStore>(), cancellationToken);
        }
        catch
        {
            await documents.DisposeAsync();
            throw;
        }
    }
}
