using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using NetBird.Gateway.Batches;
using NetBird.Gateway.Refusals;
using NetBird.Policy;

namespace NetBird.Gateway.Authorization;

/// <summary>
/// Stage 3: policy, then room under every cap in one step. Default deny; a check that cannot be completed denies.
/// </summary>
internal sealed partial class AuthorizationStage(
    IReservations reservations, BatchDesk batches, SteadyClock clock, TimeProvider time, ILogger<AuthorizationStage> logger)
{
    public async ValueTask<Refusal?> AuthorizeAsync(GatewayCall call)
    {
        var snapshot = call.Snapshot!;
        var caller = call.Peer!.Caller;

        // Raises end by the steady clock: a wall clock that is set back brings none back, and lets none go on.
        switch (PolicyEvaluator.Evaluate(snapshot.Policies, caller, call.Request!, clock.Now()))
        {
            case PolicyDecision.Denied denied:
                return Refusal.Because(denied.Reason, denied.Explanation);
            case PolicyDecision.Allowed { Candidates: { IsDefaultOrEmpty: false } candidates }:
                return call.Batch is null
                    ? await ChooseAsync(call, candidates).ConfigureAwait(false) ?? Route(call, snapshot)
                    : await batches.ClaimAsync(call).ConfigureAwait(false)
                        ?? await ChooseForBatchAsync(call, candidates).ConfigureAwait(false) ?? Route(call, snapshot);
            default:
                return Refusal.CannotDecide("The policy gave no answer.");
        }
    }

    /// <summary>A batch is where it was created, and is charged as it was then for as long as the policy is still there.</summary>
    private ValueTask<Refusal?> ChooseForBatchAsync(GatewayCall call, ImmutableArray<Candidate> candidates)
    {
        if (call.RegisteredBatch is not { } batch)
        {
            return ChooseAsync(call, candidates);
        }

        var there = candidates.Where(candidate => candidate.Provider == batch.Provider)
            .OrderByDescending(candidate => candidate.Policy == batch.Policy && candidate.Group == batch.Group).Take(1).ToImmutableArray();
        return there.IsEmpty
            ? new(Refusal.Because(DenyReason.NoMatchingPolicy, "No policy leads you to the provider that this batch is at any more."))
            : ChooseAsync(call, there);
    }

    private async ValueTask<Refusal?> ChooseAsync(GatewayCall call, ImmutableArray<Candidate> candidates)
    {
        if (call.Request!.Kind is not RequestKind.Messages && call.Batch is not { IsRead: true })
        {
            // Free at the provider.
            call.Charged = candidates[0];
            return null;
        }

        ReserveOutcome outcome;
        try
        {
            outcome = await reservations.ReserveAsync(
                new(call.Id, call.Peer!.Caller, call.Request, candidates, call.Snapshot!.Policies), call.Http.RequestAborted).ConfigureAwait(false);
        }
        catch (Exception unreadable) when (unreadable is not OperationCanceledException)
        {
            Log.CountersUnavailable(logger, unreadable);
            return Refusal.CountersUnreadable("The usage counters cannot be read, so no request is let through.");
        }

        switch (outcome)
        {
            case ReserveOutcome.Granted granted:
                call.Charged = granted.Chosen;
                call.Reserved = true;
                return null;
            case ReserveOutcome.Full full:
                return Refusal.LimitReached(full, time.GetUtcNow());
            default:
                return Refusal.CannotDecide("The usage counters gave no answer.");
        }
    }

    private static Refusal? Route(GatewayCall call, GatewaySnapshot snapshot)
    {
        if (!snapshot.Providers.TryGetValue(call.Charged!.Provider, out var provider) || !provider.Enabled)
        {
            return Refusal.Because(DenyReason.NoMatchingPolicy, $"Policy \"{call.Charged.PolicyName}\" leads to no enabled provider.");
        }

        call.Provider = provider;
        return null;
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Authorization + 1, LogLevel.Error, "The usage counters cannot be read; requests are refused")]
        public static partial void CountersUnavailable(ILogger logger, Exception exception);
    }
}
