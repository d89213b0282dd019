using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Benchmarks.Tunnel;

/// <summary>
/// Our pair, wireguard-go's pair and a mixed pair in one run on one machine: throughput each way, latency, processor time and memory.
/// Ratios matter; figures vary with the machine.
/// </summary>
internal static partial class TunnelComparison
{
    private const int Mtu = 1420;

    public static async Task<int> RunAsync(string[] args)
    {
        var seconds = int.Parse(Value(args, "--seconds") ?? "5", CultureInfo.InvariantCulture);
        if (Value(args, "--helpers") is { } helpers)
        {
            Environment.SetEnvironmentVariable(TunnelEnd.HelpersVariable, helpers);
        }

        Console.WriteLine($"{"pair",-8}{"1 up",8}{"1 down",8}{"4 up",8}{"4 down",8} Gbit/s {"ping p50",10}{"p99",8} us {"CPU s/GB",10}{"RSS MiB",9}");
        foreach (var pair in (Value(args, "--pairs") ?? "go,ours,mixed").Split(','))
        {
            await MeasureAsync(pair, seconds);
        }

        return 0;
    }

    private static async Task MeasureAsync(string pair, int seconds)
    {
        var id = $"bnc{Environment.ProcessId % 100_000}";
        using var client = new BenchmarkEnd($"{id}a", pair is "ours" or "mixed", "10.197.0.1", "10.196.0.1");
        using var server = new BenchmarkEnd($"{id}b", pair is "ours", "10.197.0.2", "10.196.0.2");
        Connect(client, server);
        client.Open(server, Mtu);
        server.Open(client, Mtu);
        client.In($"ping -c 3 -i 0.2 -W 5 {server.Inner}");
        using var iperf = server.StartIn("iperf3 -s --logfile /dev/null");
        await Task.Delay(300, default);
        try
        {
            // Once unmeasured: our end compiles its packet path while it runs.
            _ = Throughput(client, server, 3, "-P 1");
            var before = client.Cpu() + server.Cpu();
            var (oneUp, bytes) = Throughput(client, server, seconds, "-P 1");
            var cpuPerGb = (client.Cpu() + server.Cpu() - before).TotalSeconds / (bytes / 1e9);
            var (oneDown, _) = Throughput(client, server, seconds, "-P 1 -R");
            var (fourUp, _) = Throughput(client, server, seconds, "-P 4");
            var (fourDown, _) = Throughput(client, server, seconds, "-P 4 -R");
            var times = Times().Matches(client.In($"ping -i 0.002 -c 1000 {server.Inner}"))
                .Select(match => double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) * 1000).Order().ToArray();
            var memory = (client.ResidentMiB() + server.ResidentMiB()) / 2;
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{pair,-8}{oneUp,8:F2}{oneDown,8:F2}{fourUp,8:F2}{fourDown,8:F2}        {times[times.Length / 2],10:F0}{times[times.Length * 99 / 100],8:F0}    {cpuPerGb,10:F2}{memory,9:F0}"));
        }
        finally
        {
            iperf.Kill(entireProcessTree: true);
            iperf.WaitForExit();
        }
    }

    /// <summary>A veth pair between the ends' namespaces.</summary>
    internal static void Connect(BenchmarkEnd client, BenchmarkEnd server)
    {
        client.In($"ip link add eth0 type veth peer name eth0 netns {server.Namespace}");
        foreach (var end in (BenchmarkEnd[])[client, server])
        {
            end.In($"ip addr add {end.Outer}/24 dev eth0");
            end.In("ip link set eth0 up");
        }
    }

    private static (double Gbits, double Bytes) Throughput(BenchmarkEnd client, BenchmarkEnd server, int seconds, string options)
    {
        using var report = JsonDocument.Parse(client.In($"iperf3 -c {server.Inner} -t {seconds} -J {options}"));
        var sum = report.RootElement.GetProperty("end").GetProperty("sum_received");
        return (sum.GetProperty("bits_per_second").GetDouble() / 1e9, sum.GetProperty("bytes").GetDouble());
    }

    internal static string? Value(string[] args, string name)
        => Array.IndexOf(args, name) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : null;

    [GeneratedRegex(@"time=([\d.]+) ms")]
    private static partial Regex Times();
}
