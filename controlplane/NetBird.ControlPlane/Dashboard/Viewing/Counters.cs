using System.Collections.Immutable;
using NetBird.ControlPlane.AdminApi;
using NetBird.ControlPlane.Raises;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;
using NetBird.Gateway.Authorization;
using NetBird.Policy.Limits;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Dashboard.Viewing;

/// <summary>
/// Every counter that somebody is under, as <c>GET /api/agent-network/consumption</c> tells it, read in this process. All of a large
/// company's are thousands: which there are is worked out once for each state of the account, how full they are is read once for every page that
/// shows them, and again when that has paid off; only those that are shown get names.
/// </summary>
internal sealed class Counters(IConfigurationStore store, DisplayNames names, TimeProvider time, IServiceProvider services)
{
    /// <summary>Ours: at most a tenth of a core goes into it, however many look. What takes 50 ms is half a second old at most.</summary>
    private const int Rest = 10;

    /// <summary>The step in which open pages follow: nothing is older than what they would show anyway.</summary>
    private static readonly TimeSpan Oldest = TimeSpan.FromSeconds(4);

    private readonly Lock _gate = new();
    private Task<Snapshot>? _counting;
    private Snapshot? _known;
    private CapsNow? _caps;

    /// <summary>Of one person; the fullest first.</summary>
    public async Task<List<Counter>> ReadAsync(UserId of, CancellationToken cancellationToken)
    {
        var configuration = store.Current;
        if (services.GetService<IReservations>() is not { } reservations || configuration.Users.GetValueOrDefault(of) is not { Status: UserStatus.Active } user)
        {
            return [];
        }

        return Sorted(await reservations.ReadAsync(ConsumptionEndpoints.CapsOf(configuration, [user], time.GetUtcNow()), cancellationToken));
    }

    /// <summary>Of all; the fullest first.</summary>
    public async Task<IReadOnlyList<Counter>> ReadAllAsync(CancellationToken cancellationToken) => (await FreshAsync(cancellationToken)).All.Value;

    /// <summary>Those that are so full, the fullest first.</summary>
    /// <param name="from">1 is all of the cap.</param>
    /// <param name="most">At most so many.</param>
    /// <param name="cancellationToken">Whoever asked has left.</param>
    public async Task<List<Counter>> FullestAsync(decimal from, int most, CancellationToken cancellationToken)
    {
        var readings = (await FreshAsync(cancellationToken)).Readings;
        return [.. Sorted(readings.Where(reading => Counter.FullnessOf(reading) >= from)).Take(most)];
    }

    // What was being counted when a limit was changed is not what whoever changed it waits for.
    private async Task<Snapshot> FreshAsync(CancellationToken cancellationToken)
        => await LatestAsync(cancellationToken) is var latest && ReferenceEquals(latest.Of, store.Current) ? latest : await LatestAsync(cancellationToken);

    private Task<Snapshot> LatestAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_known is { } known && ReferenceEquals(known.Of, store.Current) && time.GetElapsedTime(known.Stamp) < known.GoodFor)
            {
                return Task.FromResult(known);
            }

            if (_counting is null || _counting.IsCompleted)
            {
                // Off the page: whoever asked may leave while it is counted.
                _counting = Task.Run(CountAsync, CancellationToken.None);
            }

            return _counting.WaitAsync(cancellationToken);
        }
    }

    private async Task<Snapshot> CountAsync()
    {
        var (began, of) = (time.GetTimestamp(), store.Current);
        var readings = services.GetService<IReservations>() is { } reservations ? await reservations.ReadAsync(CapsOf(of), CancellationToken.None) : [];
        var took = time.GetElapsedTime(began) * Rest;
        var counted = new Snapshot(of, readings, new(() => Sorted(readings)), time.GetTimestamp(), took < Oldest ? took : Oldest);
        lock (_gate)
        {
            _known = counted;
        }

        return counted;
    }

    /// <summary>Which caps hold for anybody: until the account changes, or a raise begins or ends. One thread at a time.</summary>
    private ImmutableArray<Cap> CapsOf(Configuration configuration)
    {
        var now = time.GetUtcNow();
        if (_caps is { } known && ReferenceEquals(known.Of, configuration) && now >= known.At && now < known.Until)
        {
            return known.Caps;
        }

        var until = configuration.RaisesInPlace().SelectMany(raise => (DateTimeOffset[])[raise.From, raise.Until]).Where(moment => moment > now)
            .DefaultIfEmpty(DateTimeOffset.MaxValue).Min();
        var caps = ConsumptionEndpoints.CapsOf(configuration, configuration.Users.Values.Where(user => user.Status == UserStatus.Active), now);
        _caps = new(configuration, now, until, caps);
        return caps;
    }

    private List<Counter> Sorted(IEnumerable<CounterReading> readings)
        => [.. readings.Select(reading => Counter.Of(reading, names))
            .OrderByDescending(counter => counter.Fullness).ThenBy(counter => counter.Subject, StringComparer.OrdinalIgnoreCase)];

    /// <param name="Of">The account it was counted of.</param>
    /// <param name="Readings">In no order.</param>
    /// <param name="All">All of them with names, sorted, once somebody looks at all.</param>
    /// <param name="Stamp">When it was counted.</param>
    /// <param name="GoodFor">How long it is shown.</param>
    private sealed record Snapshot(Configuration Of, ImmutableArray<CounterReading> Readings, Lazy<List<Counter>> All, long Stamp, TimeSpan GoodFor);

    private sealed record CapsNow(Configuration Of, DateTimeOffset At, DateTimeOffset Until, ImmutableArray<Cap> Caps);
}
