using System.Globalization;
using System.Net;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.RateLimiting;
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

    public static void AddTo(RateLimiterOptions limiter)
    {
        limiter.GlobalLimiter = PartitionedRateLimiter.CreateChained(
            PartitionedRateLimiter.Create<HttpContext, string>(ByToken),
            PartitionedRateLimiter.Create<HttpContext, string>(ByAddress));
        limiter.OnRejected = async (context, cancellationToken) =>
        {
            var wait = context.Lease.TryGetMetadata(MetadataName.RetryAfter, out var told) ? told : TimeSpan.FromSeconds(1);
            var seconds = Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds));
            var http = context.HttpContext;
            http.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
            if (IsScim(http))
            {
                await ScimAnswer.Error(429, null, $"Too many calls; try again in {seconds} s.").ExecuteAsync(http);
            }
            else if (IsRest(http))
            {
                await Problems.TooMany(seconds).ExecuteAsync(http);
            }
        };
    }

    private static bool IsRest(HttpContext http) => http.Request.Path.StartsWithSegments("/api");

    private static bool IsScim(HttpContext http) => http.Request.Path.StartsWithSegments(ScimEndpoints.Path);

    private static RateLimitPartition<string> ByToken(HttpContext http)
        => (IsRest(http) || IsScim(http)) && TokenOf(http) is { } token
            ? Bucket("token " + token, TokenBurst, TokenPerSecond) : RateLimitPartition.GetNoLimiter("");

    private static RateLimitPartition<string> ByAddress(HttpContext http)
        => IsRest(http) || IsScim(http)
            ? Bucket("address " + Network(http.Connection.RemoteIpAddress), AddressBurst, AddressPerSecond) : RateLimitPartition.GetNoLimiter("");

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

    private static RateLimitPartition<string> Bucket(string key, int burst, int perSecond)
        => RateLimitPartition.GetTokenBucketLimiter(key, _ => new TokenBucketRateLimiterOptions
        {
            TokenLimit = burst,
            TokensPerPeriod = perSecond,
            ReplenishmentPeriod = TimeSpan.FromSeconds(1),
            QueueLimit = 0,
        });
}
