using System.Net;
using Microsoft.AspNetCore.Http;

namespace NetBird.Agent.Endpoint;

/// <summary>
/// Tells a program of this machine from a web page that reached us through a browser: by a foreign Host (DNS
/// rebinding), by any Origin, and by Fetch Metadata, which pages cannot forge.
/// </summary>
internal static class LocalRequestGuard
{
    /// <summary>The sentence for a refused request; null lets it pass.</summary>
    /// <param name="ours">Host name that is ours beside loopback: the https form's; null without one.</param>
    public static string? Check(HttpRequest request, string? ours, bool isSocket)
    {
        if (request.Headers.Origin.Count != 0)
        {
            return "This endpoint serves programs on this machine, not web pages: a request with an Origin is refused.";
        }

        var site = request.Headers["Sec-Fetch-Site"];
        if (site.Count != 0 && !(site.Count == 1 && site[0] == "none"))
        {
            return "This endpoint serves programs on this machine, not web pages: a browser sent this request for another site.";
        }

        // Over the unix socket the client puts in whatever base URL it has; a browser cannot reach a socket.
        return isSocket || IsOurs(request.Host, ours)
            ? null
            : "This endpoint is not known by that Host. Use the address that netbird-agent status prints.";
    }

    private static bool IsOurs(HostString host, string? ours)
    {
        if (!host.HasValue)
        {
            return false;
        }

        var name = host.Host.Trim('[', ']');
        return string.Equals(name, "localhost", StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(name, out var address) && IPAddress.IsLoopback(address))
            || string.Equals(name, ours, StringComparison.OrdinalIgnoreCase);
    }
}
