namespace FakeAnthropic;

/// <summary>What a request does wrong, and how the API answers that.</summary>
internal sealed record Violation(int Status, string ErrorType, string What);

/// <summary>What no request may leave out, and what none may carry.</summary>
internal static class Credentials
{
    public static List<Violation> Check(HttpContext http, ICollection<string> keys, Uri url)
    {
        var found = new List<Violation>();
        if (HttpMethods.IsHead(http.Request.Method))
        {
            return found;
        }

        var headers = http.Request.Headers;
        if (headers.Authorization.Count > 0)
        {
            found.Add(new(401, "authentication_error", "an Authorization header was sent"));
        }

        if (headers["x-api-key"] is not [{ } key] || !keys.Contains(key))
        {
            found.Add(new(401, "authentication_error", "invalid x-api-key"));
        }

        foreach (var foreign in (string[])["Proxy-Authorization", "Cookie", "Proxy-Connection"])
        {
            if (headers.ContainsKey(foreign))
            {
                found.Add(new(401, "authentication_error", $"a {foreign} header was sent"));
            }
        }

        if (headers.Keys.FirstOrDefault(k => k.StartsWith("x-netbird-", StringComparison.OrdinalIgnoreCase)) is { } ours)
        {
            found.Add(new(400, "invalid_request_error", $"an internal header was sent: {ours}"));
        }

        if (headers["anthropic-version"] is not [{ Length: > 0 }])
        {
            found.Add(new(400, "invalid_request_error", "anthropic-version: header is required"));
        }

        if (http.Request.Host.Value != url.Authority)
        {
            found.Add(new(400, "invalid_request_error", $"Host is {http.Request.Host.Value}, not {url.Authority}"));
        }

        return found;
    }
}
