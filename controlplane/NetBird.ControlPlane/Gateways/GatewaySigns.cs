using System.Collections.Frozen;
using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Store;
using NetBird.Primitives;
using Npgsql;

namespace NetBird.ControlPlane.Gateways;

/// <summary>
/// Signs of life of the gateways that share a database: a gateway gives its own, every node reads all. Beside the
/// configuration and not in it, since a version every few seconds would wake every agent.
/// </summary>
internal sealed partial class GatewaySigns(NpgsqlDataSource database, GatewayId? self, TimeProvider time, ILogger<GatewaySigns> logger)
    : BackgroundService
{
    /// <summary>Ours: agents find a silent gateway out by themselves within seconds; this only orders what they are told.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    /// <summary>Ours: three missed signs.</summary>
    public static readonly TimeSpan SilentAfter = Interval * 3.5;

    private volatile FrozenDictionary<GatewayId, TimeSpan> _silence = FrozenDictionary<GatewayId, TimeSpan>.Empty;

    /// <summary>Raised when a gateway fell silent or came back.</summary>
    public event Action? Changed;

    /// <summary>How long ago a gateway was heard, as of the last look; null: never.</summary>
    public TimeSpan? SilenceOf(GatewayId id) => _silence.TryGetValue(id, out var silence) ? silence : null;

    public bool IsAlive(GatewayId id) => SilenceOf(id) < SilentAfter;

    /// <summary>One round: gives the own sign and reads all.</summary>
    public async Task RunOnceAsync(CancellationToken cancellationToken)
    {
        if (self is { } own)
        {
            await using var sign = database.CreateCommand(
                "INSERT INTO netbird_gateway_signs (id, seen) VALUES ($1, clock_timestamp()) ON CONFLICT (id) DO UPDATE SET seen = excluded.seen");
            sign.Parameters.AddWithValue(own.Value);
            await sign.ExecuteNonQueryAsync(cancellationToken);
        }

        // By the database's clock alone: nodes' clocks differ.
        await using var command = database.CreateCommand("SELECT id, extract(epoch from clock_timestamp() - seen)::float8 FROM netbird_gateway_signs");
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var read = new Dictionary<GatewayId, TimeSpan>();
        while (await reader.ReadAsync(cancellationToken))
        {
            read[new(reader.GetString(0))] = TimeSpan.FromSeconds(Math.Max(0, reader.GetDouble(1)));
        }

        var alive = Alive(_silence);
        _silence = read.ToFrozenDictionary();
        if (!alive.SetEquals(Alive(_silence)))
        {
            Changed?.Invoke();
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        do
        {
            try
            {
                await RunOnceAsync(stoppingToken);
            }
            catch (Exception fault) when (!stoppingToken.Ends(fault))
            {
                Log.Failed(logger, fault);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private static HashSet<GatewayId> Alive(FrozenDictionary<GatewayId, TimeSpan> silence)
        => [.. silence.Where(entry => entry.Value < SilentAfter).Select(entry => entry.Key)];

    private static partial class Log
    {
        [LoggerMessage(EventIds.Tunnels + 10, LogLevel.Warning, "PostgreSQL gave no signs of life of gateways; trying again")]
        public static partial void Failed(ILogger logger, Exception fault);
    }
}
