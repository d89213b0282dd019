using System.Buffers.Binary;
using NetBird.WireGuard.Userspace.Peers;
using NetBird.WireGuard.Userspace.Sessions;

namespace NetBird.WireGuard.Userspace;

/// <summary>
/// Puts packets back to back into one buffer while they go to one peer in equal sizes, seals them together, with other cores where
/// there are some, and sends them in one call (UDP_SEGMENT). For one thread at a time.
/// </summary>
internal sealed class OutboundTrain(Engine engine)
{
    // Linux takes 64 segments (UDP_MAX_SEGMENTS) in at most what one UDP datagram can hold.
    private const int MaxDatagrams = 64;
    private const int MaxBytes = 65_507;

    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(
        MaxBytes + ushort.MaxValue + WireFormat.KeepaliveSize + WireFormat.PaddingMultiple, pinned: true);

    private CipherJob? _job;
    private Peer? _peer;
    private Session? _session;
    private int _length;
    private int _count;
    private int _datagramSize;
    private byte _ecn;
    private long _now;

    /// <summary>Where the next packet is to be written; then call <see cref="Commit"/>.</summary>
    public Span<byte> Slot => _buffer.AsSpan(_length + WireFormat.DataHeaderSize, ushort.MaxValue);

    public void Add(ReadOnlySpan<byte> packet)
    {
        packet.CopyTo(Slot);
        Commit(packet.Length);
    }

    /// <summary>Takes the packet in <see cref="Slot"/>: routes it and gives it its counter, or stages it with its peer.</summary>
    public void Commit(int length)
    {
        var packet = Slot[..length];
        if (engine.FindDestination(packet) is not { } peer)
        {
            engine.Counters.CountUnrouted();
            return;
        }

        if (_count == 0)
        {
            _now = engine.Clock.NowMs;
            engine.CheckForJump(_now);
        }

        if (peer.SessionToSend(_now) is not { } session)
        {
            peer.Stage(packet, _now);
            return;
        }

        var padded = WireFormat.PaddedLength(length, engine.Mtu);
        var size = padded + WireFormat.KeepaliveSize;
        var ecn = EcnField.Of(packet);
        if (_count > 0 && (peer != _peer || session != _session || ecn != _ecn || size > _datagramSize
            || _count == MaxDatagrams || _length + size > MaxBytes))
        {
            Flush();
            packet.CopyTo(Slot);
            _now = engine.Clock.NowMs;
        }

        var message = _buffer.AsSpan(_length, size);
        message[(WireFormat.DataHeaderSize + length)..].Clear();
        if (!session.TryReserve(message))
        {
            peer.Stage(Slot[..length], _now);
            return;
        }

        if (_count == 0)
        {
            (_peer, _session, _datagramSize, _ecn) = (peer, session, size, ecn);
        }

        _count++;
        _length += size;
        if (size < _datagramSize)
        {
            Flush();
        }
    }

    /// <summary>Seals and sends. What belongs to a session that was wiped meanwhile is lost, as on any wire.</summary>
    public void Flush()
    {
        if (_count == 0)
        {
            return;
        }

        var (peer, session, length, count) = (_peer!, _session!, _length, _count);
        _peer = null;
        _session = null;
        _length = 0;
        _count = 0;
        if (TrySeal(session, _buffer.AsSpan(0, length), count))
        {
            peer.SendSealed(session, _buffer.AsSpan(0, length), _datagramSize, _ecn, isData: true, _now);
        }
    }

    private bool TrySeal(Session session, Span<byte> messages, int count)
    {
        if (!session.TryEnter())
        {
            return false;
        }

        try
        {
            if (engine.Cipher.IsWorthSharing(count))
            {
                (_job ??= engine.Cipher.Join()).Seal(session, messages, _datagramSize);
                return true;
            }

            while (!messages.IsEmpty)
            {
                var size = Math.Min(_datagramSize, messages.Length);
                session.SealReserved(messages[..size]);
                messages = messages[size..];
            }

            return true;
        }
        finally
        {
            session.Leave();
        }
    }
}
