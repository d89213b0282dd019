using NetBird.ControlPlane.AdminApi;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;
using NetBird.Gateway.Authorization;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Dashboard.Viewing;

/// <summary>Every counter that somebody is under, as <c>GET /api/agent-network/consumption</c> tells it, read in this process.</summary>
internal sealed class Counters(IConfigurationStore store, DisplayNames names, TimeProvider time, IServiceProvider services)
{
    /// <summary>Of one person, or of all; the fullest first.</summary>
    public List<Counter> Read(UserId? of = null)
    {
        if (services.GetService<IReservations>() is not { } reservations)
        {
            return [];
        }

        var people = store.Current.Users.Values.Where(user => user.Status == UserStatus.Active && (of is null || user.Id == of));
        return [.. reservations.Read(ConsumptionEndpoints.CapsOf(store.Current, people, time.GetUtcNow())).Select(reading => Counter.Of(reading, names))
            .OrderByDescending(counter => counter.Fullness).ThenBy(counter => counter.Subject, StringComparer.OrdinalIgnoreCase)];
    }
}
