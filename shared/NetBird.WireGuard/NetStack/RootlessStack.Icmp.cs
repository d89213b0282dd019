using System.Buffers.Binary;

namespace NetBird.WireGuard.NetStack;

/// <summary>
/// ICMP (RFC 792) and ICMPv6 (RFC 4443): answers echo, tells that no UDP port is open, and passes what routers
/// say about a connection on to it.
/// </summary>
internal sealed partial class RootlessStack
{
    private const int IcmpHeaderSize = 8;

    // Ours: port-unreachable messages a second, so that a flood of datagrams is not answered one by one.
    private const int UnreachablePerSecond = 50;

    private long _unreachableSecond;
    private int _unreachableSent;

    private void OnIcmp(in IpPacket ip, OverlayAddress from, OverlayAddress to)
    {
        var message = ip.Payload;
        if (message.Length < IcmpHeaderSize || !HasRightIcmpChecksum(in ip, from.IsV6))
        {
            return;
        }

        switch (message[0])
        {
            case 8 when !from.IsV6:
                Answer(message, 0, from, to);
                break;
            case 128 when from.IsV6:
                Answer(message, 129, from, to);
                break;
            case 3 when !from.IsV6:
                // Type 3: code 4 carries the next hop's MTU (RFC 1191 section 4); 2 and 3 refuse.
                OnError(message, isTooBig: message[1] == 4, isRefusal: message[1] is 2 or 3, BinaryPrimitives.ReadUInt16BigEndian(message[6..]));
                break;
            case 1 when from.IsV6:
                OnError(message, isTooBig: false, isRefusal: message[1] == 4, mtu: 0);
                break;
            case 2 when from.IsV6:
                OnError(message, isTooBig: true, isRefusal: false, (int)Math.Min(BinaryPrimitives.ReadUInt32BigEndian(message[4..]), 65535));
                break;
        }
    }

    private static bool HasRightIcmpChecksum(in IpPacket ip, bool v6) => v6
        ? HasRightChecksum(in ip, IpPacket.IcmpV6)
        : InternetChecksum.Finish(InternetChecksum.Add(0, ip.Payload)) == 0;

    private void Answer(ReadOnlySpan<byte> echo, byte type, OverlayAddress from, OverlayAddress to)
    {
        var ipSize = IpPacket.HeaderSize(to.IsV6);
        var packet = PacketBuffer(ipSize + echo.Length);
        echo.CopyTo(packet[ipSize..]);
        (packet[ipSize], packet[ipSize + 1]) = (type, 0);
        SendIcmp(packet, ipSize, to, from);
    }

    /// <summary>Finishes and sends an ICMP message that stands after room for the IP header.</summary>
    private void SendIcmp(Span<byte> packet, int ipSize, OverlayAddress source, OverlayAddress destination)
    {
        if (packet.Length > Mtu)
        {
            return;
        }

        var message = packet[ipSize..];
        IpPacket.WriteHeader(packet, source.IsV6 ? IpPacket.IcmpV6 : IpPacket.Icmp, source, destination, message.Length);
        message[2..4].Clear();
        if (source.IsV6)
        {
            SealTransport(packet, ipSize, message, message[2..], IpPacket.IcmpV6);
        }
        else
        {
            InternetChecksum.Store(message[2..], InternetChecksum.Finish(InternetChecksum.Add(0, message)));
        }

        Send(packet, destination);
    }

    /// <summary>Finds the connection of the packet that an error quotes; its addresses are ours reversed.</summary>
    private void OnError(ReadOnlySpan<byte> message, bool isTooBig, bool isRefusal, int mtu)
    {
        var quoted = message[IcmpHeaderSize..];
        if (quoted.Length < 28)
        {
            return;
        }

        var v6 = quoted[0] >> 4 == 6;
        var size = v6 ? 40 : (quoted[0] & 0x0F) * 4;
        if (quoted.Length < size + 8 || size < 20 || quoted[v6 ? 6 : 9] != IpPacket.Tcp)
        {
            return;
        }

        var local = OverlayAddress.Read(v6 ? quoted[8..24] : quoted[12..16]);
        var remote = OverlayAddress.Read(v6 ? quoted[24..40] : quoted[16..20]);
        var tcp = quoted[size..];
        var flow = new FlowKey(
            local, BinaryPrimitives.ReadUInt16BigEndian(tcp), remote, BinaryPrimitives.ReadUInt16BigEndian(tcp[2..]));
        if (!_connections.TryGetValue(flow, out var endpoint))
        {
            return;
        }

        if (isTooBig)
        {
            endpoint.OnPacketTooBig(BinaryPrimitives.ReadUInt32BigEndian(tcp[4..]), mtu - IpPacket.HeaderSize(v6) - TcpHeader.MinimumSize);
        }
        else
        {
            endpoint.OnUnreachable(isRefusal);
        }
    }

    /// <summary>RFC 1122 section 4.1.3.1: a datagram for a port where nobody listens.</summary>
    private void SendPortUnreachable(ReadOnlySpan<byte> cause, OverlayAddress from, OverlayAddress to)
    {
        var second = Now / 1_000_000;
        if (Interlocked.Exchange(ref _unreachableSecond, second) != second)
        {
            Volatile.Write(ref _unreachableSent, 0);
        }

        if (Interlocked.Increment(ref _unreachableSent) > UnreachablePerSecond)
        {
            return;
        }

        // RFC 1812 section 4.3.2.3 and RFC 4443 section 2.4: as much of the cause as fits 576 and 1280 bytes.
        var ipSize = IpPacket.HeaderSize(to.IsV6);
        var quote = cause[..Math.Min(cause.Length, (to.IsV6 ? 1280 : 576) - ipSize - IcmpHeaderSize)];
        var packet = PacketBuffer(ipSize + IcmpHeaderSize + quote.Length);
        packet.Slice(ipSize, IcmpHeaderSize).Clear();
        (packet[ipSize], packet[ipSize + 1]) = to.IsV6 ? ((byte)1, (byte)4) : ((byte)3, (byte)3);
        quote.CopyTo(packet[(ipSize + IcmpHeaderSize)..]);
        SendIcmp(packet, ipSize, to, from);
    }
}
