using System.Globalization;

namespace FakeAnthropic;

/// <summary>The headers that the real API puts on every answer.</summary>
internal static class StandardHeaders
{
    public static void Add(HttpResponse response, string requestId, int number)
    {
        var headers = response.Headers;
        headers["request-id"] = requestId;
        headers["anthropic-organization-id"] = "00000000-0000-4000-8000-000000000001";
        headers["server"] = "cloudflare";
        headers["cf-ray"] = number.ToString("x16", CultureInfo.InvariantCulture) + "-FRA";
        headers["cf-cache-status"] = "DYNAMIC";
        headers["strict-transport-security"] = "max-age=31536000; includeSubDomains; preload";
        foreach (var (kind, limit) in ((string, int)[])[("requests", 4_000), ("tokens", 4_000_000), ("input-tokens", 2_000_000), ("output-tokens", 800_000)])
        {
            headers[$"anthropic-ratelimit-{kind}-limit"] = limit.ToString(CultureInfo.InvariantCulture);
            headers[$"anthropic-ratelimit-{kind}-remaining"] = (limit - (number % limit)).ToString(CultureInfo.InvariantCulture);
            headers[$"anthropic-ratelimit-{kind}-reset"] = "2026-11-24T12:00:00Z";
        }

        // The organisation's own quota: must never reach a person as theirs.
        headers["anthropic-ratelimit-unified-status"] = "allowed";
        headers["anthropic-ratelimit-unified-5h-utilization"] = "0.42";
        headers["anthropic-ratelimit-unified-reset"] = "1790000000";
    }
}
