using System.Threading.RateLimiting;
using Microsoft.AspNetCore.RateLimiting;

namespace NetBird.ControlPlane.Identity.Embedded;

/// <summary>
/// Attempts per source address, so that trying one password on many names is slow too. The lock on a name is
/// <see cref="EmbeddedLogin"/>'s.
/// </summary>
internal static class LoginLimits
{
    public const string Policy = "login";

    // Ours: a company behind one address logs in without noticing; a guesser gets nowhere.
    private const int Burst = 60;
    private const int PerMinute = 60;

    public static void AddTo(RateLimiterOptions limiter)
    {
        limiter.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
        limiter.AddPolicy(Policy, context => RateLimitPartition.GetTokenBucketLimiter(
            context.Connection.RemoteIpAddress?.ToString() ?? "",
            _ => new TokenBucketRateLimiterOptions
            {
                TokenLimit = Burst,
                TokensPerPeriod = PerMinute,
                ReplenishmentPeriod = TimeSpan.FromMinutes(1),
                QueueLimit = 0,
            }));
    }
}
