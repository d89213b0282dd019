using System.Globalization;
using NetBird.Gateway.Authorization;
using NetBird.Policy.Limits;
using NetBird.Primitives;

namespace NetBird.Gateway.Refusals;

/// <summary>A limit in words: whose, how much, over which time, when there is room again.</summary>
internal static class LimitText
{
    public static string Sentence(ReserveOutcome.Full full, DateTimeOffset now)
    {
        var cap = full.Reached.Cap;
        var whose = cap.Counter.Scope switch
        {
            CapScope.User => "Your limit",
            CapScope.Group => "Your group's shared limit",
            _ => "The account's limit",
        };
        var limit = $"{whose} of {Amount(cap.Unit, cap.Limit)} {Per(cap.Window)} (\"{cap.SourceName}\")";
        var used = $"{Amount(cap.Unit, full.Reached.Used)} used"
            + (full.Reached.Reserved > 0 ? $", {Amount(cap.Unit, full.Reached.Reserved)} held by requests in flight" : "");
        if (full.RetryAt is not { } at)
        {
            return $"{limit} is too small for this request, which needs up to {Amount(cap.Unit, full.Needed)}.";
        }

        var wait = at <= now ? "now" : RefusalText.Time(RoundUpToMinute(at));
        return $"{limit} is reached: {used}; this request needs up to {Amount(cap.Unit, full.Needed)}. There is room again at {wait}.";
    }

    public static string Amount(CapUnit unit, long amount)
        => unit == CapUnit.Tokens ? amount.ToString("#,0", CultureInfo.InvariantCulture) + " tokens" : Dollars(new(amount));

    /// <summary>Never early: who comes back at the minute we named finds room.</summary>
    private static DateTimeOffset RoundUpToMinute(DateTimeOffset at)
    {
        var over = at.Ticks % TimeSpan.TicksPerMinute;
        return over == 0 ? at : at.AddTicks(TimeSpan.TicksPerMinute - over);
    }

    private static string Dollars(NanoUsd amount)
    {
        var usd = amount.ToUsd();
        return usd >= 1 || usd == 0
            ? "$" + usd.ToString("#,0.00", CultureInfo.InvariantCulture)
            : "$" + usd.ToString("0.00##", CultureInfo.InvariantCulture);
    }

    private static string Per(TimeSpan window)
    {
        return window.Ticks switch
        {
            TimeSpan.TicksPerMinute => "in any minute",
            TimeSpan.TicksPerHour => "in any hour",
            TimeSpan.TicksPerDay => "in any 24 hours",
            _ when window.Ticks % TimeSpan.TicksPerDay == 0 => Text($"in any {window.Ticks / TimeSpan.TicksPerDay} days"),
            _ when window.Ticks % TimeSpan.TicksPerHour == 0 => Text($"in any {window.Ticks / TimeSpan.TicksPerHour} hours"),
            _ when window.Ticks % TimeSpan.TicksPerMinute == 0 => Text($"in any {window.Ticks / TimeSpan.TicksPerMinute} minutes"),
            _ => Text($"in any {window.Ticks / TimeSpan.TicksPerSecond} seconds"),
        };

        static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
    }
}
