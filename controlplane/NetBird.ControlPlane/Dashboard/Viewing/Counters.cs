using NetBird.ControlPlane.AdminApi;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;
using NetBird.Gateway.Authorization;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Dashboard.Viewing;

/// <summary>
/// Every counter that somebody is under, as <c>GET /api/agent-network/consumption</c> tells it, read in this process. All of a large
/// company's are thousands: they are read once for every page that shows them, and again when that has paid off.
/// </summary>
internal sealed class Counters(IConfigurationStore store, DisplayNames names, TimeProvider time, IServiceProvider services)
{
    /// <summary>Ours: at most a tenth of a core goes into it, however many look. What takes 50 ms is half a second old at most.</summary>
    private const int Rest = 10;

    private readonly Lock _gate = new();
    private Task<Snapshot>? _counting;
    private Snapshot? _known;

    /// <summary>Of one person; the fullest first.</summary>
    public Task<List<Counter>> ReadAsync(UserId of, CancellationToken cancellationToken) => ReadAsync(store.Current, user => user.Id == of, cancellationToken);

    /// <summary>Of all; the fullest first.</summary>
    public async Task<IReadOnlyList<Counter>> ReadAllAsync(CancellationToken cancellationToken)
    {
        var latest = await LatestAsync(cancellationToken);

        // What was being counted when a limit was changed is not what whoever changed it waits for.
        return (ReferenceEquals(latest.Of, store.Current) ? latest : await LatestAsync(cancellationToken)).Counters;
    }

    private Task<Snapshot> LatestAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_known is { } known && ReferenceEquals(known.Of, store.Current) && time.GetElapsedTime(known.Stamp) < known.Took * Rest)
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
        var counters = await ReadAsync(of, _ => true, CancellationToken.None);
        var counted = new Snapshot(of, counters, time.GetTimestamp(), time.GetElapsedTime(began));
        lock (_gate)
        {
            _known = counted;
        }

        return counted;
    }

    private async Task<List<Counter>> ReadAsync(Configuration configuration, Func<User, bool> whose, CancellationToken cancellationToken)
    {
        if (services.GetService<IReservations>() is not { } reservations)
        {
            return [];
        }

        var people = configuration.Users.Values.Where(user => user.Status == UserStatus.Active && whose(user));
        var readings = await reservations.ReadAsync(ConsumptionEndpoints.CapsOf(configuration, people, time.GetUtcNow()), cancellationToken);
        return [.. readings.Select(reading => Counter.Of(reading, names))
            .OrderByDescending(counter => counter.Fullness).ThenBy(counter => counter.Subject, StringComparer.OrdinalIgnoreCase)];
    }

    private sealed record Snapshot(Configuration Of, List<Counter> Counters, long Stamp, TimeSpan Took);
}
