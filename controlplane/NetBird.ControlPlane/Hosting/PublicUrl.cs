using System.Net;

namespace NetBird.ControlPlane.Hosting;

/// <summary>The URL that people and agents reach us by; also the embedded IdP's issuer.</summary>
internal sealed record PublicUrl(Uri Value)
{
    /// <summary>As configured; else the listening address, or the certificate's name when that says nothing.</summary>
    public static PublicUrl Of(ServeOptions options, IPEndPoint listening)
    {
        if (options.PublicUrl is { } configured)
        {
            return new(configured);
        }

        var scheme = options.Tls is null ? Uri.UriSchemeHttp : Uri.UriSchemeHttps;
        var host = options.Tls is { } tls && TlsCertificate.FirstName(tls) is { } name ? name
            : listening.Address.Equals(IPAddress.Any) || listening.Address.Equals(IPAddress.IPv6Any) ? Dns.GetHostName()
            : listening.Address.ToString();
        return new(new UriBuilder(scheme, host, listening.Port).Uri);
    }
}
