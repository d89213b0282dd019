using System.Net;
using NetBird.ControlPlane.AdminApi;
using OpenTelemetry.Metrics;
using OpenTelemetry.Exporter;

namespace NetBird.ControlPlane.Hosting;

/// <summary>
/// <c>/metrics</c> in Prometheus' exposition format: the gateway's meters and our own, no person in any label. Spend is
/// in it, so from outside this machine it needs a token that reads.
/// </summary>
internal static class Metrics
{
    private const string Path = "/metrics";

    public static void AddControlPlaneMetrics(this IServiceCollection services, Uri? otlp)
        => services.AddOpenTelemetry().WithMetrics(metrics =>
        {
            metrics.AddMeter("NetBird.*")
                .AddMeter("Microsoft.AspNetCore.Server.Kestrel")
                .AddMeter("System.Runtime")
                .AddPrometheusExporter();
            if (otlp is not null)
            {
                metrics.AddOtlpExporter((exporter, reader) =>
                {
                    // The specification's path and its interval of a minute; what is left goes out at the end.
                    exporter.Protocol = OtlpExportProtocol.HttpProtobuf;
                    exporter.Endpoint = new(otlp.AbsoluteUri.TrimEnd('/') + "/v1/metrics");
                    reader.PeriodicExportingMetricReaderOptions.ExportIntervalMilliseconds = 60_000;
                });
            }
        });

    public static void MapMetrics(this WebApplication app)
    {
        app.Use((context, next) =>
        {
            if (!context.Request.Path.StartsWithSegments(Path) || IsLocal(context)
                || context.RequestServices.GetRequiredService<AdminAuthentication>().Recognise(context) is { ReadsAll: true })
            {
                return next(context);
            }

            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
            context.Response.Headers.WWWAuthenticate = "Token";
            return Task.CompletedTask;
        });
        app.MapPrometheusScrapingEndpoint(Path);
    }

    // A reverse proxy on this machine speaks for somebody else, and says so.
    private static bool IsLocal(HttpContext context)
        => context.Connection.RemoteIpAddress is { } address && IPAddress.IsLoopback(address)
            && !context.Request.Headers.ContainsKey("X-Forwarded-For") && !context.Request.Headers.ContainsKey("Forwarded");
}
