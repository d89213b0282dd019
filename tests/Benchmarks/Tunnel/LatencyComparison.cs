using System.Globalization;
using System.Text.RegularExpressions;

namespace Benchmarks.Tunnel;

/// <summary>Round-trip times through our pair and wireguard-go's, turn by turn in one run: alone, and beside a full-speed transfer.</summary>
internal static partial class LatencyComparison
{
    private const int Mtu = 1420;

    public static async Task<int> RunAsync(string[] args)
    {
        var rounds = int.Parse(TunnelComparison.Value(args, "--rounds") ?? "3", CultureInfo.InvariantCulture);
        var pings = int.Parse(TunnelComparison.Value(args, "--pings") ?? "2000", CultureInfo.InvariantCulture);
        Console.WriteLine($"{"pair",-8}{"alone: p50",12}{"p90",8}{"p99",8}{"worst",8}{"beside a transfer: p50",26}{"p90",8}{"p99",8}{"worst",8} us");
        for (var round = 0; round < rounds; round++)
        {
            foreach (var pair in (TunnelComparison.Value(args, "--pairs") ?? "go,ours").Split(','))
            {
                await MeasureAsync(pair, pings);
            }
        }

        return 0;
    }

    private static async Task MeasureAsync(string pair, int pings)
    {
        var id = $"bnl{Environment.ProcessId % 100_000}";
        using var client = new BenchmarkEnd($"{id}a", pair is "ours", "10.197.0.1", "10.196.0.1");
        using var server = new BenchmarkEnd($"{id}b", pair is "ours", "10.197.0.2", "10.196.0.2");
        TunnelComparison.Connect(client, server);
        client.Open(server, Mtu);
        server.Open(client, Mtu);
        client.In($"ping -c 3 -i 0.2 -W 5 {server.Inner}");
        using var iperf = server.StartIn("iperf3 -s --logfile /dev/null");
        await Task.Delay(300, default);
        try
        {
            // Ours compiles its packet path while it runs; both ways, since pings go both.
            client.In($"iperf3 -c {server.Inner} -t 2");
            client.In($"iperf3 -c {server.Inner} -t 2 -R");
            client.In($"ping -i 0.002 -c 1000 {server.Inner}");
            var alone = Ping(client, server, pings);
            using var transfer = client.StartIn($"iperf3 -c {server.Inner} -t {(pings * 0.002) + 2}");
            await Task.Delay(500, default);
            var beside = Ping(client, server, pings);
            await transfer.WaitForExitAsync();
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{pair,-8}{alone[0],12:F0}{alone[1],8:F0}{alone[2],8:F0}{alone[3],8:F0}{beside[0],26:F0}{beside[1],8:F0}{beside[2],8:F0}{beside[3],8:F0}"));
        }
        finally
        {
            iperf.Kill(entireProcessTree: true);
            await iperf.WaitForExitAsync();
        }
    }

    private static double[] Ping(BenchmarkEnd client, BenchmarkEnd server, int pings)
    {
        var times = Times().Matches(client.In($"ping -i 0.002 -c {pings} {server.Inner}"))
            .Select(match => double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) * 1000).Order().ToArray();
        return [times[times.Length / 2], times[times.Length * 9 / 10], times[times.Length * 99 / 100], times[^1]];
    }

    [GeneratedRegex(@"time=([\d.]+) ms")]
    private static partial Regex Times();
}
