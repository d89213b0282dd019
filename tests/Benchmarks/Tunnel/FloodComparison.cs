using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using NetBird.WireGuard.Userspace;
using NetBird.WireGuard.Userspace.Noise;

namespace Benchmarks.Tunnel;

/// <summary>
/// What a flood of forged initiations leaves of a transfer: ours and wireguard-go in one run. The forgeries carry a right mac1 (the key
/// that makes it is public) and come from 200 addresses, one packet each to the kernel.
/// </summary>
internal static class FloodComparison
{
    private const int Sources = 200;
    private const int Prepared = 20_000;
    private const int Mtu = 1420;

    public static async Task<int> RunAsync(string[] args)
    {
        var seconds = int.Parse(TunnelComparison.Value(args, "--seconds") ?? "5", CultureInfo.InvariantCulture);
        var rate = int.Parse(TunnelComparison.Value(args, "--rate") ?? "100000", CultureInfo.InvariantCulture);
        var rounds = int.Parse(TunnelComparison.Value(args, "--rounds") ?? "2", CultureInfo.InvariantCulture);
        var folder = Directory.CreateTempSubdirectory("netbird-flood");
        try
        {
            var program = Path.Combine(folder.FullName, "flood");
            _ = Tool.Run($"gcc -O2 -o {program} {Path.Combine(AppContext.BaseDirectory, "flood.c")}");
            Console.WriteLine($"{"pair",-8}{"quiet",8}{"flooded",9} Gbit/s {"kept",7}{"sent/s",10}{"cookies/s",11}{"RSS MiB before, after",24}");
            for (var round = 0; round < rounds; round++)
            {
                foreach (var pair in (TunnelComparison.Value(args, "--pairs") ?? "go,ours").Split(','))
                {
                    await MeasureAsync(pair, seconds, rate, program);
                }
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }

        return 0;
    }

    private static async Task MeasureAsync(string pair, int seconds, int rate, string program)
    {
        var id = $"bnf{Environment.ProcessId % 100_000}";
        using var client = new BenchmarkEnd($"{id}a", pair is "ours", "10.197.0.1", "10.196.0.1");
        using var server = new BenchmarkEnd($"{id}b", pair is "ours", "10.197.0.2", "10.196.0.2");
        TunnelComparison.Connect(client, server);

        // The flood's own addresses: bound in the client's namespace, answered by way of it.
        client.In("ip route add local 10.195.0.0/16 dev lo");
        server.In("ip route add 10.195.0.0/16 via 10.197.0.1");
        client.Open(server, Mtu);
        server.Open(client, Mtu);
        client.In($"ping -c 3 -i 0.2 -W 5 {server.Inner}");
        using var iperf = server.StartIn("iperf3 -s --logfile /dev/null");
        await Task.Delay(300, default);
        var packets = Path.Combine(Path.GetDirectoryName(program)!, "packets");
        WritePackets(packets, server.Key.PublicKey.ToArray());
        try
        {
            _ = Throughput(client, server, 3);
            var quiet = Throughput(client, server, seconds);
            var before = server.ResidentMiB();
            using var flood = client.StartIn(
                $"{program} {server.Outer} 21820 {packets} {WireFormat.InitiationSize} {rate} {seconds + 2} 10.195.0.1 {Sources}");
            await Task.Delay(500, default);
            var flooded = Throughput(client, server, seconds);
            var report = (await flood.StandardOutput.ReadToEndAsync()).Split(' ');
            var (sent, cookies) = (double.Parse(report[0], CultureInfo.InvariantCulture), double.Parse(report[1], CultureInfo.InvariantCulture));
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{pair,-8}{quiet,8:F2}{flooded,9:F2}        {flooded / quiet,7:P0}{sent / (seconds + 2),10:F0}{cookies / (seconds + 2),11:F0}{before,18:F0}{server.ResidentMiB(),6:F0}"));
        }
        finally
        {
            iperf.Kill(entireProcessTree: true);
            await iperf.WaitForExitAsync();
        }
    }

    private static double Throughput(BenchmarkEnd client, BenchmarkEnd server, int seconds)
    {
        using var report = JsonDocument.Parse(client.In($"iperf3 -c {server.Inner} -t {seconds} -J"));
        return report.RootElement.GetProperty("end").GetProperty("sum_received").GetProperty("bits_per_second").GetDouble() / 1e9;
    }

    private static void WritePackets(string file, ReadOnlySpan<byte> publicKey)
    {
        var mac1Key = StaticIdentity.Mac1KeyOf(publicKey);
        var bytes = RandomNumberGenerator.GetBytes(Prepared * WireFormat.InitiationSize);
        for (var i = 0; i < Prepared; i++)
        {
            var message = bytes.AsSpan(i * WireFormat.InitiationSize, WireFormat.InitiationSize);
            BitConverter.TryWriteBytes(message, WireFormat.Initiation);
            message[^WireFormat.MacSize..].Clear();
            var covered = WireFormat.InitiationSize - (2 * WireFormat.MacSize);
            Blake2s.Mac(mac1Key, message[..covered], message.Slice(covered, WireFormat.MacSize));
        }

        File.WriteAllBytes(file, bytes);
    }
}
