using NetBird.WireGuard.Userspace.Peers;

namespace NetBird.WireGuard.Userspace;

/// <summary>From the device to the network.</summary>
internal sealed partial class Engine
{
    /// <summary>The peer that owns a packet's destination; null for none, or for what is no IP packet.</summary>
    public Peer? FindDestination(ReadOnlySpan<byte> packet) => IpHeader.VersionOf(packet) switch
    {
        4 => _allowedIPs.FindV4(packet[IpHeader.V4Destination..]),
        6 => _allowedIPs.FindV6(packet[IpHeader.V6Destination..]),
        _ => null,
    };

    private void Send(ReadOnlySpan<byte> packet)
    {
        var train = RentTrain();
        train.Add(packet);
        train.Flush();
        ReturnTrain(train);
    }
}
