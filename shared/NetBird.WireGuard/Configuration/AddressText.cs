using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace NetBird.WireGuard.Configuration;

/// <summary>Addresses as wg(8) and the UAPI write them; stricter than <see cref="IPAddress.Parse(string)"/>, which
/// takes "1" and "0x7f.1" for IPv4 addresses.</summary>
internal static class AddressText
{
    // What IPAddress takes and wg(8) does not.
    private static readonly SearchValues<char> Foreign = SearchValues.Create("xX[]/ ");

    /// <summary>An address with an optional prefix length; bits past it are cleared, as wg(8) does.</summary>
    public static bool TryParsePrefix(ReadOnlySpan<char> text, out IPNetwork prefix)
    {
        prefix = default;
        var slash = text.IndexOf('/');
        if (!TryParseAddress(slash < 0 ? text : text[..slash], out var address) || address.ScopeIdOrZero() != 0)
        {
            return false;
        }

        var bits = address.AddressFamily == AddressFamily.InterNetworkV6 ? 128 : 32;
        var length = bits;
        if (slash >= 0 && (!TryParseNumber(text[(slash + 1)..], bits, out length)))
        {
            return false;
        }

        prefix = Linux.Netlink.RouteSocket.Prefix(address, length);
        return true;
    }

    /// <summary>ADDRESS:PORT, with an IPv6 address in brackets; no names.</summary>
    public static bool TryParseEndpoint(ReadOnlySpan<char> text, [NotNullWhen(true)] out IPEndPoint? endpoint)
    {
        endpoint = null;
        if (!TrySplitEndpoint(text, out var host, out var port) || !TryParseAddress(host, out var address))
        {
            return false;
        }

        // Brackets are for IPv6 and IPv6 needs them.
        if ((address.AddressFamily == AddressFamily.InterNetworkV6) != (text[0] == '['))
        {
            return false;
        }

        endpoint = new IPEndPoint(address, port);
        return true;
    }

    /// <summary>HOST:PORT into its parts; a host in brackets loses them.</summary>
    public static bool TrySplitEndpoint(ReadOnlySpan<char> text, out ReadOnlySpan<char> host, out int port)
    {
        host = default;
        port = 0;
        var colon = text.LastIndexOf(':');
        if (colon <= 0 || !TryParseNumber(text[(colon + 1)..], ushort.MaxValue, out port) || port == 0)
        {
            return false;
        }

        host = text[..colon];
        if (host[0] == '[')
        {
            if (host.Length < 3 || host[^1] != ']')
            {
                return false;
            }

            host = host[1..^1];
        }

        return true;
    }

    public static bool TryParseAddress(ReadOnlySpan<char> text, [NotNullWhen(true)] out IPAddress? address)
    {
        address = null;
        var isV6 = text.Contains(':');
        return (isV6 || text.Count('.') == 3)
            && !text.ContainsAny(Foreign)
            && IPAddress.TryParse(text, out address)
            && (isV6 || address.ToString().AsSpan().SequenceEqual(text));
    }

    /// <summary>Decimal digits only, up to <paramref name="most"/>.</summary>
    public static bool TryParseNumber(ReadOnlySpan<char> text, int most, out int number)
        => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number <= most;

    private static long ScopeIdOrZero(this IPAddress address)
        => address.AddressFamily == AddressFamily.InterNetworkV6 ? address.ScopeId : 0;
}
