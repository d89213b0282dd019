using System.Globalization;
using NetBird.CommandLine;

namespace NetBird.ControlPlane.Cli;

/// <summary>Durations as people write them: <c>90s</c>, <c>15m</c>, <c>12h</c>, <c>30d</c>, <c>2w</c>.</summary>
internal static class Durations
{
    /// <exception cref="CliException">It is none.</exception>
    public static TimeSpan Parse(string option, string text)
    {
        var unit = text.Length > 1 ? text[^1] switch { 's' => 1, 'm' => 60, 'h' => 3600, 'd' => 86400, 'w' => 7 * 86400, _ => 0 } : 0;
        return unit > 0 && int.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var count)
            ? TimeSpan.FromSeconds((long)count * unit)
            : throw new CliException($"{option} is a duration such as 30d, 12h or 15m, not '{text}'.", ExitCode.WrongUsage);
    }
}
