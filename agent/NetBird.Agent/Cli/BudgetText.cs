using System.Globalization;
using System.Text;
using NetBird.Protocol.Budget.V1;
using NetBird.Protocol.Daemon.V1;

namespace NetBird.Agent.Cli;

/// <summary>Caps and spend for people.</summary>
internal static class BudgetText
{
    private const decimal NanoPerUsd = 1_000_000_000m;

    /// <summary>Ours: longer than a control plane that is there takes to answer.</summary>
    private static readonly TimeSpan Old = TimeSpan.FromSeconds(30);

    /// <summary>One line: today's spend and the tightest cap.</summary>
    public static string Brief(BudgetReply budget, DateTimeOffset now)
    {
        var spent = budget.Day is { } day ? $"{Usd(day.CostNanoUsd)} in the last 24 hours" : "no figures";
        var left = budget.Caps.Where(cap => cap is { Limit: > 0, Soft: false }).MinBy(Share) is { } tightest ? Left(tightest, now) : "no cap";
        return $"{spent}; {left}{(Age(budget, now) is { } age ? $" (as told {age} ago)" : "")}";
    }

    public static string Caps(BudgetReply budget, DateTimeOffset now)
    {
        var text = new StringBuilder();
        if (budget.Caps.Count == 0)
        {
            text.AppendLine("No cap applies to you.");
        }

        foreach (var cap in budget.Caps.OrderBy(Share))
        {
            text.AppendLine($"{cap.Source} ({Scope(cap.Scope)}, {Window(cap.WindowSeconds)}{(cap.Soft ? ", warns only" : "")})");
            text.AppendLine($"  {Bar(cap)} {Amount(cap, cap.Used)} of {Amount(cap, cap.Limit)} used{Reserved(cap)}; {Left(cap, now)}");
        }

        return WithAge(text, budget, now);
    }

    public static string Usage(BudgetReply budget, DateTimeOffset now)
    {
        var text = new StringBuilder();
        text.AppendLine($"{"",-14}{"requests",9}{"input",12}{"output",11}{"cache read",12}{"cache write",12}{"cost",10}");
        foreach (var (name, spend) in new[] { ("last 24 hours", budget.Day), ("last 30 days", budget.Month) })
        {
            var s = spend ?? new Spend();
            text.AppendLine(string.Create(CultureInfo.InvariantCulture,
                $"{name,-14}{s.Requests,9:#,0}{s.InputTokens,12:#,0}{s.OutputTokens,11:#,0}{s.CacheReadTokens,12:#,0}{s.CacheWriteTokens,12:#,0}{Usd(s.CostNanoUsd),10}"));
        }

        return WithAge(text, budget, now);
    }

    /// <summary>How old the figures are, once that is more than a question takes; they are asked for again with every look.</summary>
    private static string? Age(BudgetReply budget, DateTimeOffset now)
        => budget.AsOf > 0 && now - DateTimeOffset.FromUnixTimeSeconds(budget.AsOf) is var age && age > Old ? StatusText.Ago(age) : null;

    private static string WithAge(StringBuilder text, BudgetReply budget, DateTimeOffset now)
        => text.ToString().TrimEnd() + (Age(budget, now) is { } age ? $"\n\nAs told {age} ago; the control plane did not answer just now. See: netbird-agent status" : "");

    internal static string Usd(long nano) => string.Create(CultureInfo.InvariantCulture, $"${nano / NanoPerUsd:#,0.00##}");

    private static decimal Share(Cap cap) => cap.Limit <= 0 ? 1 : (decimal)Math.Max(0, cap.Limit - cap.Used - cap.Reserved) / cap.Limit;

    private static string Left(Cap cap, DateTimeOffset now)
    {
        var left = $"{Amount(cap, Math.Max(0, cap.Limit - cap.Used - cap.Reserved))} of {Amount(cap, cap.Limit)} left";
        var frees = DateTimeOffset.FromUnixTimeSeconds(cap.FreesUpAt);
        return cap.FreesUpAt > 0 && frees > now ? $"{left}, frees up in {StatusText.Ago(frees - now)}" : left;
    }

    private static string Reserved(Cap cap) => cap.Reserved == 0 ? "" : $", {Amount(cap, cap.Reserved)} held for requests in flight";

    private static string Amount(Cap cap, long value)
        => cap.Unit == "nano_usd" ? Usd(value) : string.Create(CultureInfo.InvariantCulture, $"{value:#,0} tokens");

    private static string Scope(string scope) => scope switch { "user" => "you", "group" => "shared by your group", _ => "the whole account" };

    private static string Window(long seconds) => seconds switch
    {
        >= 172_800 when seconds % 86_400 == 0 => $"last {seconds / 86_400} days",
        >= 7_200 when seconds % 3_600 == 0 => $"last {seconds / 3_600} hours",
        >= 120 when seconds % 60 == 0 => $"last {seconds / 60} minutes",
        _ => $"last {seconds} seconds",
    };

    private static string Bar(Cap cap)
    {
        var full = (int)Math.Clamp(20 - (20 * Share(cap)), 0, 20);
        return "[" + new string('#', full) + new string('.', 20 - full) + "]";
    }
}
