using System.Buffers.Binary;
using NetBird.WireGuard.Userspace.Noise;
using NetBird.WireGuard.Userspace.Sessions;
using NetBird.WireGuard.Userspace.Sockets;

namespace NetBird.WireGuard.Userspace;

/// <summary>From the network to the device. Nothing here answers what is not authenticated, cookies under load excepted.</summary>
internal sealed partial class Engine
{
    public void Receive(Span<byte> datagrams, int datagramSize, in DatagramSource from, byte ecn)
    {
        // A datagram may be empty.
        if (Cipher.IsWorthSharing(datagrams.Length / Math.Max(1, datagramSize)) && TryReceiveShared(datagrams, datagramSize, in from, ecn))
        {
            return;
        }

        while (!datagrams.IsEmpty)
        {
            var size = Math.Min(datagramSize, datagrams.Length);
            ReceiveOne(datagrams[..size], in from, ecn);
            datagrams = datagrams[size..];
        }
    }

    public void EndOfBatch() => _device.Flush();

    private void ReceiveOne(Span<byte> message, in DatagramSource from, byte ecn)
    {
        // Type and length are checked before any work. The type is one byte and three reserved zeros.
        var type = message.Length >= WireFormat.KeepaliveSize ? BinaryPrimitives.ReadUInt32LittleEndian(message) : 0;
        switch (type)
        {
            case WireFormat.Data:
                ReceiveData(message, in from, ecn);
                break;
            case WireFormat.Initiation when message.Length == WireFormat.InitiationSize:
            case WireFormat.Response when message.Length == WireFormat.ResponseSize:
                ReceiveHandshake(message, in from);
                break;
            case WireFormat.CookieReply when message.Length == WireFormat.CookieReplySize:
                Enqueue(message, in from);

                break;
            default:
                Counters.CountMalformed();
                break;
        }
    }

    /// <summary>A train of one sender is mostly of one session: other cores help to open it, and its messages go on in their order.</summary>
    /// <returns>False when nothing was done.</returns>
    private bool TryReceiveShared(Span<byte> datagrams, int datagramSize, in DatagramSource from, byte ecn)
    {
        // Two sockets are in use for a moment while one replaces the other; one of them opens alone then.
        if (datagrams.Length > CipherJob.MostMessages * datagramSize || datagramSize < WireFormat.KeepaliveSize
            || Indices.FindSession(BinaryPrimitives.ReadUInt32LittleEndian(datagrams[4..])) is not { } session
            || (Interlocked.Exchange(ref _inboundJob, null) ?? FirstInboundJob()) is not { } job)
        {
            return false;
        }

        var entered = session.TryEnter();
        try
        {
            if (!entered)
            {
                return false;
            }

            var outcomes = job.Open(session, datagrams, datagramSize);
            for (var i = 0; i < outcomes.Length; i++)
            {
                var message = datagrams[(i * datagramSize)..Math.Min(datagrams.Length, (i + 1) * datagramSize)];
                switch (outcomes[i])
                {
                    case CipherJob.Outcome.Untouched:
                        ReceiveOne(message, in from, ecn);
                        break;
                    case CipherJob.Outcome.Opened when Clock.NowMs is var now && now - session.CreatedMs < Limits.RejectAfterMs
                        && session.TryTakeCounter(message):
                        Deliver(session, message, in from, ecn, now);
                        break;
                    default:
                        Counters.CountUnauthenticated();
                        break;
                }
            }

            return true;
        }
        finally
        {
            if (entered)
            {
                session.Leave();
            }

            _inboundJob = job;
        }
    }

    // Made when first wanted, since it starts the helpers.
    private CipherJob? FirstInboundJob() => Interlocked.Exchange(ref _inboundJobs, 1) == 0 ? Cipher.Join() : null;

    private void ReceiveData(Span<byte> message, in DatagramSource from, byte ecn)
    {
        var now = Clock.NowMs;
        if (Indices.FindSession(BinaryPrimitives.ReadUInt32LittleEndian(message[4..])) is { } session
            && now - session.CreatedMs < Limits.RejectAfterMs
            && session.TryOpen(message))
        {
            Deliver(session, message, in from, ecn, now);
        }
        else
        {
            Counters.CountUnauthenticated();
        }
    }

    /// <summary>A message that proved authentic and new.</summary>
    private void Deliver(Session session, Span<byte> message, in DatagramSource from, byte ecn, long now)
    {
        var peer = session.Peer;
        var packet = message[WireFormat.DataHeaderSize..^Sodium.TagSize];
        peer.Received(session, in from, message.Length, isData: packet.Length > 0, now);
        if (packet.IsEmpty)
        {
            return;
        }

        var length = IpHeader.LengthOf(packet);
        if (length < 0)
        {
            Counters.CountMalformed();
            return;
        }

        packet = packet[..length];
        var owner = packet[0] >> 4 == 4
            ? _allowedIPs.FindV4(packet[IpHeader.V4Source..])
            : _allowedIPs.FindV6(packet[IpHeader.V6Source..]);
        if (owner != peer)
        {
            Counters.CountForeignSource();
            return;
        }

        if (EcnField.TryCombine(packet, ecn))
        {
            _device.Write(packet);
        }
    }

    /// <summary>What costs little is done here, on the packets' thread, so that a flood of forgeries never reaches the other one.</summary>
    private void ReceiveHandshake(ReadOnlySpan<byte> message, in DatagramSource from)
    {
        if (!_cookies.HasValidMac1(message))
        {
            Counters.CountUnauthenticated();
            return;
        }

        if (!_handshakes.IsUnderLoad)
        {
            Enqueue(message, in from);
            return;
        }

        // Section 5.3: under load only those go on who can show that they receive at the address they send from.
        if (CookieIssuer.HasMac2(message) && _cookies.HasValidMac2(message, in from))
        {
            if (_limiter.Allows(in from))
            {
                Enqueue(message, in from);
            }
            else
            {
                Counters.CountHandshakeRefused();
            }

            return;
        }

        Counters.CountHandshakeRefused();
        if (_cookieBudget.TryTake(in from))
        {
            _ = _handshakes.TryEnqueue(message, in from, cookieOnly: true);
        }
    }

    private void Enqueue(ReadOnlySpan<byte> message, in DatagramSource from)
    {
        if (!_handshakes.TryEnqueue(message, in from, cookieOnly: false))
        {
            Counters.CountHandshakeRefused();
        }
    }

    private void HandleHandshake(ReadOnlySpan<byte> message, in DatagramSource from, bool cookieOnly)
    {
        try
        {
            if (cookieOnly)
            {
                SendCookie(message, in from);
            }
            else
            {
                HandleHandshake(message, from.ToEndpoint());
            }
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // One message must not end the thread that serves every peer.
            Log.HandshakeFailed(_logger, e);
        }
    }

    private void SendCookie(ReadOnlySpan<byte> message, in DatagramSource from)
    {
        Span<byte> reply = stackalloc byte[WireFormat.CookieReplySize];
        _cookies.WriteReply(message, in from, reply);
        Socket.Send(from.ToEndpoint(), reply, reply.Length, ecn: 0);
    }

    private void HandleHandshake(ReadOnlySpan<byte> message, UdpEndpoint from)
    {
        var type = BinaryPrimitives.ReadUInt32LittleEndian(message);
        if (type == WireFormat.CookieReply)
        {
            Indices.FindPeer(BinaryPrimitives.ReadUInt32LittleEndian(message[4..]))?.TakeCookie(message);
            return;
        }

        if (type == WireFormat.Response)
        {
            var index = BinaryPrimitives.ReadUInt32LittleEndian(message[8..]);
            Indices.FindHandshake(index)?.Complete(message, index, from);
            return;
        }

        using var handshake = new ResponderHandshake(Identity);
        if (handshake.TryReadIdentity(message, out var key) && _peers.TryGetValue(key, out var peer))
        {
            peer.Answer(handshake, message, from);
        }
        else
        {
            Counters.CountUnauthenticated();
        }
    }
}
