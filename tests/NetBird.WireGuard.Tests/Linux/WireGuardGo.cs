using System.Diagnostics;
using System.Globalization;
using System.Net;

namespace NetBird.WireGuard.Tests.Linux;

/// <summary>
/// wireguard-go in a namespace of its own, joined to the machine's by a veth pair: the counterpart that nobody here wrote.
/// </summary>
internal sealed class WireGuardGo : IDisposable
{
    private static int s_subnets;

    private readonly string _namespace = Requires.Name();
    private readonly string _device = Requires.Name();
    private readonly Func<Process> _open;
    private Process _process;
    private readonly List<string> _files = [];

    public WireGuardGo(PrivateKey key, string addresses, int port, string routes = "10.99.0.0/16,fd99::/64", int mtu = 1420)
    {
        Port = port;
        var net = $"10.199.{Interlocked.Increment(ref s_subnets) + (Environment.ProcessId % 100)}";
        (Outside, Inside) = (IPAddress.Parse($"{net}.1"), IPAddress.Parse($"{net}.2"));
        OutsideLink = Requires.Name();
        Command.Run($"ip netns add {_namespace}");
        Command.Run($"ip link add {OutsideLink} type veth peer name eth0 netns {_namespace}");
        Command.Run($"ip addr add {Outside}/24 dev {OutsideLink}");
        Command.Run($"ip link set {OutsideLink} up");
        In("ip link set lo up");
        In($"ip addr add {Inside}/24 dev eth0");
        (Outside6, Inside6) = (IPAddress.Parse($"fd00:{net.Split('.')[2]}::1"), IPAddress.Parse($"fd00:{net.Split('.')[2]}::2"));
        Command.Run($"ip addr add {Outside6}/64 dev {OutsideLink} nodad");
        In($"ip addr add {Inside6}/64 dev eth0 nodad");
        In("ip link set eth0 up");

        _open = () => Open(key, addresses, routes, mtu);
        _process = _open();
    }

    public string Namespace => _namespace;

    public int Port { get; }

    /// <summary>The machine's end of the veth pair.</summary>
    public IPAddress Outside { get; }

    /// <summary>Where wireguard-go is.</summary>
    public IPAddress Inside { get; }

    /// <summary>The same two by IPv6.</summary>
    public IPAddress Outside6 { get; }

    public IPAddress Inside6 { get; }

    public string OutsideLink { get; }

    public IPEndPoint EndPoint => new(Inside, Port);

    public string In(string line) => Command.Run($"ip netns exec {_namespace} {line}");

    public Process StartIn(string line) => Command.Start($"ip netns exec {_namespace} {line}");

    public void SetPeer(PrivateKey key, string allowed, IPEndPoint? endpoint = null, byte[]? psk = null, int keepalive = 0)
    {
        var line = $"wg set {_device} peer {key.PublicKey} allowed-ips {allowed}";
        line += endpoint is null ? "" : $" endpoint {endpoint}";
        line += psk is null ? "" : $" preshared-key {Secret(Convert.ToBase64String(psk))}";
        line += keepalive == 0 ? "" : $" persistent-keepalive {keepalive}";
        In(line);
    }

    /// <summary>As after a crash: the process is killed and another started, which knows no peer.</summary>
    public void Restart()
    {
        End();
        _process = _open();
    }

    /// <summary>Where it believes its peer to be.</summary>
    public string PeerEndpoint() => In($"wg show {_device} endpoints").Trim().Split('\t')[1];

    /// <summary>Seconds since the epoch of the last handshake; 0 before the first.</summary>
    public long LastHandshake()
        => long.Parse(In($"wg show {_device} latest-handshakes").Split('\t')[1], CultureInfo.InvariantCulture);

    public void Dispose()
    {
        End();
        _ = Command.TryRun($"ip netns del {_namespace}");
        _ = Command.TryRun($"ip link del {OutsideLink}");
        _files.ForEach(File.Delete);
    }

    private Process Open(PrivateKey key, string addresses, string routes, int mtu)
    {
        var start = new ProcessStartInfo("ip", ["netns", "exec", _namespace, "wireguard-go", "-f", _device])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        var process = Process.Start(start)!;
        for (var i = 0; i < 200 && !File.Exists($"/var/run/wireguard/{_device}.sock"); i++)
        {
            Thread.Sleep(50);
        }

        In($"wg set {_device} listen-port {Port} private-key {KeyFile(key)}");
        foreach (var address in addresses.Split(','))
        {
            In($"ip addr add {address} dev {_device}" + (address.Contains(':', StringComparison.Ordinal) ? " nodad" : ""));
        }

        In($"ip link set {_device} mtu {mtu} up");
        foreach (var route in routes.Split(','))
        {
            In($"ip route add {route} dev {_device}");
        }

        return process;
    }

    private void End()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
        }

        _process.Dispose();
        File.Delete($"/var/run/wireguard/{_device}.sock");
    }

    private string KeyFile(PrivateKey key)
    {
        var bytes = new byte[PrivateKey.Size];
        key.Export(bytes);
        return Secret(Convert.ToBase64String(bytes));
    }

    private string Secret(string text)
    {
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        File.WriteAllText(path, text);
        _files.Add(path);
        return path;
    }
}
