using System.Globalization;
using Benchmarks.Gateway.Load;

namespace Benchmarks.Gateway;

/// <summary>What each subject reached with one kind of request: the middle of its rounds, and beside nginx's.</summary>
internal sealed class ResultTable(Kind kind)
{
    private readonly Dictionary<string, List<(Measured Measured, double? ProcessorUs)>> _rounds = [];

    public void Add(string subject, Measured measured, double? processorUs)
    {
        if (!_rounds.TryGetValue(subject, out var rounds))
        {
            _rounds[subject] = rounds = [];
        }

        rounds.Add((measured, processorUs));
    }

    public double PerSecondOf(string subject) => Middle(_rounds[subject].Select(round => round.Measured.PerSecond));

    public void Print()
    {
        Console.WriteLine($"\n{kind.Name}");
        Console.WriteLine("                   req/s   of nginx    p50 ms    p99 ms   added p50   of nginx's   processor us per request");
        var direct = _rounds.GetValueOrDefault("direct");
        var nginx = _rounds.GetValueOrDefault("nginx");
        var added = P50(nginx) - P50(direct);
        foreach (var (name, rounds) in _rounds)
        {
            var errors = string.Join(" ", rounds.Select(round => round.Measured.Errors).Where(error => error.Length > 0).Distinct());
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{name,-15}{PerSecondOf(name),10:F0}{PerSecondOf(name) / (nginx is null ? double.NaN : PerSecondOf("nginx")),11:F2}{P50(rounds),10:F2}{Middle(rounds.Select(round => round.Measured.P99Ms)),10:F2}{P50(rounds) - P50(direct),12:F2}{(P50(rounds) - P50(direct)) / added,13:F2}{Middle(rounds.Select(round => round.ProcessorUs ?? double.NaN)),27:F1}   {errors}"));
        }
    }

    /// <summary>The one in the middle by size, the lower of two.</summary>
    public static double Middle(IEnumerable<double> figures)
    {
        var ordered = figures.Order().ToList();
        return ordered[(ordered.Count - 1) / 2];
    }

    private static double P50(List<(Measured Measured, double? ProcessorUs)>? rounds)
        => rounds is null ? double.NaN : Middle(rounds.Select(round => round.Measured.P50Ms));
}
