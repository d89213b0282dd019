using System.Globalization;
using NetBird.ControlPlane.Forms;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Usage;
using NetBird.Primitives;

namespace NetBird.ControlPlane.AdminApi;

/// <summary><c>access-logs</c>, <c>access-log-sessions</c> and <c>usage/overview</c>; people without a role see their own rows alone.</summary>
internal static class UsageEndpoints
{
    private static readonly TimeSpan DefaultSpan = TimeSpan.FromDays(30);

    public static void MapUsage(this IEndpointRouteBuilder api)
    {
        var usage = api.MapGroup("/agent-network").WithTags("Usage");
        QueryParameter[] filters =
        [
            new("user", "Id of a person."), new("group", "Id of a group they were in."), new("provider", "Id of a provider."),
            new("policy", "Id of the policy that was charged."), new("model", "Such as claude-haiku-4-5."), new("session", "Claude Code's session."),
            new("decision", "What was decided.", Choices: ["allowed", "denied"]), new("refusal", "A part of the sentence of a refusal."),
            QueryParameter.From, QueryParameter.To,
        ];
        usage.MapGet("/access-logs", LogsAsync).ForEveryone().Lists(filters).Produces<PageAnswer<AccessLogAnswer>>();
        usage.MapGet("/access-log-sessions", (Delegate)SessionsAsync).ForEveryone().Lists(filters).Produces<PageAnswer<SessionAnswer>>();
        usage.MapGet("/usage/overview", OverviewAsync).ForEveryone().Asks(
            new("granularity", "How long each row's time is.", Choices: [.. Enum.GetValues<Granularity>().Select(AccessLogAnswer.Snake)]),
            new("group_by", "What rows are made by; others than users need the role auditor.", Choices: [.. Enum.GetValues<OverviewKey>().Select(AccessLogAnswer.Snake)]),
            QueryParameter.From, QueryParameter.To, new("time_zone", "Whose days they are, such as Europe/Berlin; UTC unless given.")).Produces<OverviewsAnswer>();
    }

    private static async Task<IResult> LogsAsync(HttpContext http, IConfigurationStore store)
    {
        var (query, ledger, refusal) = Read(http);
        if (refusal is not null)
        {
            return refusal;
        }

        var page = await ledger.QueryAsync(query, http.RequestAborted);
        var configuration = store.Current;
        return Paging.Json(new PageAnswer<AccessLogAnswer>(
            page.Data.Select(row => AccessLogAnswer.Of(configuration, row)), page.Page, page.PageSize, page.TotalRecords));
    }

    private static async Task<IResult> SessionsAsync(HttpContext http)
    {
        var (query, ledger, refusal) = Read(http);
        if (refusal is not null)
        {
            return refusal;
        }

        var page = await ledger.SessionsAsync(query, http.RequestAborted);
        return Paging.Json(new PageAnswer<SessionAnswer>(page.Data.Select(SessionAnswer.Of), page.Page, page.PageSize, page.TotalRecords));
    }

    private static async Task<IResult> OverviewAsync(HttpContext http, IConfigurationStore store, TimeProvider time)
    {
        var errors = new List<FormError>();
        var query = http.Request.Query;
        var to = QueryFields.Time(query, "to", errors) ?? time.GetUtcNow().AddSeconds(1);
        var from = QueryFields.Time(query, "from", errors) ?? to - DefaultSpan;
        var granularity = QueryFields.Choice(query, "granularity", Granularity.Day, errors);
        var groupBy = QueryFields.Choice(query, "group_by", OverviewKey.User, errors);
        var zone = TimeZoneInfo.Utc;
        if (query.TryGetValue("time_zone", out var name) && !TimeZoneInfo.TryFindSystemTimeZoneById(name.ToString(), out zone))
        {
            errors.Add(new("time_zone", "This is an IANA time zone, such as Europe/Berlin.", null));
        }

        if (from >= to)
        {
            errors.Add(new("from", "This must lie before 'to'.", null));
        }

        if (errors.Count > 0 || zone is null)
        {
            return Problems.Invalid(errors);
        }

        var caller = http.Caller();
        if (!caller.ReadsAll && groupBy != OverviewKey.User)
        {
            return Problems.NotPermitted("the role auditor, for other than group_by=user");
        }

        if (http.RequestServices.GetService<IUsageLedger>() is not { } ledger)
        {
            return NoLedger();
        }

        string[]? own = caller.ReadsAll ? null : [caller.User.Id.Value];
        var rows = await ledger.OverviewAsync(new(from, to, granularity, groupBy, zone, own), http.RequestAborted);
        var configuration = store.Current;
        return Paging.Json(new OverviewsAnswer(
            from,
            to,
            AccessLogAnswer.Snake(granularity),
            AccessLogAnswer.Snake(groupBy),
            rows.Select(row => OverviewAnswer.Of(row, NameOf(configuration, groupBy, row.Key)))));
    }

    private static (UsageQuery Query, IUsageLedger Ledger, IResult? Refusal) Read(HttpContext http)
    {
        var errors = new List<FormError>();
        var fields = http.Request.Query;
        var (paging, refusal) = Paging.Read(http.Request, defaultSize: 50);
        var query = new UsageQuery
        {
            User = QueryFields.Id<UserId>(fields, "user", errors),
            Group = QueryFields.Id<GroupId>(fields, "group", errors),
            Provider = QueryFields.Id<ProviderId>(fields, "provider", errors),
            Policy = QueryFields.Id<PolicyId>(fields, "policy", errors),
            Model = QueryFields.Text(fields, "model"),
            Session = QueryFields.Text(fields, "session"),
            Allowed = QueryFields.Decision(fields, "decision", errors),
            Refusal = QueryFields.Text(fields, "refusal"),
            From = QueryFields.Time(fields, "from", errors),
            To = QueryFields.Time(fields, "to", errors),
            Page = paging.Page,
            PageSize = paging.Size,
        };
        var ledger = http.RequestServices.GetService<IUsageLedger>();
        var caller = http.Caller();
        if (!caller.ReadsAll && query.User is { } other && other != caller.User.Id)
        {
            refusal = Problems.NotPermitted("the role auditor, for other people's usage");
        }

        refusal ??= errors.Count > 0 ? Problems.Invalid(errors) : ledger is null ? NoLedger() : null;
        return (caller.ReadsAll ? query : query with { User = caller.User.Id }, ledger!, refusal); // null only with a refusal
    }

    private static IResult NoLedger() => Problems.Unavailable("This process keeps no usage ledger.");

    private static string NameOf(Configuration configuration, OverviewKey dimension, string key) => dimension switch
    {
        OverviewKey.User when UserId.TryParse(key, out var id) => configuration.Users.GetValueOrDefault(id)?.DisplayName() ?? key,
        OverviewKey.Group when GroupId.TryParse(key, out var id) => configuration.Groups.GetValueOrDefault(id)?.Name ?? key,
        OverviewKey.Provider when ProviderId.TryParse(key, out var id) => configuration.Providers.GetValueOrDefault(id)?.Name ?? key,
        _ => key,
    };
}

/// <summary>Filters in the query of a request. What is not understood is wrong, never ignored.</summary>
internal static class QueryFields
{
    public static string? Text(IQueryCollection query, string name)
        => query.TryGetValue(name, out var text) && !string.IsNullOrEmpty(text) ? text.ToString() : null;

    public static TId? Id<TId>(IQueryCollection query, string name, List<FormError> errors)
        where TId : struct, IIdentifier<TId>
    {
        if (Text(query, name) is not { } text)
        {
            return null;
        }

        if (TId.TryParse(text, out var id))
        {
            return id;
        }

        errors.Add(new(name, "This is an id: 1 to 64 letters, digits, '_', '-' or '.'.", null));
        return null;
    }

    public static DateTimeOffset? Time(IQueryCollection query, string name, List<FormError> errors)
    {
        if (Text(query, name) is not { } text)
        {
            return null;
        }

        if (Moment.TryParse(text, out var time))
        {
            return time;
        }

        errors.Add(new(name, "This is a time such as 2026-11-24T12:00:00Z.", null));
        return null;
    }

    public static T Choice<T>(IQueryCollection query, string name, T absent, List<FormError> errors)
        where T : struct, Enum
    {
        if (Text(query, name) is not { } text)
        {
            return absent;
        }

        foreach (var value in Enum.GetValues<T>())
        {
            if (AccessLogAnswer.Snake(value) == text)
            {
                return value;
            }
        }

        errors.Add(new(name, $"This is one of {string.Join(", ", Enum.GetValues<T>().Select(AccessLogAnswer.Snake))}.", null));
        return absent;
    }

    public static bool? Decision(IQueryCollection query, string name, List<FormError> errors)
    {
        switch (Text(query, name))
        {
            case null:
                return null;
            case "allowed" or "allow":
                return true;
            case "denied" or "deny":
                return false;
            default:
                errors.Add(new(name, "This is one of allowed, denied.", null));
                return null;
        }
    }
}
