using System.Net;
using System.Net.Sockets;

namespace NetBird.WireGuard.Tests.Linux;

/// <summary>
/// Stands between the ends' UDP sockets, loses 5 in 100 datagrams and holds back another 5 until the next one has passed. (Not tc-netem,
/// which the development machines' kernel does not have.)
/// </summary>
internal sealed class LossyRelay : IAsyncDisposable
{
    private readonly Socket _client = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly Socket _server = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly Task _up;
    private readonly Task _down;
    private volatile EndPoint? _origin;
    private int _lost;
    private int _reordered;

    public LossyRelay(IPAddress local, IPEndPoint target)
    {
        _client.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _server.Bind(new IPEndPoint(local, 0));
        _up = Task.Run(() => RelayAsync(_client, datagram => _server.SendTo(datagram, target), from => _origin = from, 1));
        _down = Task.Run(() => RelayAsync(_server, datagram => _client.SendTo(datagram, _origin!), _ => { }, 2));
    }

    public IPEndPoint EndPoint => (IPEndPoint)_client.LocalEndPoint!;

    public int Lost => _lost;

    public int Reordered => _reordered;

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        _server.Dispose();
        await Task.WhenAll(_up, _down);
    }

    private async Task RelayAsync(Socket from, Action<byte[]> send, Action<EndPoint> heard, int seed)
    {
        var random = new Random(seed);
        var buffer = new byte[65_535];
        byte[]? held = null;
        try
        {
            while (true)
            {
                var received = await from.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0));
                heard(received.RemoteEndPoint);
                var datagram = buffer[..received.ReceivedBytes];
                switch (random.Next(20))
                {
                    case 0:
                        Interlocked.Increment(ref _lost);
                        continue;
                    case 1 when held is null:
                        held = datagram;
                        Interlocked.Increment(ref _reordered);
                        continue;
                }

                send(datagram);
                if (held is not null)
                {
                    send(held);
                    held = null;
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Closed.
        }
    }
}
