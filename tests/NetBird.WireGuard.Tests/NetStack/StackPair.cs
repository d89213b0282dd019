using System.Net;
using System.Threading.Channels;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.WireGuard.NetStack;

namespace NetBird.WireGuard.Tests.NetStack;

/// <summary>Two stacks and a wire that neither loses nor delays.</summary>
internal sealed class StackPair : IAsyncDisposable
{
    private readonly Channel<byte[]> _toFar = Channel.CreateUnbounded<byte[]>();
    private readonly Channel<byte[]> _toNear = Channel.CreateUnbounded<byte[]>();
    private readonly Task _carrying;

    public StackPair(int mtu = 1420)
    {
        Near = new RootlessStack([NearAddress, IPAddress.Parse("fd23::1")], mtu, TimeProvider.System, NullLoggerFactory.Instance);
        Far = new RootlessStack([FarAddress, IPAddress.Parse("fd23::2")], mtu, TimeProvider.System, NullLoggerFactory.Instance);
        Near.Start(packet => _toFar.Writer.TryWrite(packet.ToArray()));
        Far.Start(packet => _toNear.Writer.TryWrite(packet.ToArray()));
        _carrying = Task.WhenAll(Task.Run(() => CarryAsync(_toFar.Reader, Far)), Task.Run(() => CarryAsync(_toNear.Reader, Near)));
    }

    public static IPAddress NearAddress { get; } = IPAddress.Parse("10.23.1.1");

    public static IPAddress FarAddress { get; } = IPAddress.Parse("10.23.1.2");

    public RootlessStack Near { get; }

    public RootlessStack Far { get; }

    public async Task<(TcpStream Near, TcpStream Far)> ConnectAsync(CancellationToken cancellationToken)
    {
        await using var listener = await Far.ListenAsync(new IPEndPoint(FarAddress, 0), cancellationToken);
        var accepting = listener.AcceptAsync(cancellationToken);
        var near = (TcpStream)await Near.ConnectAsync(listener.LocalEndPoint, cancellationToken);
        return (near, (TcpStream)(await accepting)!.Stream);
    }

    public async ValueTask DisposeAsync()
    {
        await Near.DisposeAsync();
        await Far.DisposeAsync();
        _toFar.Writer.Complete();
        _toNear.Writer.Complete();
        await _carrying;
    }

    private static async Task CarryAsync(ChannelReader<byte[]> from, RootlessStack to)
    {
        while (await from.WaitToReadAsync())
        {
            while (from.TryRead(out var packet))
            {
                to.Write(packet);
            }

            to.Flush();
        }
    }
}
