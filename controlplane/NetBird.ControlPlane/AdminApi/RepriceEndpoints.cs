using System.Globalization;
using System.Text.Json;
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
            .Accepts<RepriceRequest>("application/json").Produces<RepriceAnswer>();

    private static async Task<IResult> RepriceAsync(HttpContext http, IConfigurationStore store, TimeProvider time)
    {
        if (!http.Request.HasJsonContentType())
        {
            return Problems.MediaType();
        }

        var (bytes, tooLarge) = await RequestBody.ReadBytesAsync(http.Request, RequestBody.MaxBytes, http.RequestAborted);
        if (tooLarge)
        {
            return Problems.TooLarge(RequestBody.MaxBytes);
        }

        if (http.RequestServices.GetService<IUsageLedger>() is not { } ledger
            || http.RequestServices.GetService<IGatewaySnapshots>()?.Current is not { } current)
        {
            return Problems.Unavailable("This process keeps no usage.");
        }

        var errors = new List<FormError>();
        Asked asked;
        try
        {
            using var body = JsonDocument.Parse(bytes);
            asked = Read(body.RootElement, current.Policies.Prices, errors);
        }
        catch (JsonException)
        {
            return Problems.Malformed("The body is not JSON.");
        }

        if (asked is { Apply: true, OtherList: true })
        {
            errors.Add(new("apply", "A list that is tried cannot be applied: give the provider these prices first, then apply without 'prices'.", null));
        }

        if (errors.Count > 0)
        {
            return Problems.Invalid(errors);
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

    private static Asked Read(JsonElement body, PriceTable prices, List<FormError> errors)
    {
        var query = new UsageQuery { Allowed = true };
        var (apply, other) = (false, false);
        if (body.ValueKind != JsonValueKind.Object)
        {
            errors.Add(new("", "This must be an object.", null));
            return new(query, prices, false, false);
        }

        foreach (var field in body.EnumerateObject().Where(field => field.Value.ValueKind != JsonValueKind.Null))
        {
            var text = field.Value.ValueKind == JsonValueKind.String ? field.Value.GetString() ?? "" : null;
            switch (field.Name)
            {
                case "from" when TryTime(text, out var from):
                    query = query with { From = from };
                    break;
                case "to" when TryTime(text, out var to):
                    query = query with { To = to };
                    break;
                case "from" or "to":
                    errors.Add(new(field.Name, "This is a time such as 2026-11-24T12:00:00Z.", null));
                    break;
                case "model" when text is { Length: > 0 }:
                    query = query with { Model = text };
                    break;
                case "provider" when ProviderId.TryParse(text, out var provider):
                    query = query with { Provider = provider };
                    break;
                case "model" or "provider":
                    errors.Add(new(field.Name, "This is an id.", null));
                    break;
                case "apply" when field.Value.ValueKind is JsonValueKind.True or JsonValueKind.False:
                    apply = field.Value.GetBoolean();
                    break;
                case "apply":
                    errors.Add(new("apply", "This must be true or false.", null));
                    break;
                case "prices":
                    other = true;
                    try
                    {
                        prices = prices.WithList(field.Value);
                    }
                    catch (InvalidDataException wrong)
                    {
                        errors.Add(new("prices", $"{wrong.Message} It is {{\"models\": {{ID: [{{\"input\", \"output\", \"cache_read\", \"cache_write_5m\", \"cache_write_1h\", \"from\"}}]}}}}, dollars for a million tokens.", null));
                    }

                    break;
                default:
                    errors.Add(new(field.Name.Length <= 64 ? field.Name : field.Name[..64], "There is no such field.", null));
                    break;
            }
        }

        return new(query, prices, apply, other);
    }

    private static bool TryTime(string? text, out DateTimeOffset time)
        => DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out time);

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

    private sealed record Asked(UsageQuery Query, PriceTable Prices, bool Apply, bool OtherList);
}

/// <summary>Which requests, by what prices. Without <c>prices</c>: those in force.</summary>
internal sealed record RepriceRequest(DateTimeOffset? From, DateTimeOffset? To, string? Provider, string? Model, object? Prices, bool? Apply);

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
