using System.Globalization;
using System.Net;
using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Identity.Scim;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Tokens;

namespace NetBird.ControlPlane.AdminApi;

/// <summary>
/// How many calls of REST and SCIM are taken: by token, so that a script gone wild slows down nobody else, and by address,
/// so that one without a token is not heard more often than ours. Refused with 429 and the seconds to wait.
/// </summary>
internal static class ApiLimits
{
    // Ours: a first synchronisation of 5,000 people takes a minute; nobody notices in the dashboard.
    public const int TokenBurst = 1000;
    public const int TokenPerSecond = 100;
    public const int AddressBurst = 2000;
    public const int AddressPerSecond = 200;

    public static void UseApiLimits(this WebApplication app)
    {
        var time = app.Services.GetRequiredService<TimeProvider>();
        var (tokens, addresses) = (new CallPace(TokenBurst, TokenPerSecond * 60, time), new CallPace(AddressBurst, AddressPerSecond * 60, time));
        app.Use(async (http, next) =>
        {
            if (!IsRest(http) && !IsScim(http))
            {
                await next(http);
                return;
            }

            var wait = TokenOf(http) is { } token ? tokens.Take(token) : TimeSpan.Zero;
            wait = wait > TimeSpan.Zero ? wait : addresses.Take(Network(http.Connection.RemoteIpAddress));
            if (wait == TimeSpan.Zero)
            {
                await next(http);
                return;
            }

            var seconds = (int)Math.Ceiling(wait.TotalSeconds);
            http.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
            await (IsScim(http) ? ScimAnswer.Error(429, null, $"Too many calls; try again in {seconds} s.") : Problems.TooMany(seconds)).ExecuteAsync(http);
        });
    }

    private static bool IsRest(HttpContext http) => http.Request.Path.StartsWithSegments("/api");

    private static bool IsScim(HttpContext http) => http.Request.Path.StartsWithSegments(ScimEndpoints.Path);

    // A known token alone: made-up ones would each have a fresh bucket.
    private static string? TokenOf(HttpContext http)
    {
        var text = http.Request.Headers.Authorization.ToString();
        var secret = text[(text.IndexOf(' ', StringComparison.Ordinal) + 1)..].Trim();
        return SecretHash.IsWellFormed(secret, SecretHash.AccessTokenPrefix)
            ? http.RequestServices.GetRequiredService<IConfigurationStore>().Current.FindToken(SecretHash.Of(secret))?.Id.Value : null;
    }

    // An IPv6 customer has a whole /64.
    private static string Network(IPAddress? address)
        => address is { AddressFamily: System.Net.Sockets.AddressFamily.InterNetworkV6, IsIPv4MappedToIPv6: false }
            ? Convert.ToHexString(address.GetAddressBytes().AsSpan(0, 8)) : address?.ToString() ?? "";
}
