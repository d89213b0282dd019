using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Benchmarks.Gateway;

/// <summary>One measurement.</summary>
internal sealed record Measured(double PerSecond, double P50Ms, double P99Ms, string Errors);

/// <summary>Load by wrk: closed loop, as many requests in flight as connections.</summary>
internal static partial class Wrk
{
    public static async Task<Measured> RunAsync(
        string url, string body, int connections, int seconds, IReadOnlyDictionary<string, string>? headers = null)
    {
        var script = Path.GetTempFileName();
        try
        {
            var extra = string.Concat((headers ?? new Dictionary<string, string>()).Select(h => $"wrk.headers[\"{h.Key}\"] = \"{h.Value}\"\n"));
            await File.WriteAllTextAsync(script, $$"""
                wrk.method = "POST"
                wrk.headers["Content-Type"] = "application/json"
                wrk.headers["anthropic-version"] = "2023-06-01"
                wrk.headers["anthropic-beta"] = "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27"
                wrk.headers["User-Agent"] = "claude-cli/2.1.331 (external, sdk-cli)"
                wrk.headers["X-Claude-Code-Session-Id"] = "90055f7d-5b8d-43cb-9cc1-17d6425b7d49"
                wrk.headers["x-api-key"] = "-"
                {{extra}}
                local f = io.open("{{body}}", "rb")
                wrk.body = f:read("*a")
                """);
            var start = new ProcessStartInfo("wrk") { RedirectStandardOutput = true };
            foreach (var argument in (string[])["-t1", $"-c{connections}", $"-d{seconds}s", "--latency", "--timeout", "30s", "-s", script, url])
            {
                start.ArgumentList.Add(argument);
            }

            using var wrk = Process.Start(start)!;
            var output = await wrk.StandardOutput.ReadToEndAsync();
            await wrk.WaitForExitAsync();
            return new(
                double.Parse(Rate().Match(output).Groups[1].Value, CultureInfo.InvariantCulture),
                Milliseconds(Median().Match(output)), Milliseconds(Tail().Match(output)), Errors().Match(output).Value.Trim());
        }
        finally
        {
            File.Delete(script);
        }
    }

    private static double Milliseconds(Match match)
        => match.Success
            ? double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) * (match.Groups[2].Value switch { "us" => 0.001, "s" => 1000, _ => 1 })
            : double.NaN;

    [GeneratedRegex(@"Requests/sec:\s+([\d.]+)")]
    private static partial Regex Rate();

    [GeneratedRegex(@"50%\s+([\d.]+)(us|ms|s)")]
    private static partial Regex Median();

    [GeneratedRegex(@"99%\s+([\d.]+)(us|ms|s)")]
    private static partial Regex Tail();

    [GeneratedRegex(@"(Socket errors|Non-2xx).*")]
    private static partial Regex Errors();
}
