using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace FakeAnthropic;

/// <summary>
/// The Admin API's reports, from the ledger: usage by day, key and model, cost by day and model, the keys with their hints. Two
/// days a page, so that whoever reads them has to turn pages. Only the admin key is let in, and it nowhere else.
/// </summary>
internal static class AdminApi
{
    private const int DaysAPage = 2;

    // Dollars a million tokens, by hand: input, write 5 min, write 1 h, read, output. Of other models no cost is told.
    private static readonly Dictionary<string, decimal[]> Prices = new(StringComparer.Ordinal)
    {
        ["claude-opus-5-5"] = [4, 5, 8, 0.2m, 20],
        ["claude-haiku-4-5"] = [1, 1.25m, 2, 0.1m, 5],
    };

    public static bool Is(string path) => path.StartsWith("/v1/organizations/", StringComparison.Ordinal);

    /// <summary>The provider's id of a key.</summary>
    public static string IdOf(string key) => "apikey_01" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)))[..16];

    public static async Task AnswerAsync(Call call, string path, IEnumerable<string> keys)
    {
        switch (path)
        {
            case "/v1/organizations/api_keys":
                await Json.WriteAsync(call.Http, new JsonObject
                {
                    ["data"] = new JsonArray([.. keys.Order(StringComparer.Ordinal).Select(key => new JsonObject
                    {
                        ["id"] = IdOf(key), ["type"] = "api_key", ["name"] = "key", ["status"] = "active",
                        ["partial_key_hint"] = $"{key[..16]}...{key[^4..]}",
                    })]),
                    ["has_more"] = false,
                    ["last_id"] = null,
                }).ConfigureAwait(false);
                break;
            case "/v1/organizations/usage_report/messages":
                await WriteDaysAsync(call, Usage).ConfigureAwait(false);
                break;
            case "/v1/organizations/cost_report":
                await WriteDaysAsync(call, Cost).ConfigureAwait(false);
                break;
            default:
                await ApiError.WriteAsync(call.Http, call.RequestId, 404, "not_found_error", "Not found").ConfigureAwait(false);
                break;
        }
    }

    private static async Task WriteDaysAsync(Call call, Func<IEnumerable<LedgerEntry>, JsonArray> results)
    {
        var query = call.Http.Request.Query;
        var from = Time(query["starting_at"].ToString());
        var to = Time(query["ending_at"].ToString());
        if (query["bucket_width"] != "1d" || from.TimeOfDay != default || to <= from)
        {
            await ApiError.WriteAsync(call.Http, call.RequestId, 400, "invalid_request_error", "the range is not of whole days").ConfigureAwait(false);
            return;
        }

        var first = query["page"] is [{ Length: > 0 } page] ? Time(page["page_".Length..]) : from;
        var days = new JsonArray();
        var day = first;
        for (; day < to && days.Count < DaysAPage; day = day.AddDays(1))
        {
            var until = day.AddDays(1);
            days.Add(new JsonObject
            {
                ["starting_at"] = Text(day),
                ["ending_at"] = Text(until),
                ["results"] = results(call.Upstream.Ledger.Entries.Where(entry => entry.At >= day && entry.At < until && IsBilled(entry))),
            });
        }

        await Json.WriteAsync(call.Http, new JsonObject
        {
            ["data"] = days, ["has_more"] = day < to, ["next_page"] = day < to ? "page_" + Text(day) : null,
        }).ConfigureAwait(false);
    }

    private static bool IsBilled(LedgerEntry entry) => entry.Kind is "messages" or "batch" && entry.Outcome is "completed" or "cut";

    private static JsonArray Usage(IEnumerable<LedgerEntry> entries)
        => [.. entries.GroupBy(entry => (entry.KeyId, entry.Model)).Select(group => new JsonObject
        {
            ["api_key_id"] = group.Key.KeyId,
            ["model"] = group.Key.Model,
            ["workspace_id"] = null,
            ["service_tier"] = null,
            ["context_window"] = null,
            ["uncached_input_tokens"] = group.Sum(entry => entry.InputTokens),
            ["cache_creation"] = new JsonObject
            {
                ["ephemeral_5m_input_tokens"] = group.Sum(entry => entry.CacheCreation5mInputTokens),
                ["ephemeral_1h_input_tokens"] = group.Sum(entry => entry.CacheCreation1hInputTokens),
            },
            ["cache_read_input_tokens"] = group.Sum(entry => entry.CacheReadInputTokens),
            ["output_tokens"] = group.Sum(Output),
            ["server_tool_use"] = new JsonObject { ["web_search_requests"] = group.Sum(entry => entry.WebSearchRequests) },
        })];

    private static long Output(LedgerEntry entry) => entry.Outcome == "cut" ? entry.SentOutputTokens : entry.OutputTokens;

    private static JsonArray Cost(IEnumerable<LedgerEntry> entries)
    {
        var rows = new JsonArray();
        var all = entries.ToList();
        foreach (var group in all.GroupBy(entry => (entry.Model, entry.ServiceTier)))
        {
            if (!Prices.TryGetValue(group.Key.Model, out var price))
            {
                continue;
            }

            // Each kind of token is a row of its own, as in the real report.
            (string Type, decimal Dollars)[] kinds =
            [
                ("uncached_input_tokens", price[0] * group.Sum(entry => entry.InputTokens)),
                ("cache_creation.ephemeral_5m_input_tokens", price[1] * group.Sum(entry => entry.CacheCreation5mInputTokens)),
                ("cache_creation.ephemeral_1h_input_tokens", price[2] * group.Sum(entry => entry.CacheCreation1hInputTokens)),
                ("cache_read_input_tokens", price[3] * group.Sum(entry => entry.CacheReadInputTokens)),
                ("output_tokens", price[4] * group.Sum(Output)),
            ];
            foreach (var (type, dollars) in kinds.Where(kind => kind.Dollars > 0))
            {
                rows.Add(Row(dollars / 1_000_000 / (group.Key.ServiceTier == "batch" ? 2 : 1), "tokens", group.Key.Model, type));
            }
        }

        if (all.Sum(entry => entry.WebSearchRequests) is > 0 and var searches)
        {
            rows.Add(Row(searches / 100m, "web_search", null, null));
        }

        return rows;
    }

    private static JsonObject Row(decimal dollars, string type, string? model, string? tokens) => new()
    {
        ["currency"] = "USD", ["amount"] = (dollars * 100).ToString(CultureInfo.InvariantCulture), ["cost_type"] = type, ["model"] = model, ["token_type"] = tokens,
        ["description"] = $"{model} {type} {tokens}",
    };

    private static DateTimeOffset Time(string text)
        => DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time) ? time : default;

    private static string Text(DateTimeOffset time) => time.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
}
