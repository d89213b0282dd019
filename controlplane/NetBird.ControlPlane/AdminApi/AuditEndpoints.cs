using System.Globalization;
using System.Text.Json.Nodes;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Forms;
using NetBird.ControlPlane.Store;

namespace NetBird.ControlPlane.AdminApi;

/// <summary><c>/api/events/audit</c>: newest first.</summary>
internal static class AuditEndpoints
{
    // Ours: so much of the log is looked through for one page of a filtered list.
    private const int MaxScanned = 200_000;

    public static void MapAudit(this IEndpointRouteBuilder api)
    {
        var audit = api.MapGroup("/events/audit").WithTags("Audit");
        audit.MapGet("", ListAsync).ForAuditors().Lists(
            QueryParameter.BySearch, QueryParameter.From, QueryParameter.To, new("activity_code", "Such as user.login."),
            new("initiator_id", "Who did it."), new("target_id", "What it was done to.")).Produces<AuditAnswer[]>();
    }

    private static async Task<IResult> ListAsync(HttpContext http, ConfigurationStore store)
    {
        var (paging, refusal) = Paging.Read(http.Request);
        if (refusal is not null)
        {
            return refusal;
        }

        var errors = new List<FormError>();
        var since = QueryFields.Time(http.Request.Query, "from", errors);
        var until = QueryFields.Time(http.Request.Query, "to", errors);
        if (errors.Count > 0)
        {
            return Problems.Invalid(errors);
        }

        var rows = new List<AuditAnswer>();
        var matched = 0;
        var scanned = 0;
        await foreach (var entry in store.ReadAuditAsync(long.MaxValue, descending: true, http.RequestAborted))
        {
            if (++scanned > MaxScanned)
            {
                break;
            }

            if (!(entry.Timestamp < since) && !(entry.Timestamp >= until) && Matches(http, entry) && matched++ >= paging.Skip && rows.Count < paging.Size)
            {
                rows.Add(AuditAnswer.Of(entry));
            }
        }

        http.Response.Headers["X-Total-Count"] = matched.ToString(CultureInfo.InvariantCulture);
        return Paging.Json(rows);
    }

    private static bool Matches(HttpContext http, AuditEntry entry)
    {
        var query = http.Request.Query;
        return (!query.TryGetValue("activity_code", out var action) || entry.Action == action)
            && (!query.TryGetValue("initiator_id", out var actor) || entry.Actor.Id == actor)
            && (!query.TryGetValue("target_id", out var target) || entry.TargetId == target)
            && (!query.TryGetValue("search", out var part)
                || entry.TargetName.Contains(part.ToString(), StringComparison.OrdinalIgnoreCase)
                || entry.Actor.Name.Contains(part.ToString(), StringComparison.OrdinalIgnoreCase)
                || entry.Action.Contains(part.ToString(), StringComparison.OrdinalIgnoreCase));
    }
}

/// <summary>An audit entry as REST gives it.</summary>
internal sealed record AuditAnswer(
    string Id,
    DateTimeOffset Timestamp,
    string Activity,
    string ActivityCode,
    string InitiatorId,
    string InitiatorName,
    string InitiatorKind,
    string InitiatorVia,
    string InitiatorAddress,
    string TargetKind,
    string TargetId,
    string TargetName,
    string Detail,
    JsonObject? Before,
    JsonObject? After)
{
    public static AuditAnswer Of(AuditEntry entry) => new(
        entry.Sequence.ToString(CultureInfo.InvariantCulture),
        entry.Timestamp,
        $"{entry.Actor.Name}: {entry.Action} {entry.TargetName}".TrimEnd(),
        entry.Action,
        entry.Actor.Id,
        entry.Actor.Name,
        entry.Actor.Kind.ToString().ToLowerInvariant(),
        entry.Actor.Via,
        entry.Actor.Address,
        entry.TargetKind,
        entry.TargetId,
        entry.TargetName,
        entry.Detail,
        entry.Before,
        entry.After);
}
