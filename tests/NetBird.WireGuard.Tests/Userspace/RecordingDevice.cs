using System.Collections.Concurrent;
using NetBird.WireGuard.Userspace;

namespace NetBird.WireGuard.Tests.Userspace;

/// <summary>The plain side of an engine under test.</summary>
internal sealed class RecordingDevice(int mtu = 1420) : IPacketDevice
{
    private OutboundPacket? _outbound;

    public ConcurrentQueue<byte[]> Written { get; } = new();

    public int Mtu => mtu;

    public void Start(OutboundPacket outbound) => _outbound = outbound;

    public void Send(ReadOnlySpan<byte> packet) => _outbound!(packet);

    public void Write(ReadOnlySpan<byte> packet) => Written.Enqueue(packet.ToArray());

    public void Flush()
    {
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
