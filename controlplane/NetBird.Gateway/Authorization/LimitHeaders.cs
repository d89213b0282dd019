using System.Collections.Immutable;
using System.Globalization;
using Microsoft.AspNetCore.Http;
using NetBird.Policy.Limits;

namespace NetBird.Gateway.Authorization;

/// <summary>
/// The headers by which Claude Code itself shows what is used and left. The names are Anthropic's; the provider's own of
/// that family are taken out, or the organisation's quota would reach people as theirs.
/// </summary>
internal static class LimitHeaders
{
    public const string Prefix = "anthropic-ratelimit-unified-";

    private const string Status = Prefix + "status";
    private const string Reset = Prefix + "reset";
    private const string Overage = Prefix + "overage-";

    /// <summary>On an answer to a person who has a cap: the fullest of theirs.</summary>
    public static void AddAllowed(IHeaderDictionary headers, ImmutableArray<CounterReading> readings, DateTimeOffset now)
    {
        if (Fullest(readings) is not { } fullest)
        {
            return;
        }

        var percent = Percent(fullest);
        var passed = percent >= 95 ? "0.95" : percent >= 75 ? "0.75" : null;
        var status = passed is null ? "allowed" : "allowed_warning";
        var reset = UnixSeconds(ResetOf(fullest, now));
        headers[Status] = status;
        headers[Prefix + "representative-claim"] = "overage";
        headers[Overage + "status"] = status;
        headers[Overage + "utilization"] = (Math.Min(percent, 99) / 100m).ToString("0.00", CultureInfo.InvariantCulture);
        if (passed is not null)
        {
            headers[Overage + "surpassed-threshold"] = passed;
        }

        headers[Reset] = reset;
        headers[Overage + "reset"] = reset;
    }

    /// <summary>
    /// On a refusal. Without <c>representative-claim</c> and <c>overage-status</c> the client prints our sentence as it is; with
    /// them it writes its own.
    /// </summary>
    public static void AddRejected(IHeaderDictionary headers, CounterReading reached, DateTimeOffset resetAt)
    {
        var reset = UnixSeconds(resetAt);
        headers[Status] = "rejected";
        headers[Reset] = reset;
        headers[Overage + "reset"] = reset;
        headers[Overage + "utilization"] = "1";
        headers[Overage + "surpassed-threshold"] = "1";
        headers[Overage + "disabled-reason"] = "org_spend_cap_reached";
        if (PeriodOf(reached.Cap.Window) is { } period)
        {
            headers[Overage + "period"] = period;
        }

        if (reached.Cap.Counter.Scope == CapScope.Group)
        {
            headers[Overage + "scope"] = "group_pool";
        }
    }

    /// <summary>On a refusal for want of the counters: the sentence says the rest.</summary>
    public static void AddUnreadable(IHeaderDictionary headers) => headers[Overage + "disabled-reason"] = "fetch_error";

    /// <summary>The counter nearest to its cap, or null when there is none.</summary>
    public static CounterReading? Fullest(ImmutableArray<CounterReading> readings)
    {
        CounterReading? fullest = null;
        foreach (var reading in readings)
        {
            // used / limit compared without division.
            if (fullest is null || (Int128)reading.Used * fullest.Cap.Limit > (Int128)fullest.Used * reading.Cap.Limit)
            {
                fullest = reading;
            }
        }

        return fullest;
    }

    /// <summary>Whole percents used, rounded down.</summary>
    public static long Percent(CounterReading reading)
        => (long)Int128.Min((Int128)Math.Max(0, reading.Used) * 100 / Math.Max(1, reading.Cap.Limit), 1000);

    public static DateTimeOffset ResetOf(CounterReading reading, DateTimeOffset now) => reading.FreesUpAt ?? now + reading.Cap.Window;

    public static string? PeriodOf(TimeSpan window) => window.TotalDays switch
    {
        1 => "daily",
        7 => "weekly",
        >= 28 and <= 31 => "monthly",
        _ => null,
    };

    /// <summary>Unix seconds, rounded up: who comes back at the second that was named finds room.</summary>
    public static long WholeSeconds(DateTimeOffset at)
        => at.ToUnixTimeSeconds() + (at.UtcTicks % TimeSpan.TicksPerSecond == 0 ? 0 : 1);

    private static string UnixSeconds(DateTimeOffset at) => WholeSeconds(at).ToString(CultureInfo.InvariantCulture);
}
