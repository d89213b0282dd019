using System.Diagnostics;
using System.Globalization;
using NetBird.WireGuard;

namespace Benchmarks.Tunnel;

/// <summary>One end of a pair under measurement: a namespace, and in it a process that carries the tunnel.</summary>
internal sealed class BenchmarkEnd : IDisposable
{
    private readonly string _device;
    private Process? _process;

    public BenchmarkEnd(string name, bool ours, string outer, string inner)
    {
        (Namespace, Ours, Outer, Inner) = (name, ours, outer, inner);
        _device = $"{name}w";
        Tool.Run($"ip netns add {name}");
        In("ip link set lo up");
    }

    public string Namespace { get; }

    public bool Ours { get; }

    public string Outer { get; }

    public string Inner { get; }

    public PrivateKey Key { get; } = PrivateKey.Generate();

    public string In(string line) => Tool.Run($"ip netns exec {Namespace} {line}");

    public Process StartIn(string line) => Tool.Start($"ip netns exec {Namespace} {line}");

    public void Open(BenchmarkEnd other, int mtu)
    {
        if (Ours)
        {
            _process = StartIn(
                $"{Environment.ProcessPath} tunnel-end {_device} {Inner} 21820 {mtu} {other.Key.PublicKey} {other.Inner} {other.Outer}:21820");
            _process.StandardInput.WriteLine(KeyText());
            if (_process.StandardOutput.ReadLine() != "ready")
            {
                throw new InvalidOperationException(_process.StandardError.ReadToEnd());
            }

            return;
        }

        _process = StartIn($"wireguard-go -f {_device}");
        for (var i = 0; i < 200 && !File.Exists($"/var/run/wireguard/{_device}.sock"); i++)
        {
            Thread.Sleep(20);
        }

        var file = Path.GetTempFileName();
        File.WriteAllText(file, KeyText());
        In($"wg set {_device} listen-port 21820 private-key {file} peer {other.Key.PublicKey} allowed-ips {other.Inner}/32 endpoint {other.Outer}:21820");
        File.Delete(file);
        In($"ip addr add {Inner}/32 dev {_device}");
        In($"ip link set {_device} mtu {mtu} up");
        In($"ip route add {other.Inner}/32 dev {_device}");
    }

    /// <summary>Processor time that the end's process has used.</summary>
    public TimeSpan Cpu()
    {
        // /proc/PID/stat, fields 14 and 15, in ticks of 10 ms; counted from behind the name, which may hold spaces.
        var text = File.ReadAllText($"/proc/{Carrier()}/stat");
        var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
        return TimeSpan.FromMilliseconds(10 * (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)));
    }

    /// <summary>Resident memory in MiB.</summary>
    public double ResidentMiB() => double.Parse(Status("VmRSS"), CultureInfo.InvariantCulture) / 1024;

    public int Threads() => int.Parse(Status("Threads"), CultureInfo.InvariantCulture);

    /// <summary>Open descriptors.</summary>
    public int Handles() => Directory.GetFileSystemEntries($"/proc/{Carrier()}/fd").Length;

    private string Status(string field)
        => File.ReadLines($"/proc/{Carrier()}/status").First(line => line.StartsWith(field, StringComparison.Ordinal))
            .Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1];

    public void Dispose()
    {
        if (_process is { HasExited: false } process)
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
        }

        _process?.Dispose();
        Key.Dispose();
        File.Delete($"/var/run/wireguard/{_device}.sock");
        _ = Tool.TryRun($"ip netns del {Namespace}");
    }

    // "ip netns exec" becomes the process it starts.
    private int Carrier() => _process!.Id;

    private string KeyText()
    {
        var bytes = new byte[PrivateKey.Size];
        Key.Export(bytes);
        return Convert.ToBase64String(bytes);
    }
}
