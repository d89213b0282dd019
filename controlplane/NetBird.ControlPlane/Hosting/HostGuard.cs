using Microsoft.AspNetCore.HostFiltering;

namespace NetBird.ControlPlane.Hosting;

/// <summary>
/// Refuses foreign Host headers. Without TLS a web page could otherwise reach the loopback listener under a name of
/// its own (DNS rebinding); under TLS the certificate already decides which names are ours.
/// </summary>
internal static class HostGuard
{
    public static void AddHostGuard(this IServiceCollection services, ServeOptions options)
        => services.Configure<HostFilteringOptions>(filter =>
        {
            filter.AllowEmptyHosts = false;
            filter.AllowedHosts = options.Tls is not null
                ? ["*"]
                : ["localhost", "127.0.0.1", "[::1]", .. options.PublicUrl is { } url ? [url.Host] : Array.Empty<string>()];
        });

    public static void UseHostGuard(this IApplicationBuilder app) => app.UseHostFiltering();
}
