using System.Collections.Immutable;
using NetBird.Policy.Limits;
using NetBird.Primitives;

namespace NetBird.Policy.WhatIf;

/// <summary>
/// Replays policies over past requests: who would have been refused, when, how often, what it would have saved. By the same
/// evaluator and the same book as the gateway, at each request's own time; it reserves what the request then used, as if every
/// estimate had been right. A strict limit reserves its upper bound in earnest and would refuse somewhat sooner.
/// </summary>
public static class PolicySimulation
{
    /// <summary>Replays.</summary>
    /// <param name="snapshot">The policies to try.</param>
    /// <param name="past">Requests in the order in which they came.</param>
    public static SimulationResult Run(PolicySnapshot snapshot, IEnumerable<PastRequest> past)
    {
        var book = new ReservationBook((_, _) => []);
        var open = new PriorityQueue<PastRequest, DateTimeOffset>();
        var refusals = new Dictionary<(UserId, DenyReason, string), SimulatedRefusals>();
        long requests = 0;
        var cost = NanoUsd.Zero;
        foreach (var request in past)
        {
            while (open.TryPeek(out var ended, out var at) && at <= request.Begun)
            {
                open.Dequeue();
                book.Settle(ended.Id, ended.Tokens, ended.Cost.Value, at, out _);
            }

            requests++;
            cost += request.Cost;
            if (Refuse(snapshot, book, request) is { } refused)
            {
                var key = (request.Caller.User, refused.Reason, refused.Source);
                refusals[key] = refusals.TryGetValue(key, out var before) ? before.And(request) : refused.Begin(request);
            }
            else
            {
                open.Enqueue(request, request.Ended > request.Begun ? request.Ended : request.Begun);
            }
        }

        var all = refusals.Values.OrderByDescending(item => item.Count).ThenBy(item => item.User).ToImmutableArray();
        return new(requests, all.Sum(item => item.Count), cost, new(all.Sum(item => item.CostSaved.Value)), all);
    }

    private static Refused? Refuse(PolicySnapshot snapshot, ReservationBook book, PastRequest request)
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
        return book.Reserve(request.Id, allowed.Candidates, demands, request.Begun) is BookOutcome.Full full
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
