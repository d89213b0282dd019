using System.Collections.Immutable;
using NetBird.ControlPlane.GatewayHosting;
using NetBird.ControlPlane.Usage;
using NetBird.Gateway.Authorization;
using NetBird.Policy;
using NetBird.Policy.Limits;
using NetBird.Primitives;
using NetBird.Protocol.Agent.V1;
using NetBird.Protocol.Budget.V1;
using Cap = NetBird.Policy.Limits.Cap;
using Peer = NetBird.ControlPlane.Peers.Peer;

namespace NetBird.ControlPlane.AgentApi;

/// <summary>A person's own caps and spend: what status, budget and the status line show.</summary>
internal sealed class BudgetAnswer(GatewaySnapshots snapshots, IReservations reservations, IUsageLedger ledger, TimeProvider time)
{
    private static readonly TimeSpan Month = TimeSpan.FromDays(30);

    public async Task<GetBudgetReply> ForAsync(Peer peer, CancellationToken cancellationToken)
    {
        var reply = new GetBudgetReply();
        if (snapshots.Current is { } snapshot && snapshot.Peers.TryGetValue(peer.OverlayAddress, out var admitted))
        {
            reply.PolicyContact = snapshot.Contact;
            var readings = await reservations.ReadAsync(CapsOf(snapshot.Policies, admitted.Caller, time.GetUtcNow()), cancellationToken);
            reply.Caps.AddRange(readings.Select(ToMessage));
        }

        var now = time.GetUtcNow();
        reply.Day = await SpendAsync(peer.User, now.AddDays(-1), now, cancellationToken);
        reply.Month = await SpendAsync(peer.User, now - Month, now, cancellationToken);
        var last = await ledger.QueryAsync(new() { User = peer.User, Allowed = true, PageSize = 1 }, cancellationToken);
        var model = last.Data is [var newest, ..] ? newest.Model : "";
        reply.Day.LastModel = model;
        reply.Month.LastModel = model;
        return reply;
    }

    /// <summary>Every cap the person may come under, each counter once.</summary>
    private static ImmutableArray<Cap> CapsOf(PolicySnapshot policies, Caller caller, DateTimeOffset at)
    {
        var raises = new RaisesAt(policies.Raises, at);
        var ofRules = ApplicableCaps.OfRules(policies.BudgetRules, caller, raises);
        return
        [
            .. policies.Policies
                .Where(policy => policy.Enabled)
                .SelectMany(policy => policy.SourceGroups.Intersect(caller.Groups)
                    .SelectMany(group => ApplicableCaps.Of(policy, group, caller.User, [], raises)))
                .Concat(ofRules)
                .DistinctBy(cap => cap.Counter),
        ];
    }

    private static Protocol.Budget.V1.Cap ToMessage(CounterReading reading) => new()
    {
        Source = reading.Cap.SourceName,
        Scope = reading.Cap.Counter.Scope switch { CapScope.User => "user", CapScope.Group => "group", _ => "account" },
        Unit = reading.Cap.Unit == CapUnit.Tokens ? "tokens" : "nano_usd",
        Soft = reading.Cap.Soft,
        Used = reading.Used,
        Reserved = reading.Reserved,
        Limit = reading.Cap.Limit,
        WindowSeconds = (long)reading.Cap.Window.TotalSeconds,
        FreesUpAt = reading.FreesUpAt?.ToUnixTimeSeconds() ?? 0,
    };

    private async Task<Spend> SpendAsync(UserId user, DateTimeOffset from, DateTimeOffset to, CancellationToken cancellationToken)
    {
        var totals = await ledger.SumAsync(from, to, user, cancellationToken);
        return new Spend
        {
            Requests = totals.Requests,
            InputTokens = totals.Tokens.Input,
            OutputTokens = totals.Tokens.Output,
            CacheReadTokens = totals.Tokens.CacheRead,
            CacheWriteTokens = totals.Tokens.CacheWrite,
            CostNanoUsd = totals.Cost.Value,
        };
    }
}
