using System.Globalization;
using NetBird.ControlPlane.Forms;
using NetBird.ControlPlane.Providers;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Usage;
using NetBird.ControlPlane.Usage.Reconciling;
using NetBird.Primitives;

namespace NetBird.ControlPlane.AdminApi;

/// <summary>
/// <c>GET /api/agent-network/reconciliation?provider=ID[&amp;from=DAY&amp;to=DAY]</c>: our ledger beside the provider's own usage and
/// cost report, by day (UTC), key and model. Default: the last seven whole days.
/// </summary>
internal static class ReconciliationEndpoints
{
    private const int MostDays = 92;

    public static void MapReconciliation(this IEndpointRouteBuilder api)
        => api.MapGet("/agent-network/reconciliation", ReconcileAsync).ForAuditors().Asks(
            new("provider", "Id of the provider."), new("from", "First day, such as 2026-11-24, UTC."), new("to", "Last day.")).WithTags("Usage").Produces<ReconciliationAnswer>();

    private static async Task<IResult> ReconcileAsync(
        HttpContext http, IConfigurationStore store, AnthropicReport reports, SecretSeal seal, TimeProvider time)
    {
        var errors = new List<FormError>();
        var query = http.Request.Query;
        var yesterday = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime).AddDays(-1);
        var to = Day(query, "to", errors) ?? yesterday;
        var from = Day(query, "from", errors) ?? (to < yesterday ? to : yesterday).AddDays(-6);
        if (from > to || to.DayNumber - from.DayNumber >= MostDays)
        {
            errors.Add(new("from", $"This is a day up to 'to', at most {MostDays} days before it.", null));
        }

        var id = QueryFields.Id<ProviderId>(query, "provider", errors);
        if (id is null && errors.Count == 0)
        {
            errors.Add(new("provider", "This is required.", null));
        }

        if (errors.Count > 0)
        {
            return Problems.Invalid(errors);
        }

        if (!store.Current.Providers.TryGetValue(id!.Value, out var provider)) // an error otherwise
        {
            return Problems.NotFound("provider");
        }

        if (http.RequestServices.GetService<IUsageLedger>() is not { } ledger)
        {
            return Problems.Unavailable("This process keeps no usage.");
        }

        Reconciliation both;
        try
        {
            both = new(
                await reports.ReadAsync(provider, from, to, http.RequestAborted), provider, key => seal.UnsealProviderKey(key.Sealed));
        }
        catch (ReportException fault)
        {
            return Problems.Conflict(fault.Message);
        }

        var ours = new UsageQuery { Provider = provider.Id, Allowed = true, From = Start(from), To = Start(to.AddDays(1)) };
        await foreach (var row in ledger.EnumerateAsync(ours, http.RequestAborted))
        {
            both.Note(row);
        }

        return Paging.Json(ReconciliationAnswer.Of(both, provider, from, to));
    }

    private static DateTimeOffset Start(DateOnly day) => new(day.ToDateTime(TimeOnly.MinValue), TimeSpan.Zero);

    private static DateOnly? Day(IQueryCollection query, string name, List<FormError> errors)
    {
        if (QueryFields.Text(query, name) is not { } text)
        {
            return null;
        }

        if (DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day))
        {
            return day;
        }

        errors.Add(new(name, "This is a day such as 2026-11-24, UTC.", null));
        return null;
    }
}

/// <summary>Both ledgers.</summary>
/// <param name="Provider">Its id.</param>
/// <param name="ProviderName">Its name.</param>
/// <param name="From">First day, UTC.</param>
/// <param name="To">Last day.</param>
/// <param name="UsageDifferences">Rows of <paramref name="Data"/> in which the two differ.</param>
/// <param name="CostDifferences">Rows of <paramref name="Costs"/> in which the two differ.</param>
/// <param name="KeysNotReported">Keys of ours that the provider's list does not show: their usage cannot be compared.</param>
/// <param name="OtherKeysTokens">Tokens of other keys of the organisation: in its costs, not in ours.</param>
/// <param name="Data">Tokens by day, key and model.</param>
/// <param name="Costs">Money by day and model, theirs of the whole organisation.</param>
internal sealed record ReconciliationAnswer(
    ProviderId Provider,
    string ProviderName,
    DateOnly From,
    DateOnly To,
    int UsageDifferences,
    int CostDifferences,
    IEnumerable<string> KeysNotReported,
    long OtherKeysTokens,
    IReadOnlyList<ReconciledUsageAnswer> Data,
    IReadOnlyList<ReconciledCostAnswer> Costs)
{
    public static ReconciliationAnswer Of(Reconciliation both, Provider provider, DateOnly from, DateOnly to)
    {
        var names = both.TheirKeys.ToDictionary(
            pair => pair.Value, pair => provider.Keys.First(key => key.Id == pair.Key).Name, StringComparer.Ordinal);
        return new(
            provider.Id,
            provider.Name,
            from,
            to,
            both.Usage.Count(row => row.Value.Differs),
            both.Costs.Count(row => row.Value.Differs),
            provider.Keys.Where(key => !both.TheirKeys.ContainsKey(key.Id)).Select(key => key.Name),
            both.OtherTokens,
            [.. both.Usage.Select(row => new ReconciledUsageAnswer(
                row.Key.Day,
                row.Key.Key,
                names.GetValueOrDefault(row.Key.Key) ?? provider.Keys.FirstOrDefault(key => key.Id == row.Key.Key)?.Name ?? "",
                row.Key.Model,
                row.Value.Differs,
                row.Value.Requests,
                row.Value.Interrupted,
                TokensAnswer.Of(row.Value.Ours, row.Value.OurSearches),
                TokensAnswer.Of(row.Value.Theirs, row.Value.TheirSearches)))],
            [.. both.Costs.Select(row => new ReconciledCostAnswer(
                row.Key.Day,
                row.Key.What,
                row.Value.Differs,
                row.Value.Ours.ToUsd(),
                row.Value.Theirs.ToUsd(),
                row.Value.Ours.ToUsd() - row.Value.Theirs.ToUsd()))]);
    }
}

/// <summary>Tokens of a day, key and model.</summary>
internal sealed record ReconciledUsageAnswer(
    DateOnly Date, string ApiKeyId, string KeyName, string Model, bool Differs, long Requests, long Interrupted, TokensAnswer Ours, TokensAnswer Theirs);

/// <summary>By bucket.</summary>
internal sealed record TokensAnswer(
    long InputTokens,
    long OutputTokens,
    long CachedInputTokens,
    [property: System.Text.Json.Serialization.JsonPropertyName("cache_creation_5m_tokens")] long CacheCreation5mTokens,
    [property: System.Text.Json.Serialization.JsonPropertyName("cache_creation_1h_tokens")] long CacheCreation1hTokens,
    long TotalTokens,
    long WebSearchRequests)
{
    public static TokensAnswer Of(TokenUsage tokens, long searches)
        => new(tokens.Input, tokens.Output, tokens.CacheRead, tokens.CacheWrite5m, tokens.CacheWrite1h, tokens.Total, searches);
}

/// <summary>Money of a day and model, or of what else is charged.</summary>
internal sealed record ReconciledCostAnswer(DateOnly Date, string Model, bool Differs, decimal OursUsd, decimal TheirsUsd, decimal DifferenceUsd);
