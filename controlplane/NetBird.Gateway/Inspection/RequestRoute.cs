using NetBird.Policy;

namespace NetBird.Gateway.Inspection;

/// <summary>
/// Which call a request target is. Exact spellings only: a percent-encoded, doubled or relative path is not normalised and not
/// offered, so that we and the provider can never read one target as two different calls.
/// </summary>
internal static class RequestRoute
{
    private const string Messages = "/v1/messages";
    private const string CountTokens = "/v1/messages/count_tokens";
    private const string Batches = "/v1/messages/batches";
    private const string Models = "/v1/models";

    public static RequestKind KindOf(string method, string target)
    {
        // Also keeps anything out of the request line that could end it.
        if (target.AsSpan().ContainsAnyExceptInRange('!', '~'))
        {
            return RequestKind.Other;
        }

        var path = PathOf(target);
        if (method == "POST")
        {
            return path switch
            {
                Messages => RequestKind.Messages,
                CountTokens => RequestKind.CountTokens,
                Batches => RequestKind.Batches,
                _ when IsBatch(path) => RequestKind.Batches,
                _ => RequestKind.Other,
            };
        }

        return method switch
        {
            "GET" when path is Models || ModelId(path).Length > 0 => RequestKind.Models,
            "GET" when path is Batches || IsBatch(path) => RequestKind.Batches,
            "DELETE" when IsBatch(path) => RequestKind.Batches,
            _ => RequestKind.Other,
        };
    }

    /// <summary>The model that <c>GET /v1/models/{id}</c> names; empty for other paths.</summary>
    public static ReadOnlySpan<char> ModelId(ReadOnlySpan<char> path)
        => path.StartsWith(Models + "/") && IsPlain(path[(Models.Length + 1)..], slashes: 0) ? path[(Models.Length + 1)..] : default;

    public static ReadOnlySpan<char> PathOf(string target)
    {
        var query = target.IndexOf('?', StringComparison.Ordinal);
        return query < 0 ? target : target.AsSpan(0, query);
    }

    /// <summary><c>/v1/messages/batches/{id}</c>, <c>.../cancel</c>, <c>.../results</c>.</summary>
    private static bool IsBatch(ReadOnlySpan<char> path)
        => path.StartsWith(Batches + "/") && IsPlain(path[(Batches.Length + 1)..], slashes: 1);

    private static bool IsPlain(ReadOnlySpan<char> text, int slashes)
    {
        if (text.IsEmpty || text.Length > 256 || text[0] is '/' or '.')
        {
            return false;
        }

        foreach (var c in text)
        {
            if (c == '/' ? --slashes < 0 : !char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_' or '.' or ':' or '@'))
            {
                return false;
            }
        }

        return text[^1] != '/' && !text.Contains("/.", StringComparison.Ordinal);
    }
}
