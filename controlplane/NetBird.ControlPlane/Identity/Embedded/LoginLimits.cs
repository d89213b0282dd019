using System.Globalization;
using NetBird.ControlPlane.Hosting;

namespace NetBird.ControlPlane.Identity.Embedded;

/// <summary>
/// Attempts per source address, so that trying one password on many names is slow too. The lock on a name is
/// <see cref="EmbeddedLogin"/>'s.
/// </summary>
internal static class LoginLimits
{
    // Ours: a company behind one address logs in without noticing; a guesser gets nowhere.
    private const int Burst = 60;
    private const int PerMinute = 60;

    /// <summary>An endpoint that somebody could guess at.</summary>
    public static RouteHandlerBuilder LimitAttempts(this RouteHandlerBuilder endpoint) => endpoint.WithMetadata(Guessable.Instance);

    public static void UseLoginLimits(this WebApplication app)
    {
        var pace = new CallPace(Burst, PerMinute, app.Services.GetRequiredService<TimeProvider>());
        app.Use(async (http, next) =>
        {
            var wait = http.GetEndpoint()?.Metadata.GetMetadata<Guessable>() is null
                ? TimeSpan.Zero : pace.Take(http.Connection.RemoteIpAddress?.ToString() ?? "");
            if (wait == TimeSpan.Zero)
            {
                await next(http);
                return;
            }

            var seconds = (int)Math.Ceiling(wait.TotalSeconds);
            http.Response.StatusCode = StatusCodes.Status429TooManyRequests;
            http.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
            http.Response.ContentType = "text/plain; charset=utf-8";
            await http.Response.WriteAsync($"Too many attempts from your address. Go back, wait {seconds} s, and try again.\n", http.RequestAborted);
        });
    }

    private sealed class Guessable
    {
        public static readonly Guessable Instance = new();
    }
}
