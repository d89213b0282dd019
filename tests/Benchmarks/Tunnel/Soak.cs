using System.Diagnostics;
using System.Globalization;

namespace Benchmarks.Tunnel;

/// <summary>Much traffic through our pair, half each way, and what the two processes hold of memory, handles and threads meanwhile.</summary>
internal static class Soak
{
    private const int Mtu = 1420;
    private const int Samples = 5;

    public static async Task<int> RunAsync(string[] args)
    {
        var gigabytes = int.Parse(TunnelComparison.Value(args, "--gigabytes") ?? "100", CultureInfo.InvariantCulture);
        var id = $"bns{Environment.ProcessId % 100_000}";
        using var client = new BenchmarkEnd($"{id}a", ours: true, "10.197.0.1", "10.196.0.1");
        using var server = new BenchmarkEnd($"{id}b", ours: true, "10.197.0.2", "10.196.0.2");
        TunnelComparison.Connect(client, server);
        client.Open(server, Mtu);
        server.Open(client, Mtu);
        client.In($"ping -c 3 -i 0.2 -W 5 {server.Inner}");
        using var iperf = server.StartIn("iperf3 -s --logfile /dev/null");
        await Task.Delay(300, default);
        Console.WriteLine($"{"GB",6}{"seconds",9}{"RSS MiB",18}{"handles",14}{"threads",14}   (each end)");
        var started = Stopwatch.GetTimestamp();
        try
        {
            // Once unmeasured: our ends compile their packet path while it runs.
            client.In($"iperf3 -c {server.Inner} -t 3");
            Report(0);
            for (var sample = 1; sample <= Samples; sample++)
            {
                var megabytes = gigabytes * 1000 / Samples / 2;
                client.In($"iperf3 -c {server.Inner} -n {megabytes}M");
                client.In($"iperf3 -c {server.Inner} -n {megabytes}M -R");
                Report(gigabytes * sample / Samples);
            }
        }
        finally
        {
            iperf.Kill(entireProcessTree: true);
            await iperf.WaitForExitAsync();
        }

        return 0;

        void Report(int carried) => Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{carried,6}{Stopwatch.GetElapsedTime(started).TotalSeconds,9:F0}{client.ResidentMiB(),10:F1},{server.ResidentMiB(),7:F1}{client.Handles(),8},{server.Handles(),5}{client.Threads(),8},{server.Threads(),5}"));
    }
}
