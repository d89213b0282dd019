using NetBird.WireGuard.Userspace;

namespace NetBird.WireGuard.NetStack;

/// <summary>TCP packets in and out.</summary>
internal sealed partial class RootlessStack
{
    [ThreadStatic]
    private static byte[]? t_packet;

    // The train that segments of this thread's burst go into; null outside one, or without an engine that has trains.
    [ThreadStatic]
    private static OutboundTrain? t_train;

    /// <summary>
    /// Begins a burst: segments until <see cref="EndBurst"/> leave in few calls. Under the connection's lock to
    /// the end, or another thread's segments could overtake them.
    /// </summary>
    public void BeginBurst()
    {
        if (_openTrain is { } open)
        {
            t_train = _trains.TryTake(out var train) ? train : open();
        }
    }

    public void EndBurst()
    {
        if (t_train is { } train)
        {
            t_train = null;
            train.Flush();
            _trains.Add(train);
        }
    }

    /// <summary>Puts a segment into a packet and hands it to the engine.</summary>
    public void SendSegment(in FlowKey flow, in TcpHeader header, BlockBuffer? payload, long position, int length)
    {
        var size = IpPacket.HeaderSize(flow.Local.IsV6) + header.Size + length;
        if (t_train is { } train && !_addresses.Contains(flow.Remote))
        {
            BuildSegment(train.Slot[..size], in flow, in header, payload, position, length);
            train.Commit(size);
            return;
        }

        var packet = PacketBuffer(size);
        BuildSegment(packet, in flow, in header, payload, position, length);
        Send(packet, flow.Remote);
    }

    private static void BuildSegment(
        Span<byte> packet, in FlowKey flow, in TcpHeader header, BlockBuffer? payload, long position, int length)
    {
        var ipSize = IpPacket.HeaderSize(flow.Local.IsV6);
        var tcpSize = header.Size;
        IpPacket.WriteHeader(packet, IpPacket.Tcp, flow.Local, flow.Remote, tcpSize + length);
        var segment = packet[ipSize..];
        var withPorts = header;
        withPorts.SourcePort = flow.LocalPort;
        withPorts.DestinationPort = flow.RemotePort;
        withPorts.Write(segment);
        payload?.Read(position, segment[tcpSize..]);
        SealTransport(packet, ipSize, segment, segment[16..], IpPacket.Tcp);
    }

    private void OnTcp(in IpPacket ip, OverlayAddress from, OverlayAddress to)
    {
        if (!TcpHeader.TryParse(ip.Payload, out var header, out var size)
            || !HasRightChecksum(in ip, IpPacket.Tcp))
        {
            return;
        }

        var flow = new FlowKey(to, header.DestinationPort, from, header.SourcePort);
        var payload = ip.Payload[size..];
        if (_connections.TryGetValue(flow, out var endpoint) && endpoint.Deliver(in header, payload))
        {
            return;
        }

        var isOpening = (header.Flags & (TcpFlags.Syn | TcpFlags.Ack | TcpFlags.Rst | TcpFlags.Fin)) == TcpFlags.Syn;
        if (isOpening && _listeners.TryGetValue((to, header.DestinationPort), out var listener))
        {
            // A full backlog is silent: the SYN comes again.
            if (HasRoom() && listener.TryBegin() && TryAdd(flow, listener, in header) is null)
            {
                listener.GiveBack();
            }

            return;
        }

        Refuse(in flow, in header, payload.Length);
    }

    /// <summary>A segment for no connection: RFC 9293 section 3.10.7.1.</summary>
    private void Refuse(in FlowKey flow, in TcpHeader header, int payloadBytes)
    {
        if (header.Has(TcpFlags.Rst))
        {
            return;
        }

        var length = payloadBytes + (header.Has(TcpFlags.Syn) ? 1 : 0) + (header.Has(TcpFlags.Fin) ? 1 : 0);
        var reset = header.Has(TcpFlags.Ack)
            ? new TcpHeader { Sequence = header.Acknowledgment, Flags = TcpFlags.Rst, WindowScale = -1 }
            : new TcpHeader
            {
                Acknowledgment = header.Sequence + (uint)length,
                Flags = TcpFlags.Rst | TcpFlags.Ack,
                WindowScale = -1,
            };
        SendSegment(in flow, in reset, null, 0, 0);
    }

    private static Span<byte> PacketBuffer(int size)
    {
        if (t_packet is null || t_packet.Length < size)
        {
            t_packet = new byte[Math.Max(size, 2048)];
        }

        return t_packet.AsSpan(0, size);
    }

    private static void SealTransport(
        ReadOnlySpan<byte> packet, int ipSize, ReadOnlySpan<byte> payload, Span<byte> checksum, byte protocol)
    {
        var sum = ipSize == 40
            ? InternetChecksum.PseudoHeader(packet[8..24], packet[24..40], protocol, payload.Length)
            : InternetChecksum.PseudoHeader(packet[12..16], packet[16..20], protocol, payload.Length);
        InternetChecksum.Store(checksum, InternetChecksum.Finish(InternetChecksum.Add(sum, payload)));
    }

    private static bool HasRightChecksum(in IpPacket ip, byte protocol)
    {
        var sum = InternetChecksum.PseudoHeader(ip.Source, ip.Destination, protocol, ip.Payload.Length);
        return InternetChecksum.Finish(InternetChecksum.Add(sum, ip.Payload)) == 0;
    }

    private void Send(ReadOnlySpan<byte> packet, OverlayAddress to)
    {
        if (_addresses.Contains(to))
        {
            _self.Send(packet);
        }
        else if (t_train is { } train)
        {
            train.Add(packet);
        }
        else if (_openTrain is not null)
        {
            BeginBurst();
            t_train?.Add(packet);
            EndBurst();
        }
        else
        {
            _outbound?.Invoke(packet);
        }
    }
}
