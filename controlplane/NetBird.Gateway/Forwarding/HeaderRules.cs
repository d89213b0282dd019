using System.Collections.Frozen;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;
using NetBird.Gateway.Authorization;
using NetBird.Gateway.Metering;

namespace NetBird.Gateway.Forwarding;

/// <summary>Which headers stay behind. Every other one passes byte for byte.</summary>
internal static class HeaderRules
{
    /// <summary>Our own headers; those of a caller would only pretend.</summary>
    public const string OwnPrefix = "x-netbird-";

    /// <summary>Of one connection only (RFC 9110 section 7.6.1).</summary>
    private static readonly string[] HopByHop =
    [
        HeaderNames.Connection, HeaderNames.KeepAlive, HeaderNames.ProxyConnection, HeaderNames.ProxyAuthenticate, HeaderNames.TE,
        HeaderNames.Trailer, HeaderNames.TransferEncoding, HeaderNames.Upgrade,
    ];

    /// <summary>
    /// What a caller could authenticate with: none of it may reach the provider beside our key. Host and length are the new
    /// connection's; Expect was answered here.
    /// </summary>
    private static readonly FrozenSet<string> NotSent = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase,
        [
            .. HopByHop, "x-api-key", HeaderNames.Authorization, HeaderNames.ProxyAuthorization, HeaderNames.Cookie,
            HeaderNames.Host, HeaderNames.ContentLength, HeaderNames.Expect,
        ]);

    private static readonly FrozenSet<string> NotReturned = FrozenSet.Create(StringComparer.OrdinalIgnoreCase, HopByHop);

    /// <param name="name">A request header's name.</param>
    /// <param name="connection">The request's <c>Connection</c> header, which may name more of its own kind.</param>
    public static bool IsSent(string name, StringValues connection)
        => !NotSent.Contains(name) && !name.StartsWith(OwnPrefix, StringComparison.OrdinalIgnoreCase) && !IsNamed(connection, name);

    /// <summary>Asks for an answer that cannot be read here as it passes: compressed, or a part of it.</summary>
    public static bool HidesBytes(string name)
        => name.Equals(HeaderNames.AcceptEncoding, StringComparison.OrdinalIgnoreCase) || name.Equals(HeaderNames.Range, StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// What of such a header may be sent where an answer is metered as it passes: codings that are read here, and no part of an answer.
    /// As it came where nothing has to go; null: nothing is left of it.
    /// </summary>
    public static string? Readable(string name, StringValues values)
    {
        if (!name.Equals(HeaderNames.AcceptEncoding, StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        var text = values.ToString();
        if (AreRead(text))
        {
            return text;
        }

        var known = Array.FindAll(text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries), coding => IsRead(coding));
        return known.Length == 0 ? "identity" : string.Join(", ", known);
    }

    /// <summary>All of them, as with nearly every request: nothing is copied.</summary>
    private static bool AreRead(ReadOnlySpan<char> codings)
    {
        foreach (var part in codings.Split(','))
        {
            if (codings[part].Trim() is { IsEmpty: false } coding && !IsRead(coding))
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsRead(ReadOnlySpan<char> coding)
    {
        var named = coding.IndexOf(';') is >= 0 and var end ? coding[..end] : coding;
        return DecodingMeter.Reads(named.Trim())
            || (coding[0] == '*' && coding.ToString().Replace(" ", "", StringComparison.Ordinal) is "*;q=0");
    }

    /// <param name="name">A response header's name.</param>
    /// <param name="connection">The response's <c>Connection</c> header.</param>
    public static bool IsReturned(string name, StringValues connection)
        => !NotReturned.Contains(name) && !name.StartsWith(OwnPrefix, StringComparison.OrdinalIgnoreCase)
            && !name.StartsWith(LimitHeaders.Prefix, StringComparison.OrdinalIgnoreCase) && !IsNamed(connection, name);

    private static bool IsNamed(StringValues connection, string name)
    {
        if (connection.Count == 0 || (connection.Count == 1 && connection[0] is "keep-alive" or "close"))
        {
            return false;
        }

        foreach (var line in connection)
        {
            foreach (var part in line.AsSpan().Split(','))
            {
                if (line.AsSpan()[part].Trim().Equals(name, StringComparison.OrdinalIgnoreCase))
                {
                    return true;
                }
            }
        }

        return false;
    }
}
