using System.IO.Compression;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Hosting.StaticWebAssets;
using Microsoft.AspNetCore.ResponseCompression;
using MudBlazor.Services;

namespace NetBird.ControlPlane.Dashboard;

/// <summary>The pages of administrators and people, served by this process; nothing is loaded from anywhere else.</summary>
internal static partial class DashboardFeature
{
    // Blazor and MudBlazor set style attributes; scripts come from files of ours alone.
    private const string ContentSecurityPolicy =
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
        + "connect-src 'self'; frame-ancestors 'none'; base-uri 'self'; form-action 'self'; object-src 'none'";

    // Ours: an answer of REST that a page asks its browser for comes back through the hub. Its own 32 KiB cut the connection
    // at a list of a hundred; this is a list of a thousand.
    private const int LargestMessage = 1024 * 1024;

    public static IServiceCollection AddDashboard(this IServiceCollection services)
    {
        services.AddRazorComponents().AddInteractiveServerComponents()
            .AddHubOptions(hub => hub.MaximumReceiveMessageSize = LargestMessage);
        services.AddMudServices(mud => mud.SnackbarConfiguration.PositionClass = MudBlazor.Defaults.Classes.Position.BottomRight);

        // A build's output, unlike a published one, has no small form of a package's files. Pages and REST are not compressed:
        // they hold what a guess at their length must not reveal.
        services.AddResponseCompression(compression =>
        {
            compression.EnableForHttps = true;
            compression.MimeTypes = ["text/css", "text/javascript", "image/svg+xml"];
        });
        services.Configure<BrotliCompressionProviderOptions>(brotli => brotli.Level = CompressionLevel.Optimal);
        services.AddSingleton<Viewing.DisplayNames>();
        services.AddScoped<Editing.AdminCalls>();
        services.AddScoped<Viewing.ViewerClock>();
        services.AddScoped<Viewing.PageAddress>();
        services.AddScoped<AuthenticationStateProvider, Viewing.LiveAuthentication>();
        services.AddSingleton<Viewing.Counters>();
        services.AddSingleton<Viewing.Sentences>();
        services.AddSingleton<Viewing.AccessAnswers>();
        services.AddSingleton<Viewing.OverviewReader>();
        return services;
    }

    /// <summary>
    /// Package assets are found in a build's output too, not only in a published one. There they lie in the package cache of
    /// whoever built; somebody else who may not read it goes without the pages' looks, not without the control plane.
    /// </summary>
    public static void UseDashboardAssets(this WebApplicationBuilder builder)
    {
        try
        {
            StaticWebAssetsLoader.UseStaticWebAssets(builder.Environment, builder.Configuration);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine("netbird-controlplane: the dashboard's assets cannot be read by this user; pages are plain. A published build carries them.");
        }
    }

    // A build's output, unlike a published one, has browsers ask for each file again at every page, and sends most of them anew. A
    // name with a fingerprint is of one content alone.
    private static void KeepWhatNeverChanges(EndpointBuilder endpoint)
    {
        var next = endpoint.RequestDelegate;
        if (next is null || endpoint is not RouteEndpointBuilder { RoutePattern.RawText: { } path } || !Fingerprinted().IsMatch(path))
        {
            return;
        }

        endpoint.RequestDelegate = http =>
        {
            http.Response.OnStarting(() =>
            {
                if (http.Response.StatusCode == StatusCodes.Status200OK)
                {
                    http.Response.Headers.CacheControl = "public, max-age=31536000, immutable";
                }

                return Task.CompletedTask;
            });
            return next(http);
        };
    }

    [GeneratedRegex(@"\.[0-9a-z]{10}\.(css|js|svg)$", RegexOptions.CultureInvariant)]
    private static partial Regex Fingerprinted();

    public static void MapDashboard(this WebApplication app)
    {
        app.MapStaticAssets().Add(KeepWhatNeverChanges);
        UsageExport.Map(app);
        app.MapRazorComponents<App>().AddInteractiveServerRenderMode().RequireAuthorization().Add(endpoint =>
        {
            var next = endpoint.RequestDelegate;
            endpoint.RequestDelegate = http =>
            {
                http.Response.Headers.ContentSecurityPolicy = ContentSecurityPolicy;
                http.Response.Headers.XContentTypeOptions = "nosniff";
                http.Response.Headers["Referrer-Policy"] = "same-origin";
                return next!(http);
            };
        });
    }
}
