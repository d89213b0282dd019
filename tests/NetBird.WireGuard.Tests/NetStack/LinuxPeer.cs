using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.WireGuard.NetStack;
using NetBird.WireGuard.Tests.Linux;

namespace NetBird.WireGuard.Tests.NetStack;

/// <summary>Our stack and Linux's, with a troubled wire between them.</summary>
internal sealed class LinuxPeer : IAsyncDisposable
{
    private static int s_number;

    private readonly TestNamespace _inside;
    private readonly TestTun _tun;
    private readonly TroubledWire _toStack;
    private readonly TroubledWire _toLinux;

    public LinuxPeer(PathTrouble? trouble = null, int mtu = 1420, bool v6 = false, int seed = 1)
    {
        trouble ??= new PathTrouble(Delay: 0);
        _inside = TestNamespace.Create();
        Linux = IPAddress.Parse(v6 ? "fd23::1" : "10.23.0.1");
        Ours = IPAddress.Parse(v6 ? "fd23::2" : "10.23.0.2");
        Stack = new RootlessStack([Ours], mtu, TimeProvider.System, NullLoggerFactory.Instance);
        _toStack = new TroubledWire(trouble, seed, packet => Stack.Write(packet), Stack.Flush);
        var name = $"ns{Environment.ProcessId}x{Interlocked.Increment(ref s_number)}";
        _tun = new TestTun(_inside, name, mtu, packet => _toStack.Send(packet), Stack.Flush);
        _toLinux = new TroubledWire(trouble, seed + 1, packet => _tun.Write(packet), () => { });
        Stack.Start(packet => _toLinux.Send(packet.ToArray()));
        string[] noDad = v6 ? ["nodad"] : [];
        _inside.Execute("ip", ["address", "add", $"{Linux}/{(v6 ? 64 : 24)}", "dev", name, .. noDad]);
    }

    public RootlessStack Stack { get; }

    public IPAddress Linux { get; }

    public IPAddress Ours { get; }

    /// <summary>A Linux socket that listens on a free port.</summary>
    public Socket Listen()
    {
        var socket = Open();
        socket.Bind(new IPEndPoint(Linux, 0));
        socket.Listen(1024);
        return socket;
    }

    /// <summary>A Linux TCP socket on the other side of the wire.</summary>
    public Socket Open() => _inside.Run(() => new Socket(Linux.AddressFamily, SocketType.Stream, ProtocolType.Tcp));

    public string Execute(string program, params string[] arguments) => _inside.Execute(program, arguments);

    /// <summary>One connection that we opened, and Linux's end of it.</summary>
    public async Task<(TcpStream Ours, NetworkStream Linux)> ConnectAsync(CancellationToken cancellationToken)
    {
        using var listener = Listen();
        var accepting = listener.AcceptAsync(cancellationToken);
        var ours = (TcpStream)await Stack.ConnectAsync((IPEndPoint)listener.LocalEndPoint!, cancellationToken);
        return (ours, new NetworkStream(await accepting, ownsSocket: true));
    }

    /// <summary>One connection that Linux opened, and our end of it.</summary>
    public async Task<(TcpStream Ours, NetworkStream Linux)> AcceptAsync(CancellationToken cancellationToken)
    {
        await using var listener = await Stack.ListenAsync(new IPEndPoint(Ours, 0), cancellationToken);
        var socket = Open();
        var connecting = socket.ConnectAsync(listener.LocalEndPoint, cancellationToken);
        var accepted = await listener.AcceptAsync(cancellationToken);
        await connecting;
        return ((TcpStream)accepted!.Stream, new NetworkStream(socket, ownsSocket: true));
    }

    public async ValueTask DisposeAsync()
    {
        await Stack.DisposeAsync();
        _tun.Dispose();
        _toStack.Dispose();
        _toLinux.Dispose();
        _inside.Dispose();
    }
}
