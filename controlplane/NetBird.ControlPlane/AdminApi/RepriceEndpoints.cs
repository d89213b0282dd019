using System.Globalization;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Forms;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Usage;
using NetBird.Gateway;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.ControlPlane.AdminApi;

/// <summary>
/// <c>POST /api/agent-network/usage/reprice</c>: what recorded requests cost by the prices of now, or by a list that is tried; with
/// <c>apply</c> (prices of now only) it is recorded so, rows and sums, and audited before the first row changes and after the last one.
/// </summary>
internal static class RepriceEndpoints
{
    public static void MapReprice(this IEndpointRouteBuilder api)
        => api.MapPost("/agent-network/usage/reprice", RepriceAsync).ForAdmins().WithTags("Usage")
            .Takes((form, _, _) => Read(form, PriceTable.Default)).Produces<RepriceAnswer>();

    private static async Task<IResult> RepriceAsync(HttpContext http, IConfigurationStore store, TimeProvider time)
    {
        var (node, refusal) = await RequestBody.ReadAsync(http);
        if (node is null)
        {
            return refusal!; // one of the two is there
        }

        if (http.RequestServices.GetService<IUsageLedger>() is not { } ledger
            || http.RequestServices.GetService<IGatewaySnapshots>()?.Current is not { } current)
        {
            return Problems.Unavailable("This process keeps no usage.");
        }

        var form = new Form(node);
        var asked = Read(form, current.Policies.Prices);
        if (!form.IsValid)
        {
            return Problems.Invalid(form.Errors);
        }

        RowPrice Price(NetBird.Gateway.Metering.UsageRecord row)
        {
            var priced = asked.Prices.Price(row.Provider ?? default, row.Model, row.Usage, row.Timestamp);
            return row.Usage == default ? RowPrice.Of(row) : new(priced.Cost, !priced.Known);
        }

        var shown = await ledger.RepriceAsync(asked.Query, Price, apply: false, http.RequestAborted);
        if (asked.Apply && shown.Changed > 0)
        {
            await NoteAsync(http, store, $"Begins: {Words(shown)}, requests {Range(asked.Query)}.");
            shown = await ledger.RepriceAsync(asked.Query, Price, apply: true, http.RequestAborted);
            await NoteAsync(http, store, $"Done: {Words(shown)}.");
        }

        return Paging.Json(RepriceAnswer.Of(shown, asked.Query, asked.Apply && shown.Changed > 0, store.Current, time.GetUtcNow()));
    }

    private static Asked Read(Form form, PriceTable prices)
    {
        var provider = form.Text("provider", "", maxLength: 64, minLength: 1);
        if (form.Has("provider") && !ProviderId.TryParse(provider, out _))
        {
            form.Fail("provider", "This is an id.");
        }

        var query = new UsageQuery
        {
            Allowed = true,
            From = form.Time("from"),
            To = form.Time("to"),
            Model = form.Text("model", "", maxLength: 256, minLength: 1) is { Length: > 0 } model ? model : null,
            Provider = ProviderId.TryParse(provider, out var id) ? id : null,
        };
        var apply = form.Flag("apply", false);
        var list = form.Json("prices");
        try
        {
            prices = list is { } tried ? prices.WithList(tried) : prices;
        }
        catch (InvalidDataException wrong)
        {
            form.Fail("prices", $"{wrong.Message} It is {{\"models\": {{ID: [{{\"input\", \"output\", \"cache_read\", \"cache_write_5m\", \"cache_write_1h\", \"from\"}}]}}}}, dollars for a million tokens.");
        }

        if (apply && list is not null)
        {
            form.Fail("apply", "A list that is tried cannot be applied: give the provider these prices first, then apply without 'prices'.");
        }

        form.RefuseUnknown();
        return new(query, prices, apply);
    }

    private static async Task NoteAsync(HttpContext http, IConfigurationStore store, string detail)
        => await store.CommitAsync(
            http.Caller().Actor,
            draft =>
            {
                draft.Note(new(AuditActions.UsageReprice, "usage", "", "usage", detail));
                return true;
            },
            CancellationToken.None);

    private static string Words(RepricedTotals totals) => string.Create(
        CultureInfo.InvariantCulture,
        $"{totals.Changed} of {totals.Requests} requests, from {totals.Before.ToUsd()} to {totals.After.ToUsd()} USD");

    private static string Range(UsageQuery query)
        => (query.From is null ? "" : $"from {query.From:u} ") + (query.To is null ? "" : $"to {query.To:u} ")
            + (query.Provider is null ? "" : $"of provider {query.Provider} ") + (query.Model is null ? "" : $"of model {query.Model} ") + "that are kept";

    private sealed record Asked(UsageQuery Query, PriceTable Prices, bool Apply);
}

/// <summary>What it comes to; amounts are exact dollars.</summary>
internal sealed record RepriceAnswer(
    DateTimeOffset? From,
    DateTimeOffset? To,
    DateTimeOffset At,
    bool Applied,
    long Requests,
    long Changed,
    decimal RecordedUsd,
    decimal RepricedUsd,
    decimal DifferenceUsd,
    IEnumerable<RepricedModelAnswer> Data)
{
    public static RepriceAnswer Of(RepricedTotals totals, UsageQuery query, bool applied, Configuration configuration, DateTimeOffset at) => new(
        query.From,
        query.To,
        at,
        applied,
        totals.Requests,
        totals.Changed,
        totals.Before.ToUsd(),
        totals.After.ToUsd(),
        totals.After.ToUsd() - totals.Before.ToUsd(),
        totals.Models.Where(model => model.Before.Value != 0 || model.After.Value != 0 || model.Changed > 0).Select(model => new RepricedModelAnswer(
            model.Provider?.Value ?? "",
            model.Provider is { } id ? configuration.Providers.GetValueOrDefault(id)?.Name ?? id.Value : "",
            model.Model,
            model.Requests,
            model.Changed,
            model.UnknownBefore,
            model.UnknownAfter,
            model.Before.ToUsd(),
            model.After.ToUsd(),
            model.After.ToUsd() - model.Before.ToUsd())));
}

/// <summary>Of one provider's model.</summary>
internal sealed record RepricedModelAnswer(
    string ProviderId,
    string ProviderName,
    string Model,
    long Requests,
    long Changed,
    long PriceUnknownBefore,
    long PriceUnknownAfter,
    decimal RecordedUsd,
    decimal RepricedUsd,
    decimal DifferenceUsd);
