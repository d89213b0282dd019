using System.Globalization;
using System.Net;
using System.Text.Json;
using NetBird.ControlPlane.Providers;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage.Reconciling;

/// <summary>
/// Reads usage, cost and keys of an organisation by Anthropic's Admin API: <c>/v1/organizations/usage_report/messages</c>,
/// <c>/cost_report</c> and <c>/api_keys</c>, all pages of them, by day.
/// </summary>
internal sealed class AnthropicReport(IHttpClientFactory clients, SecretSeal seal, SampleProvider sample)
{
    /// <summary>Days in one page: the API's most.</summary>
    private const int DaysAtOnce = 31;

    private const int MostPages = 200;

    /// <exception cref="ReportException">It cannot be had.</exception>
    public async Task<ProviderReport> ReadAsync(Provider provider, DateOnly from, DateOnly to, CancellationToken cancellationToken)
    {
        if (provider.ReportKey is not { } sealedKey)
        {
            throw new ReportException(
                "The provider has no admin key, by which its own report is read. Give it one that begins with sk-ant-admin: admin_api_key, or reconcile --admin-key-file.");
        }

        var key = seal.UnsealProviderKey(sealedKey.Sealed)
            ?? throw new ReportException("The admin key cannot be unsealed: the key ring in the state directory is not the one it was sealed with.");
        using var client = clients.CreateClient(ProviderTest.ClientName);
        client.Timeout = TimeSpan.FromSeconds(60);
        var reader = new Reader(client, sample.UpstreamOf(provider).AbsoluteUri.TrimEnd('/') + "/v1/organizations/", key);
        var range = $"starting_at={Start(from)}&ending_at={Start(to.AddDays(1))}&bucket_width=1d&limit={DaysAtOnce}";
        var keys = new List<ReportedKey>();
        await foreach (var row in reader.PagesAsync("api_keys?limit=100", "after_id", "last_id", cancellationToken))
        {
            keys.Add(new(Text(row, "id"), Text(row, "name"), Text(row, "partial_key_hint")));
        }

        var usage = new List<ReportedUsage>();
        await foreach (var (day, row) in reader.DaysAsync($"usage_report/messages?{range}&group_by[]=api_key_id&group_by[]=model", cancellationToken))
        {
            var created = row.TryGetProperty("cache_creation", out var split) && split.ValueKind == JsonValueKind.Object ? split : default;
            var tools = row.TryGetProperty("server_tool_use", out var used) && used.ValueKind == JsonValueKind.Object ? used : default;
            usage.Add(new(
                day,
                Text(row, "api_key_id"),
                Text(row, "model"),
                new(
                    Count(row, "uncached_input_tokens"),
                    Count(row, "output_tokens"),
                    Count(row, "cache_read_input_tokens"),
                    Count(created, "ephemeral_5m_input_tokens"),
                    Count(created, "ephemeral_1h_input_tokens")),
                Count(tools, "web_search_requests")));
        }

        var costs = new List<ReportedCost>();
        await foreach (var (day, row) in reader.DaysAsync($"cost_report?{range}&group_by[]=description", cancellationToken))
        {
            var what = Text(row, "cost_type") is "tokens" or "" && Text(row, "model") is { Length: > 0 } model ? model : Text(row, "cost_type");
            costs.Add(new(day, what, Amount(row)));
        }

        return new(keys, usage, costs);
    }

    private static string Start(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) + "T00:00:00Z";

    private static string Text(JsonElement row, string name)
        => row.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() ?? "" : "";

    private static long Count(JsonElement row, string name)
        => row.ValueKind == JsonValueKind.Object && row.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number
            && value.TryGetInt64(out var count) ? count : 0;

    /// <summary>Cents, as decimal text: <c>"123.45"</c> is 1.2345 dollars.</summary>
    private static NanoUsd Amount(JsonElement row)
        => decimal.TryParse(Text(row, "amount"), NumberStyles.Float, CultureInfo.InvariantCulture, out var cents) && Math.Abs(cents) < 1_000_000_000
            ? new((long)decimal.Round(cents * (NanoUsd.PerUsd / 100)))
            : throw new ReportException("The provider's cost report has an amount that is no number.");

    private sealed class Reader(HttpClient client, string url, string key)
    {
        /// <summary>The results of each day.</summary>
        public async IAsyncEnumerable<(DateOnly Day, JsonElement Row)> DaysAsync(
            string path, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
        {
            await foreach (var bucket in PagesAsync(path, "page", "next_page", cancellationToken))
            {
                if (!DateTimeOffset.TryParse(Text(bucket, "starting_at"), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var start)
                    || !bucket.TryGetProperty("results", out var results) || results.ValueKind != JsonValueKind.Array)
                {
                    throw new ReportException("The provider's report is not of the form of the Admin API.");
                }

                foreach (var row in results.EnumerateArray())
                {
                    yield return (DateOnly.FromDateTime(start.UtcDateTime), row);
                }
            }
        }

        /// <summary>The items of <c>data</c> of every page.</summary>
        public async IAsyncEnumerable<JsonElement> PagesAsync(
            string path, string cursor, string next, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
        {
            var at = "";
            for (var page = 0; page < MostPages; page++)
            {
                using var document = await GetAsync(at.Length == 0 ? path : $"{path}&{cursor}={Uri.EscapeDataString(at)}", cancellationToken);
                var root = document.RootElement;
                if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("data", out var data) || data.ValueKind != JsonValueKind.Array)
                {
                    throw new ReportException("The provider's report is not of the form of the Admin API.");
                }

                foreach (var item in data.EnumerateArray())
                {
                    yield return item;
                }

                at = Text(root, next);
                if (at.Length == 0 || !root.TryGetProperty("has_more", out var more) || more.ValueKind != JsonValueKind.True)
                {
                    yield break;
                }
            }

            throw new ReportException("The provider's report has no end; ask for fewer days.");
        }

        private async Task<JsonDocument> GetAsync(string path, CancellationToken cancellationToken)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, url + path);
            request.Headers.TryAddWithoutValidation("x-api-key", key);
            request.Headers.TryAddWithoutValidation("anthropic-version", "2023-06-01");
            try
            {
                using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
                if (!response.IsSuccessStatusCode)
                {
                    throw new ReportException(response.StatusCode switch
                    {
                        HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden =>
                            "The provider refuses the admin key: it must be one of an organisation's administrator (sk-ant-admin...), not an ordinary key.",
                        HttpStatusCode.NotFound => "The provider has no Admin API at its URL.",
                        HttpStatusCode.TooManyRequests => "The provider limits the admin key right now; try again in a minute.",
                        _ => $"The provider answers {(int)response.StatusCode} to its Admin API.",
                    });
                }

                await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
                return await JsonDocument.ParseAsync(body, cancellationToken: cancellationToken);
            }
            catch (Exception fault) when (fault is HttpRequestException or JsonException or IOException
                || (fault is OperationCanceledException && !cancellationToken.IsCancellationRequested))
            {
                throw new ReportException($"The provider's report cannot be read: {(fault is JsonException ? "it is not JSON" : "no answer")}.");
            }
        }
    }
}
