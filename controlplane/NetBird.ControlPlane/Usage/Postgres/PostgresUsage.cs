using NetBird.ControlPlane.Store.Postgres;
using NetBird.Primitives;
using Npgsql;

namespace NetBird.ControlPlane.Usage.Postgres;

/// <summary>The shared database as one node sees it: connections, schema, the node's name and its sign of life.</summary>
internal sealed partial class PostgresUsage : IAsyncDisposable
{
    /// <summary>Ours: a sixth of the 30 s of silence after which <c>usage.sql</c> lets a node's reservations go.</summary>
    private static readonly TimeSpan SignOfLife = TimeSpan.FromSeconds(5);

    /// <summary>Any number that is only ours; nodes that start together take turns with the schema.</summary>
    private const long SchemaLock = 0x6e627573616765;

    private readonly CancellationTokenSource _stop = new();
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private Task _beat = Task.CompletedTask;

    private PostgresUsage(NpgsqlDataSource source, NpgsqlDataSource vital, string node, TimeProvider time, ILogger logger)
        => (Source, Vital, Node, _time, _logger) = (source, vital, node, time, logger);

    public NpgsqlDataSource Source { get; }

    /// <summary>
    /// Connections that requests cannot use up: for the probe, the sign of life and the rows, which must get through however many
    /// requests wait for a counter.
    /// </summary>
    public NpgsqlDataSource Vital { get; }

    /// <summary>The last probe failed: whoever needs the database is refused at once instead of waiting for it.</summary>
    public bool IsAway { get; set; }

    public ILogger Logger => _logger;

    /// <summary>This node's name, kept in its state directory: its journal's sequence belongs to it.</summary>
    public string Node { get; }

    /// <summary>
    /// Null in production: then the database's own clock counts, one for all nodes. A clock set by hand is passed on.
    /// </summary>
    public long? Now => _time == TimeProvider.System ? null : _time.GetUtcNow().UtcTicks;

    /// <exception cref="IOException">The database cannot be reached, or refuses us.</exception>
    public static async Task<PostgresUsage> OpenAsync(
        string connectionString, string stateDirectory, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString)
        {
            ApplicationName = "netbird-controlplane usage",
            Timeout = 3,
            CommandTimeout = 10,
        };

        // Roll-ups are looked up in milliseconds; the planner, which expects thousands of parts, would compile the query for a second first.
        settings.Options = $"{settings.Options} -c jit=off".TrimStart();
        var source = new NpgsqlDataSourceBuilder(settings.ConnectionString).Build();
        settings.MaxPoolSize = 4;
        settings.ApplicationName = "netbird-controlplane usage journal";
        var vital = new NpgsqlDataSourceBuilder(settings.ConnectionString).Build();
        var usage = new PostgresUsage(source, vital, NodeName(stateDirectory), time, loggers.CreateLogger<PostgresUsage>());
        try
        {
            await usage.PrepareAsync(cancellationToken);
            usage._beat = usage.BeatAsync();
            return usage;
        }
        catch (Exception failed) when (PostgresGuard.IsUnreachable(failed))
        {
            await source.DisposeAsync();
            await vital.DisposeAsync();
            throw PostgresGuard.Unreachable(failed);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _beat;
        await Source.DisposeAsync();
        await Vital.DisposeAsync();
        _stop.Dispose();
    }

    /// <summary>Makes the tables and functions where they are missing.</summary>
    public static async Task CreateTablesAsync(NpgsqlDataSource source, CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using var schema = connection.CreateCommand();
        schema.CommandText = $"select pg_advisory_xact_lock({SchemaLock})";
        await schema.ExecuteNonQueryAsync(cancellationToken);
        schema.CommandText = await ReadSchemaAsync(cancellationToken);
        schema.CommandTimeout = 900; // what is kept since a newer version is made of all rows, once
        await schema.ExecuteNonQueryAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    private async Task PrepareAsync(CancellationToken cancellationToken)
    {
        await CreateTablesAsync(Source, cancellationToken);
        await SayAliveAsync(cancellationToken);
    }

    private async Task SayAliveAsync(CancellationToken cancellationToken)
    {
        await using var command = Vital.CreateCommand(
            "insert into usage_nodes (node, seen) values ($1, usage_clock()) on conflict (node) do update set seen = excluded.seen");
        command.Parameters.AddWithValue(Node);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private async Task BeatAsync()
    {
        while (true)
        {
            try
            {
                await Task.Delay(SignOfLife, TimeProvider.System, _stop.Token);
                await SayAliveAsync(_stop.Token);
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception failed)
            {
                // Whatever it is: a node that stopped saying so would be taken for dead, and its reservations let go.
                Log.NoSign(_logger, failed);
            }
        }
    }

    private static string NodeName(string stateDirectory)
    {
        var path = Path.Combine(stateDirectory, "usage-node");
        if (File.Exists(path) && RequestId.TryParse(File.ReadAllText(path).Trim(), out var known))
        {
            return known.Value;
        }

        var name = RequestId.New().Value;
        File.WriteAllText(path, name);
        return name;
    }

    private static async Task<string> ReadSchemaAsync(CancellationToken cancellationToken)
    {
        await using var stream = typeof(PostgresUsage).Assembly.GetManifestResourceStream("usage.sql")
            ?? throw new InvalidOperationException("usage.sql is missing from the assembly.");
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync(cancellationToken);
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Usage + 20, LogLevel.Warning, "PostgreSQL did not take this node's sign of life")]
        public static partial void NoSign(ILogger logger, Exception exception);
    }
}
