using Microsoft.AspNetCore.Http;

namespace NetBird.Agent.Endpoint;

/// <summary>
/// Refuses what two readers could read in two ways, and what is no request to an API at all. The request is written anew on
/// its way, so nothing could be smuggled through; who sends this is told so, and not that the gateway failed.
/// </summary>
internal static class RequestForm
{
    /// <summary>Where Kestrel puts the length of a request that has chunks as well (RFC 9112 section 6.3, item 3).</summary>
    private const string LengthBesideChunks = "X-Content-Length";

    /// <summary>The answer to a request of that form; null lets it pass.</summary>
    public static EndpointRefusal? Check(HttpRequest request)
    {
        if (HttpMethods.IsConnect(request.Method))
        {
            return new EndpointRefusal(StatusCodes.Status405MethodNotAllowed, "invalid_request_error", "This endpoint is no proxy: CONNECT is refused. Set it as ANTHROPIC_BASE_URL.");
        }

        if (request.Headers.TransferEncoding.Count == 0)
        {
            return null;
        }

        // RFC 9112 section 6.1: a version that knows no chunks cannot say where such a request ends.
        return request.Headers.ContainsKey(LengthBesideChunks) || request.Protocol == HttpProtocol.Http10
            ? Malformed("its length is given in two ways.")
            : null;
    }

    /// <summary>What was wrong was found while its body was read.</summary>
    public static EndpointRefusal Malformed(string what) => new(StatusCodes.Status400BadRequest, "invalid_request_error", "The request is not valid HTTP: " + what);
}
