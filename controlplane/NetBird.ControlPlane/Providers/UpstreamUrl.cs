using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;

namespace NetBird.ControlPlane.Providers;

/// <summary>A provider's base URL as administrators give it.</summary>
internal static class UpstreamUrl
{
    /// <summary>Parses one; otherwise says what is wrong with it.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out Uri? url, out string objection)
    {
        url = null;
        objection = "";
        if (!Uri.TryCreate(text, UriKind.Absolute, out var parsed) || (parsed.Scheme != Uri.UriSchemeHttps && parsed.Scheme != Uri.UriSchemeHttp))
        {
            objection = "This is an https:// URL, such as https://api.anthropic.com.";
        }
        else if (parsed.UserInfo.Length > 0)
        {
            objection = "The URL must not hold a user name or password; the key goes into api_key.";
        }
        else if (parsed.Query.Length > 0 || parsed.Fragment.Length > 0)
        {
            objection = "The URL must not have a query or fragment.";
        }
        else if (parsed.Scheme == Uri.UriSchemeHttp && !IsNear(parsed))
        {
            objection = "Plain http:// would show the key to the network; use https://. Only loopback and private addresses may do without.";
        }
        else
        {
            url = new(parsed.GetLeftPart(UriPartial.Path).TrimEnd('/'));
            return true;
        }

        return false;
    }

    /// <summary>Loopback, a private address (RFC 1918, RFC 4193, RFC 3927), or a name without a dot.</summary>
    private static bool IsNear(Uri url)
    {
        if (url.IsLoopback || !url.Host.Contains('.', StringComparison.Ordinal) && url.HostNameType == UriHostNameType.Dns)
        {
            return true;
        }

        if (!IPAddress.TryParse(url.DnsSafeHost, out var address))
        {
            return false;
        }

        if (address.AddressFamily == AddressFamily.InterNetworkV6)
        {
            return address.IsIPv6UniqueLocal || address.IsIPv6LinkLocal;
        }

        var bytes = address.GetAddressBytes();
        return bytes[0] == 10
            || (bytes[0] == 172 && bytes[1] is >= 16 and < 32)
            || (bytes[0] == 192 && bytes[1] == 168)
            || (bytes[0] == 169 && bytes[1] == 254);
    }
}
