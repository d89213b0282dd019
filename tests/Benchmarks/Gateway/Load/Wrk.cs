using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Benchmarks.Gateway.Load;

/// <summary>One measurement.</summary>
internal sealed record Measured(double PerSecond, double P50Ms, double P99Ms, string Errors);

/// <summary>Load by wrk: closed loop, as many requests in flight as connections.</summary>
internal static partial class Wrk
{
    public static async Task<Measured> RunAsync(Uri url, Request request, int connections, int seconds)
    {
        var body = Path.GetTempFileName();
        var script = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(body, request.Body);
            await File.WriteAllTextAsync(script, request.AsScript(body));
            var start = new ProcessStartInfo("wrk") { RedirectStandardOutput = true };
            foreach (var argument in (string[])["-t1", $"-c{connections}", $"-d{seconds}s", "--latency", "--timeout", "30s", "-s", script, url.ToString()])
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
            File.Delete(body);
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
