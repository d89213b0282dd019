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
/// <c>POST /api/agent-network/simulate?days=30[&amp;policy=ID]</c>: what a policy would have done to the last days. With
/// <c>policy</c> it stands in for that one among all others; without, it is tried alone. Budget rules hold either way. Nothing is changed.
/// </summary>
internal static class SimulateEndpoints
{
    private static readonly PeerId NoPeer = new("none");

    public static void MapSimulate(this IEndpointRouteBuilder api)
        => api.MapPost("/agent-network/simulate", SimulateAsync).ForAdmins()
            .Asks(new("days", "How many days back.", Microsoft.OpenApi.JsonSchemaType.Integer, 366), new("policy", "Id of the policy that it stands in for.")).WithTags("Policies")
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
        var policy = PolicyForm.Read(form, new(new ConfigurationDraft(store.Current), byName: false), basis).ToAccessPolicy();
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
        var past = new List<PastRequest>();
        await foreach (var row in ledger.EnumerateAsync(new() { From = now.AddDays(-days), Allowed = true }, http.RequestAborted))
        {
            if (row.User is not null && row.Kind is RequestKind.Messages)
            {
                past.Add(Of(row));
            }
        }

        past.Reverse();
        return Paging.Json(SimulationAnswer.Of(PolicySimulation.Run(snapshot, past)));
    }

    /// <summary>The row does not keep <c>max_tokens</c>: what was generated stands for it, so a ceiling below that refuses.</summary>
    private static PastRequest Of(UsageRecord row) => new(
        row.Id,
        row.Timestamp,
        row.Timestamp + row.Duration,
        new(row.User!.Value, row.UserName, row.Peer ?? NoPeer, [.. row.Groups]),
        new(row.Kind, row.Model, row.Stream, row.Usage.Tokens.Output, row.RequestBytes, row.SessionId, row.AgentId),
        row.Usage.Tokens.Total,
        row.Cost);
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
