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
    private Task<Snapshot>? _latest;

    /// <summary>Of one person; the fullest first.</summary>
    public List<Counter> Read(UserId of) => Read(store.Current, user => user.Id == of);

    /// <summary>Of all; the fullest first.</summary>
    public async Task<IReadOnlyList<Counter>> ReadAllAsync(CancellationToken cancellationToken)
    {
        Task<Snapshot> latest;
        lock (_gate)
        {
            if (_latest is null || (_latest.IsCompleted && !IsFresh(_latest)))
            {
                // Off the page: whoever asked may leave while it is counted.
                _latest = Task.Run(Count, CancellationToken.None);
            }

            latest = _latest;
        }

        return (await latest.WaitAsync(cancellationToken)).Counters;
    }

    private bool IsFresh(Task<Snapshot> latest)
        => latest.IsCompletedSuccessfully && latest.Result is var known && ReferenceEquals(known.Of, store.Current)
            && time.GetElapsedTime(known.Stamp) < known.Took * Rest;

    private Snapshot Count()
    {
        var (began, of) = (time.GetTimestamp(), store.Current);
        var counters = Read(of, _ => true);
        return new(of, counters, time.GetTimestamp(), time.GetElapsedTime(began));
    }

    private List<Counter> Read(Configuration configuration, Func<User, bool> whose)
    {
        if (services.GetService<IReservations>() is not { } reservations)
        {
            return [];
        }

        var people = configuration.Users.Values.Where(user => user.Status == UserStatus.Active && whose(user));
        return [.. reservations.Read(ConsumptionEndpoints.CapsOf(configuration, people, time.GetUtcNow())).Select(reading => Counter.Of(reading, names))
            .OrderByDescending(counter => counter.Fullness).ThenBy(counter => counter.Subject, StringComparer.OrdinalIgnoreCase)];
    }

    private sealed record Snapshot(Configuration Of, List<Counter> Counters, long Stamp, TimeSpan Took);
}
