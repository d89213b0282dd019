namespace FakeAnthropic;

/// <summary>The paths by which a test in another process reads what happened: /__ledger, /__requests, /__violations, /__keys.</summary>
internal static class ControlPaths
{
    public static async Task AnswerAsync(FakeUpstream upstream, HttpContext http, string target)
    {
        var read = HttpMethods.IsGet(http.Request.Method);
        var clear = HttpMethods.IsDelete(http.Request.Method);
        switch (target.Split('?')[0])
        {
            case "/__ledger" when read:
                await Json.WriteAsync(http, upstream.Ledger.Entries).ConfigureAwait(false);
                break;
            case "/__ledger" when clear:
                upstream.Ledger.Clear();
                break;
            case "/__requests" when read:
                await Json.WriteAsync(http, upstream.Requests.All.Select(Describe)).ConfigureAwait(false);
                break;
            case "/__violations" when read:
                await Json.WriteAsync(http, upstream.Requests.Violations.Select(Describe)).ConfigureAwait(false);
                break;
            case "/__requests" or "/__violations" when clear:
                upstream.Requests.Clear();
                break;
            case "/__keys" when clear && http.Request.Query["key"] is [{ } revoked]:
                upstream.Revoke(revoked);
                break;
            case "/__keys" when HttpMethods.IsPut(http.Request.Method) && http.Request.Query["key"] is [{ } accepted]:
                upstream.Accept(accepted);
                break;
            default:
                http.Response.StatusCode = 404;
                break;
        }
    }

    private static object Describe(RecordedRequest request) => new
    {
        request.Number,
        request.RequestId,
        request.Method,
        request.Target,
        Headers = request.Headers.Select(h => new[] { h.Key, h.Value }),
        BodyBytes = request.Body.Length,
        request.BodySha256,
        request.Violations,
    };
}
