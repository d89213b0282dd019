using System.Globalization;
using NetBird.Protocol.Agent.V1;
using NetBird.Protocol.Budget.V1;

namespace NetBird.Agent.DaemonApi;

/// <summary>The text of the status line.</summary>
internal static class StatusLine
{
    private const decimal NanoPerUsd = 1_000_000_000m;

    public static string Compose(string user, GetBudgetReply? figures)
    {
        var parts = new List<string>();
        if (user.Length != 0)
        {
            parts.Add(user);
        }

        if (figures?.Day is { } day)
        {
            if (day.LastModel.Length != 0)
            {
                parts.Add(day.LastModel);
            }

            parts.Add(string.Create(CultureInfo.InvariantCulture, $"${day.CostNanoUsd / NanoPerUsd:0.00} today"));
        }

        if (Tightest(figures) is { } cap)
        {
            parts.Add(Left(cap));
        }

        if (Warning(figures) is { } warning)
        {
            parts.Add(warning);
        }

        return parts.Count == 0 ? "netbird: connected" : string.Join(" · ", parts);
    }

    /// <summary>The cap with the smallest share left, of those that stop requests.</summary>
    private static Cap? Tightest(GetBudgetReply? figures)
        => figures?.Caps.Where(cap => cap is { Limit: > 0, Soft: false }).MinBy(cap => (decimal)(cap.Limit - cap.Used - cap.Reserved) / cap.Limit);

    /// <summary>As webhooks are told: from 50, 80 and 95% of a cap on; of the fullest. What requests in flight hold is not used yet.</summary>
    internal static string? Warning(GetBudgetReply? figures)
    {
        if (figures?.Caps.Where(cap => cap.Limit > 0).MaxBy(cap => (decimal)cap.Used / cap.Limit) is not { } cap)
        {
            return null;
        }

        var percent = (long)((decimal)cap.Used * 100 / cap.Limit);
        var used = string.Create(CultureInfo.InvariantCulture, $"{percent}% of \"{cap.Source}\" used");
        return percent switch
        {
            >= 95 => "nearly at the limit: " + used,
            >= 80 => "warning: " + used,
            >= 50 => used,
            _ => null,
        };
    }

    private static string Left(Cap cap)
    {
        var left = Math.Max(0, cap.Limit - cap.Used - cap.Reserved);
        return cap.Unit == "nano_usd"
            ? string.Create(CultureInfo.InvariantCulture, $"${left / NanoPerUsd:0.00} of ${cap.Limit / NanoPerUsd:0.00} left")
            : string.Create(CultureInfo.InvariantCulture, $"{left:#,0} of {cap.Limit:#,0} tokens left");
    }
}
