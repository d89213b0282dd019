using NetBird.WireGuard.NetStack;

namespace NetBird.WireGuard.Tests.NetStack;

/// <summary>
/// One connection driven by hand, as packetdrill does: segments go in, segments that must come out are
/// compared, time moves when told. Sequence numbers are relative to the initial ones: ours counts from 0 (the
/// SYN), the peer's likewise.
/// </summary>
internal sealed class TcpScript
{
    public const uint OurInitial = 0xFFFF_FF00; // Wraps soon, so that every script crosses the wrap.
    public const uint PeerInitial = 0x7FFF_FFF0;

    private readonly Queue<(TcpHeader Header, byte[] Payload)> _sent = new();
    private readonly TcpSettings _settings;
    private uint _stamp = 1_000;

    public TcpScript(TcpSettings? settings = null) => _settings = settings ?? new TcpSettings { MaximumSegment = 1_000 };

    public TcpConnection Connection { get; private set; } = null!;

    public BlockPool Pool { get; } = new(16 * 1024 * 1024);

    public long Now { get; private set; } = 10_000_000;

    /// <summary>Whether segments of the peer carry timestamps.</summary>
    public bool HasTimestamps { get; private set; }

    public TcpState State => Connection.State;

    /// <summary>The active open, up to and with its SYN.</summary>
    public TcpScript Connect()
    {
        Connection = TcpConnection.Connect(_settings, Pool, Take, OurInitial, 0, Now);
        Connection.Start(Now);
        return this;
    }

    /// <summary>The passive open: a SYN comes to a listener.</summary>
    public TcpScript Listen(ushort mss = 1_000, sbyte scale = 7, bool sack = true, bool timestamps = false, ushort window = 65535)
    {
        HasTimestamps = timestamps;
        var syn = Header(0, null, TcpFlags.Syn, window);
        (syn.MaximumSegment, syn.WindowScale, syn.SackPermitted) = (mss, scale, sack);
        Connection = TcpConnection.Accept(_settings, Pool, Take, OurInitial, 0, in syn, Now);
        Connection.Start(Now);
        return this;
    }

    /// <summary>A connection in ESTABLISHED that we opened; the peer's window is given in bytes.</summary>
    public static TcpScript Established(
        int window = 64_000, bool sack = true, bool timestamps = false, bool scale = true, TcpSettings? settings = null,
        ushort mss = 1_000)
    {
        var script = new TcpScript(settings ?? new TcpSettings { MaximumSegment = mss }).Connect();
        script.Expect(TcpFlags.Syn, sequence: 0);
        script.HasTimestamps = timestamps;
        var answer = script.Header(0, 1, TcpFlags.Syn | TcpFlags.Ack, (ushort)Math.Min(window, 65535));
        (answer.MaximumSegment, answer.WindowScale, answer.SackPermitted) = (mss, scale ? (sbyte)0 : (sbyte)-1, sack);
        script.Inject(answer);
        script.Expect(TcpFlags.Ack, sequence: 1, acknowledgment: 1);
        Assert.Equal(TcpState.Established, script.State);
        return script;
    }

    public TcpHeader Header(uint sequence, uint? acknowledgment, TcpFlags flags, int window = 64_000)
        => new()
        {
            Sequence = PeerInitial + sequence,
            Acknowledgment = acknowledgment is { } a ? OurInitial + a : 0,
            Flags = flags | (acknowledgment is null ? TcpFlags.None : TcpFlags.Ack),
            Window = (ushort)window,
            WindowScale = -1,
            HasTimestamp = HasTimestamps,
            TimestampValue = HasTimestamps ? _stamp : 0,
            TimestampEcho = HasTimestamps ? (uint)(Now / 1_000) : 0,
        };

    /// <summary>A segment of the peer, and the end of its batch.</summary>
    public TcpScript Peer(
        uint sequence, uint? acknowledgment, TcpFlags flags = TcpFlags.None, int length = 0, int window = 64_000, params (uint Start, uint End)[] sacks)
    {
        var header = Header(sequence, acknowledgment, flags, window);
        foreach (var (start, end) in sacks)
        {
            header.Sacks[header.SackCount++] = new SackBlock(OurInitial + start, OurInitial + end);
        }

        return Inject(header, new byte[length]);
    }

    public TcpScript Inject(TcpHeader header, byte[]? payload = null)
    {
        Connection.OnSegment(in header, payload ?? [], Now);
        Connection.Output(Now);
        return this;
    }

    /// <summary>The peer's clock for its timestamps, milliseconds.</summary>
    public TcpScript PeerStamp(uint milliseconds)
    {
        _stamp = milliseconds;
        return this;
    }

    /// <summary>The application writes; everything must fit the buffer.</summary>
    public TcpScript Write(int bytes)
    {
        Assert.Equal(bytes, Connection.Write(new byte[bytes]));
        Connection.Output(Now);
        return this;
    }

    public TcpScript Read(int bytes)
    {
        Assert.Equal(bytes, Connection.Read(new byte[bytes], Now));
        Connection.Output(Now);
        return this;
    }

    public TcpScript CloseWrites()
    {
        Connection.CloseWrites();
        Connection.Output(Now);
        return this;
    }

    public TcpScript Close()
    {
        Connection.Close(Now);
        Connection.Output(Now);
        return this;
    }

    /// <summary>Lets time pass, with every timer that is due on the way.</summary>
    public TcpScript Wait(long milliseconds)
    {
        var end = Now + (milliseconds * 1_000);
        while (Connection.NextDeadline <= end)
        {
            Now = Math.Max(Now, Connection.NextDeadline);
            Connection.OnTimer(Now);
            Connection.Output(Now);
        }

        Now = end;
        return this;
    }

    /// <summary>The next segment that left; flags are compared but for PSH.</summary>
    public TcpHeader Expect(TcpFlags flags, uint? sequence = null, uint? acknowledgment = null, int length = 0)
    {
        Assert.True(_sent.TryDequeue(out var segment), $"nothing was sent; {Connection}");
        Assert.Equal(flags, segment.Header.Flags & ~TcpFlags.Psh);
        Assert.Equal(sequence ?? (segment.Header.Sequence - OurInitial), segment.Header.Sequence - OurInitial);
        Assert.Equal(acknowledgment ?? (segment.Header.Acknowledgment - PeerInitial), segment.Header.Acknowledgment - PeerInitial);
        Assert.Equal(length, segment.Payload.Length);
        return segment.Header;
    }

    /// <summary>The next segment that left, if any, without expectations.</summary>
    public bool TrySent(out TcpHeader header)
    {
        var any = _sent.TryDequeue(out var segment);
        header = segment.Header;
        return any;
    }

    /// <summary>Payload lengths of everything that was sent and not looked at yet.</summary>
    public IReadOnlyList<int> TakeDataLengths()
    {
        var lengths = _sent.Where(segment => segment.Payload.Length > 0).Select(segment => segment.Payload.Length).ToList();
        _sent.Clear();
        return lengths;
    }

    /// <summary>The same with where each begins, relative.</summary>
    public IReadOnlyList<(uint Start, int Length)> TakeData()
    {
        var segments = _sent.Where(segment => segment.Payload.Length > 0)
            .Select(segment => (segment.Header.Sequence - OurInitial, segment.Payload.Length)).ToList();
        _sent.Clear();
        return segments;
    }

    public TcpScript ExpectData(uint sequence, int length, bool fin = false)
    {
        Expect(TcpFlags.Ack | (fin ? TcpFlags.Fin : TcpFlags.None), sequence, length: length);
        return this;
    }

    public TcpScript ExpectAck(uint acknowledgment)
    {
        Expect(TcpFlags.Ack, acknowledgment: acknowledgment);
        return this;
    }

    public TcpScript ExpectNothing()
    {
        if (_sent.TryPeek(out var segment))
        {
            Assert.Fail($"sent {segment.Header.Flags} {segment.Header.Sequence - OurInitial} +{segment.Payload.Length}; {Connection}");
        }

        return this;
    }

    public TcpScript ExpectState(TcpState state)
    {
        Assert.Equal(state, State);
        return this;
    }

    private void Take(in TcpHeader header, BlockBuffer? payload, long position, int length)
    {
        var bytes = new byte[length];
        payload?.Read(position, bytes);
        _sent.Enqueue((header, bytes));
    }
}
