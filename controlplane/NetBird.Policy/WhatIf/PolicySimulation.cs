using System.Collections.Immutable;
using NetBird.Policy.Limits;
using NetBird.Primitives;

namespace NetBird.Policy.WhatIf;

/// <summary>
/// Replays policies over past requests: who would have been refused, when, how often, what it would have saved. By the same
/// evaluator and the same book as the gateway, at each request's own time; it reserves what the request then used, as if every
/// estimate had been right. A strict limit reserves its upper bound in earnest and would refuse somewhat sooner.
/// </summary>
/// <param name="snapshot">The policies to try.</param>
/// <param name="from">What came earlier only fills the counters: a limit is as full at this moment as it would have been.</param>
public sealed class PolicySimulation(PolicySnapshot snapshot, DateTimeOffset from = default)
{
    private readonly ReservationBook _book = new((_, _) => []);
    private readonly PriorityQueue<PastRequest, DateTimeOffset> _open = new();
    private readonly Dictionary<(UserId, DenyReason, string), SimulatedRefusals> _refusals = [];
    private long _requests;
    private NanoUsd _cost = NanoUsd.Zero;

    /// <summary>How much before <paramref name="from"/> it must be told of requests: the longest window of a limit.</summary>
    public static TimeSpan LeadOf(PolicySnapshot snapshot)
        => snapshot.Policies.Where(policy => policy.Enabled).Select(policy => policy.Limits)
            .Concat(snapshot.BudgetRules.Where(rule => rule.Enabled).Select(rule => rule.Limits))
            .SelectMany(limits => new[] { limits.Tokens, limits.Money })
            .Max(limit => limit?.Window) ?? TimeSpan.Zero;

    /// <summary>Replays.</summary>
    /// <param name="snapshot">The policies to try.</param>
    /// <param name="past">Requests in the order in which they came.</param>
    public static SimulationResult Run(PolicySnapshot snapshot, IEnumerable<PastRequest> past)
    {
        var simulation = new PolicySimulation(snapshot);
        foreach (var request in past)
        {
            simulation.Take(request);
        }

        return simulation.Result();
    }

    /// <summary>The next request, which did not come before the last one.</summary>
    public void Take(PastRequest request)
    {
        while (_open.TryPeek(out var ended, out var at) && at <= request.Begun)
        {
            _open.Dequeue();
            _book.Settle(ended.Id, ended.Tokens, ended.Cost.Value, at, out _);
        }

        var refused = Refuse(request);
        if (refused is null)
        {
            _open.Enqueue(request, request.Ended > request.Begun ? request.Ended : request.Begun);
        }

        if (request.Begun < from)
        {
            return;
        }

        _requests++;
        _cost += request.Cost;
        if (refused is not null)
        {
            var key = (request.Caller.User, refused.Reason, refused.Source);
            _refusals[key] = _refusals.TryGetValue(key, out var before) ? before.And(request) : refused.Begin(request);
        }
    }

    /// <summary>What was found so far.</summary>
    public SimulationResult Result()
    {
        var all = _refusals.Values.OrderByDescending(item => item.Count).ThenBy(item => item.User).ToImmutableArray();
        return new(_requests, all.Sum(item => item.Count), _cost, new(all.Sum(item => item.CostSaved.Value)), all);
    }

    private Refused? Refuse(PastRequest request)
    {
        var decision = PolicyEvaluator.Evaluate(snapshot, request.Caller, request.Request, request.Begun);
        if (decision is not PolicyDecision.Allowed allowed)
        {
            var denied = (PolicyDecision.Denied)decision;
            return new(denied.Reason, "", denied.Explanation);
        }

        var demand = new Demand(request.Tokens, request.Cost.Value, request.Tokens, request.Cost.Value);
        var demands = new Demand[allowed.Candidates.Length];
        Array.Fill(demands, demand);
        return _book.Reserve(request.Id, allowed.Candidates, demands, request.Begun) is BookOutcome.Full full
            ? new(DenyReason.LimitReached, full.Reached.Cap.SourceName, $"A limit of \"{full.Reached.Cap.SourceName}\" was reached.")
            : null;
    }

    private sealed record Refused(DenyReason Reason, string Source, string Explanation)
    {
        public SimulatedRefusals Begin(PastRequest request) => new(
            request.Caller.User, request.Caller.Name, Reason, Source, Explanation, 1, request.Begun, request.Begun, request.Tokens, request.Cost);
    }
}

/// <summary>What a simulation found.</summary>
/// <param name="Requests">Requests replayed.</param>
/// <param name="Refused">Of those, refused.</param>
/// <param name="Cost">What all of them cost.</param>
/// <param name="CostSaved">What the refused ones cost.</param>
/// <param name="Refusals">By person and cause, most frequent first.</param>
public sealed record SimulationResult(
    long Requests, long Refused, NanoUsd Cost, NanoUsd CostSaved, ImmutableArray<SimulatedRefusals> Refusals);

/// <summary>Refusals of one person for one cause.</summary>
/// <param name="User">Who.</param>
/// <param name="UserName">Their name then.</param>
/// <param name="Reason">Why.</param>
/// <param name="Source">Policy or rule whose limit was reached; empty for other reasons.</param>
/// <param name="Explanation">The first one's sentence.</param>
/// <param name="Count">How often.</param>
/// <param name="First">When first.</param>
/// <param name="Last">When last.</param>
/// <param name="TokensSaved">What the refused requests used.</param>
/// <param name="CostSaved">What they cost.</param>
public sealed record SimulatedRefusals(
    UserId User,
    string UserName,
    DenyReason Reason,
    string Source,
    string Explanation,
    long Count,
    DateTimeOffset First,
    DateTimeOffset Last,
    long TokensSaved,
    NanoUsd CostSaved)
{
    internal SimulatedRefusals And(PastRequest request) => this with
    {
        Count = Count + 1, Last = request.Begun, TokensSaved = TokensSaved + request.Tokens, CostSaved = CostSaved + request.Cost,
    };
}
