using System.Collections.Immutable;
using NetBird.ControlPlane.Raises;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;
using NetBird.Gateway.Authorization;
using NetBird.Policy;
using NetBird.Policy.Limits;
using NetBird.Primitives;

namespace NetBird.ControlPlane.AdminApi;

/// <summary><c>/api/agent-network/consumption</c>: every counter that somebody is under, how full it is and when it frees up.</summary>
internal static class ConsumptionEndpoints
{
    private static readonly PeerId NoPeer = new("none");

    public static void MapConsumption(this IEndpointRouteBuilder api)
        => api.MapGet("/agent-network/consumption", List).ForEveryone().Lists(
            new("user", "What the person with this id is under."), new("source", "Counters of the policy or budget rule with this id.")).WithTags("Usage").Produces<ConsumptionAnswer[]>();

    private static async Task<IResult> List(HttpContext http, IConfigurationStore store, TimeProvider time)
    {
        if (http.RequestServices.GetService<IReservations>() is not { } reservations)
        {
            return Problems.Unavailable("This process keeps no counters.");
        }

        var caller = http.Caller();
        var configuration = store.Current;
        var user = http.Request.Query["user"].ToString();
        var people = configuration.Users.Values
            .Where(person => person.Status == UserStatus.Active)
            .Where(person => caller.ReadsAll ? user.Length == 0 || person.Id.Value == user : person.Id == caller.User.Id);
        var readings = await reservations.ReadAsync(CapsOf(configuration, people, time.GetUtcNow()), http.RequestAborted);
        var source = http.Request.Query["source"].ToString();
        return Paging.Array(http, readings
            .Where(reading => source.Length == 0 || reading.Cap.Counter.Source == source)
            .OrderBy(reading => reading.Cap.SourceName, StringComparer.OrdinalIgnoreCase)
            .ThenBy(reading => reading.Cap.Counter.Scope)
            .ThenBy(reading => reading.Cap.Counter.Subject, StringComparer.Ordinal)
            .Select(reading => Answer(configuration, reading)).ToList());
    }

    internal static ImmutableArray<Cap> CapsOf(Configuration configuration, IEnumerable<User> people, DateTimeOffset at)
    {
        var raises = new RaisesAt(configuration.RaisesInPlace(), at);
        var policies = configuration.Policies.Values.Where(policy => policy.Enabled).Select(policy => policy.ToAccessPolicy()).ToList();
        ImmutableArray<BudgetRule> rules = [.. configuration.BudgetRules.Values.Select(rule => rule.ToBudgetRule())];
        var caps = new Dictionary<CounterKey, Cap>();
        foreach (var person in people)
        {
            var caller = new Caller(person.Id, person.DisplayName(), NoPeer, configuration.GroupsOf(person));
            var ofRules = ApplicableCaps.OfRules(rules, caller, raises);
            foreach (var cap in policies
                .SelectMany(policy => policy.SourceGroups.Where(caller.Groups.Contains)
                    .SelectMany(group => ApplicableCaps.Of(policy, group, person.Id, ofRules, raises)))
                .Concat(ofRules))
            {
                caps.TryAdd(cap.Counter, cap);
            }
        }

        return [.. caps.Values];
    }

    private static ConsumptionAnswer Answer(Configuration configuration, CounterReading reading)
    {
        var counter = reading.Cap.Counter;
        var usd = reading.Cap.Unit == CapUnit.NanoUsd;
        return new(
            counter.Source,
            reading.Cap.SourceName,
            counter.FromRule ? "budget_rule" : "policy",
            AccessLogAnswer.Snake(counter.Scope),
            counter.Subject,
            configuration.SubjectName(counter.Scope, counter.Subject),
            usd ? "usd" : "tokens",
            Amount(reading.Used),
            Amount(reading.Reserved),
            Amount(reading.Cap.Limit),
            (long)reading.Cap.Window.TotalSeconds,
            reading.Cap.Strict,
            reading.Cap.Soft,
            reading.FreesUpAt);

        decimal Amount(long value) => usd ? new NanoUsd(value).ToUsd() : value;
    }
}
