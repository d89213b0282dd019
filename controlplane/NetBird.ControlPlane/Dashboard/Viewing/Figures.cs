using System.Globalization;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Dashboard.Viewing;

/// <summary>Numbers as people read them: with units, thousands separators and no more digits than matter.</summary>
internal static class Figures
{
    private static readonly CultureInfo Culture = CultureInfo.InvariantCulture;

    /// <summary>Dollars to the cent from a cent on, four decimals below; the exact amount stands in a title or in details.</summary>
    public static string Usd(NanoUsd amount)
    {
        var usd = amount.ToUsd();
        return Math.Abs(usd) switch
        {
            0 => "$0.00",
            >= 0.01m => usd.ToString("$#,##0.00;−$#,##0.00", Culture),
            >= 0.0001m => usd.ToString("$0.0000;−$0.0000", Culture),
            _ => "<$0.0001",
        };
    }

    /// <summary>Dollars of one request, always four decimals, so that a column of them lines up.</summary>
    public static string UsdFine(NanoUsd amount) => amount.Value is > 0 and < 100_000
        ? "<$0.0001" : amount.ToUsd().ToString("$#,##0.0000", Culture);

    /// <summary>Every digit, for details and exports.</summary>
    public static string UsdExact(NanoUsd amount) => "$" + amount;

    /// <summary>12,345.</summary>
    public static string Count(long value) => value.ToString("#,##0", Culture);

    /// <summary>12.3 k, 4.56 M: for cards and axes, where the exact figure stands elsewhere.</summary>
    public static string Short(decimal value) => Math.Abs(value) switch
    {
        >= 1_000_000_000m => (value / 1_000_000_000m).ToString("0.##", Culture) + " G",
        >= 1_000_000m => (value / 1_000_000m).ToString("0.##", Culture) + " M",
        >= 10_000m => (value / 1_000m).ToString("0.#", Culture) + " k",
        _ => value.ToString("#,##0.##", Culture),
    };

    /// <summary>$12.3 k: for axes.</summary>
    public static string UsdShort(NanoUsd amount) => amount.ToUsd() is >= 10_000m and var usd ? "$" + Short(usd) : amount == NanoUsd.Zero ? "$0" : Usd(amount);

    /// <summary>37.5%.</summary>
    public static string Share(decimal part, decimal whole)
        => whole == 0 ? "–" : (part / whole * 100).ToString("#,##0.0", Culture) + "%";

    /// <summary>850 ms, 12.3 s, 4 min 10 s.</summary>
    public static string Duration(TimeSpan time) => time switch
    {
        { TotalSeconds: < 1 } => time.TotalMilliseconds.ToString("0", Culture) + " ms",
        { TotalSeconds: < 60 } => time.TotalSeconds.ToString("0.0", Culture) + " s",
        { TotalHours: < 1 } => $"{time.Minutes} min {time.Seconds} s",
        { TotalDays: < 2 } => $"{(int)time.TotalHours} h {time.Minutes} min",
        _ => $"{(int)time.TotalDays} d {time.Hours} h",
    };

    /// <summary>A window such as 1 h or 30 days, exact.</summary>
    public static string Window(TimeSpan window) => window switch
    {
        { Ticks: var ticks } when ticks % TimeSpan.TicksPerDay == 0 => Plural((long)window.TotalDays, "day"),
        { Ticks: var ticks } when ticks % TimeSpan.TicksPerHour == 0 => Plural((long)window.TotalHours, "hour"),
        { Ticks: var ticks } when ticks % TimeSpan.TicksPerMinute == 0 => Plural((long)window.TotalMinutes, "minute"),
        _ => Plural((long)window.TotalSeconds, "second"),
    };

    private static string Plural(long count, string unit) => count == 1 ? $"1 {unit}" : $"{Count(count)} {unit}s";
}
