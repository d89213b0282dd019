using System.Globalization;
using Benchmarks.Tunnel;

namespace Benchmarks.Gateway.Load;

/// <summary>What one run at a fixed rate gave.</summary>
/// <param name="Completed">Answers of 2xx that were counted.</param>
/// <param name="Failed">All others, those without an answer among them.</param>
/// <param name="Late">Due before one of the connections was free: more than a few, and the subject does not bear the rate.</param>
/// <param name="P50Ms">Milliseconds from when it was due to its last byte.</param>
/// <param name="P99Ms">The same.</param>
/// <param name="P999Ms">The same.</param>
internal sealed record Paced(long Completed, long Failed, long Late, double P50Ms, double P99Ms, double P999Ms);

/// <summary>Load at a fixed rate, an open loop; see pace.c.</summary>
internal static class Pace
{
    /// <summary>Ours: more than any rate measured here keeps busy.</summary>
    private const int Connections = 64;

    private static readonly Lazy<string> Program = new(() =>
    {
        var program = Path.Combine(Path.GetTempPath(), $"netbird-pace-{Environment.ProcessId}");
        _ = Tool.Run($"gcc -O2 -o {program} {Path.Combine(AppContext.BaseDirectory, "pace.c")}");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => File.Delete(program);
        return program;
    });

    public static Paced Run(Uri url, Request request, double perSecond, double seconds)
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, request.AsBytes(url));
            var line = Tool.Run(string.Create(CultureInfo.InvariantCulture, $"{Program.Value} {url.Host} {url.Port} {file} {perSecond:F1} {Connections} {seconds}"));
            var figures = line.Split(' ', StringSplitOptions.TrimEntries).Select(figure => double.Parse(figure, CultureInfo.InvariantCulture)).ToArray();
            return new((long)figures[0], (long)figures[1], (long)figures[2], figures[3] / 1000, figures[4] / 1000, figures[5] / 1000);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
