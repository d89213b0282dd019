using System.Collections.Immutable;
using System.Globalization;
using NetBird.ControlPlane.Forms;
using NetBird.ControlPlane.Policies;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Usage;
using NetBird.Gateway;
using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Policy.WhatIf;
using NetBird.Primitives;

namespace NetBird.ControlPlane.AdminApi;

/// <summary>
/// <c>POST /api/agent-network/simulate?days=30[&amp;policy=ID][&amp;by_name=true]</c>: what a policy would have done to the last days. With
/// <c>policy</c> it stands in for that one among all others; without, it is tried alone. Budget rules hold either way. Limits are as full
/// at the first moment as they would have been: what came earlier, for as long as the longest window, fills them and is not told of. Nothing is changed.
/// </summary>
internal static class SimulateEndpoints
{
    private static readonly PeerId NoPeer = new("none");

    public static void MapSimulate(this IEndpointRouteBuilder api)
        => api.MapPost("/agent-network/simulate", SimulateAsync).ForAdmins()
            .Asks(
                new("days", "How many days back.", Microsoft.OpenApi.JsonSchemaType.Integer, 366), new("policy", "Id of the policy that it stands in for."),
                new("by_name", "The policy names groups, providers and guardrails as 'apply' does, by their names.", Choices: ["true", "false"])).WithTags("Policies")
            .Takes((form, references, _) => PolicyForm.Read(form, references, new() { Id = PolicyId.New(), Name = "" })).Produces<SimulationAnswer>();

    private static async Task<IResult> SimulateAsync(HttpContext http, IConfigurationStore store, TimeProvider time)
    {
        var daysText = http.Request.Query["days"].ToString();
        var days = 30;
        if (daysText.Length > 0
            && (!int.TryParse(daysText, NumberStyles.None, CultureInfo.InvariantCulture, out days) || days is < 1 or > 366))
        {
            return Problems.Invalid("days", "This is a number of days from 1 to 366.");
        }

        var (node, refusal) = await RequestBody.ReadAsync(http);
        if (node is null)
        {
            return refusal!; // One of the two is there.
        }

        var now = time.GetUtcNow();
        var replaced = http.Request.Query["policy"].ToString();
        PolicyRecord? existing = null;
        if (replaced.Length > 0 && (!PolicyId.TryParse(replaced, out var id) || !store.Current.Policies.TryGetValue(id, out existing)))
        {
            return Problems.NotFound("policy");
        }

        var form = new Form(node);
        var basis = existing ?? new() { Id = PolicyId.New(), Name = "", CreatedAt = now, ModifiedAt = now };
        var byName = http.Request.Query["by_name"] == "true";
        var policy = PolicyForm.Read(form, new(new ConfigurationDraft(store.Current), byName), basis).ToAccessPolicy();
        if (!form.IsValid)
        {
            return Problems.Invalid(form.Errors);
        }

        if (http.RequestServices.GetService<IUsageLedger>() is not { } ledger
            || http.RequestServices.GetService<IGatewaySnapshots>()?.Current is not { } current)
        {
            return Problems.Unavailable("This process keeps no usage.");
        }

        var snapshot = current.Policies with
        {
            Policies = existing is null ? [policy] : [.. current.Policies.Policies.Select(other => other.Id == policy.Id ? policy : other)],
        };
        return Paging.Json(SimulationAnswer.Of(await ReplayAsync(ledger, snapshot, now.AddDays(-days), now, http.RequestAborted)));
    }

    /// <summary>A day in memory at a time: the ledger gives the newest first, a replay needs the oldest.</summary>
    private static async Task<SimulationResult> ReplayAsync(
        IUsageLedger ledger, PolicySnapshot snapshot, DateTimeOffset from, DateTimeOffset to, CancellationToken cancellationToken)
    {
        var simulation = new PolicySimulation(snapshot, from);
        var day = new List<PastRequest>();
        var parts = new Dictionary<RequestId, (long Tokens, NanoUsd Cost)>();
        for (var start = from - PolicySimulation.LeadOf(snapshot); start < to; start = start.AddDays(1))
        {
            day.Clear();
            parts.Clear();
            var end = start.AddDays(1) < to ? start.AddDays(1) : to;
            await foreach (var row in ledger.EnumerateAsync(new() { From = start, To = end, Allowed = true }, cancellationToken))
            {
                if (row is { User: not null, IsPart: false, Kind: RequestKind.Messages or RequestKind.BatchResult })
                {
                    day.Add(Of(row));
                }
                else if (row.IsPart)
                {
                    // At the moment of its request, so on its day; billed with it, and saved with it.
                    var (tokens, cost) = parts.GetValueOrDefault(UsageRecord.WholeId(row.Id));
                    parts[UsageRecord.WholeId(row.Id)] = (tokens + row.Usage.Tokens.Total, cost + row.Cost);
                }
            }

            day.Reverse();
            foreach (var request in day)
            {
                simulation.Take(parts.TryGetValue(request.Id, out var more)
                    ? request with { Tokens = request.Tokens + more.Tokens, Cost = request.Cost + more.Cost }
                    : request);
            }
        }

        return simulation.Result();
    }

    /// <summary>
    /// The row does not keep <c>max_tokens</c>: what was generated stands for it, so a ceiling below that refuses. A result of a batch is as
    /// a batch of its own, created when its batch was and charged when it was read.
    /// </summary>
    private static PastRequest Of(UsageRecord row)
    {
        var request = new ModelRequest(
            RequestKind.Messages, row.Model, row.Stream, row.Usage.Tokens.Output, row.RequestBytes, row.SessionId, row.AgentId);
        return new(
            row.Id,
            row.Timestamp,
            row.Timestamp + row.Duration,
            new(row.User!.Value, row.UserName, row.Peer ?? NoPeer, [.. row.Groups]),
            row.Kind is RequestKind.BatchResult ? request with { Kind = RequestKind.Batches, Batch = [request] } : request,
            row.Usage.Tokens.Total,
            row.Cost);
    }
}

/// <summary>The answer; amounts are exact dollars.</summary>
internal sealed record SimulationAnswer(
    long Requests, long Refused, decimal CostUsd, decimal CostSavedUsd, ImmutableArray<SimulatedRefusalsAnswer> Refusals)
{
    public static SimulationAnswer Of(SimulationResult result) => new(
        result.Requests,
        result.Refused,
        result.Cost.ToUsd(),
        result.CostSaved.ToUsd(),
        [.. result.Refusals.Select(item => new SimulatedRefusalsAnswer(
            item.User.Value,
            item.UserName,
            AccessLogAnswer.Snake(item.Reason),
            item.Source,
            item.Explanation,
            item.Count,
            item.First,
            item.Last,
            item.TokensSaved,
            item.CostSaved.ToUsd()))]);
}

/// <summary>Refusals of one person for one cause.</summary>
internal sealed record SimulatedRefusalsAnswer(
    string UserId,
    string UserName,
    string Reason,
    string Source,
    string Explanation,
    long Count,
    DateTimeOffset First,
    DateTimeOffset Last,
    long TokensSaved,
    decimal CostSavedUsd);
