using System.Buffers.Binary;

namespace NetBird.WireGuard.Userspace.Sessions;

/// <summary>
/// One train that a thread shares with the helpers of its <see cref="CipherTeam"/>: equal messages back to back in pinned memory, of
/// which the last may be shorter. Used by one thread, again and again; nothing is allocated for a train.
/// </summary>
internal sealed unsafe class CipherJob(CipherTeam team)
{
    /// <summary>The most messages of one train (UDP_MAX_SEGMENTS is 64, or 128 in later kernels).</summary>
    public const int MostMessages = 128;

    // Ours: some microseconds of work a turn, so that the last turn is not long waited for.
    private const int PerTurn = 4;

    // Low half of a ticket between trains: nothing can be taken.
    private const int Closed = int.MaxValue;

    private readonly Outcome[] _outcomes = new Outcome[MostMessages];

    // High half: which train; low half: the next message that nobody took. What follows changes only while it is closed, so that
    // whoever moves it on by comparing read the values of this train.
    private long _ticket = Closed;
    private int _count;
    private int _size;
    private int _length;
    private byte* _messages;
    private Session? _session;
    private uint _index;
    private bool _opens;

    private int _done;

    /// <summary>What became of a message that was to be opened.</summary>
    public enum Outcome : byte
    {
        /// <summary>It is of another session, or no data.</summary>
        Untouched,
        Opened,
        Forged,
    }

    public bool IsOpen => (int)Volatile.Read(ref _ticket) != Closed;

    /// <summary>Seals every message; the caller is inside the session.</summary>
    /// <param name="session">Has given each its counter.</param>
    /// <param name="messages">In pinned memory.</param>
    /// <param name="size">Bytes of each but the last.</param>
    public void Seal(Session session, Span<byte> messages, int size) => Share(session, messages, size, index: 0, opens: false);

    /// <summary>Opens every data message of one session; the caller is inside it.</summary>
    /// <param name="session">Whose keys are tried.</param>
    /// <param name="messages">In pinned memory.</param>
    /// <param name="size">Bytes of each but the last.</param>
    /// <returns>One outcome for each message, valid until the next train. Replays are not looked for.</returns>
    public ReadOnlySpan<Outcome> Open(Session session, Span<byte> messages, int size)
    {
        Share(session, messages, size, session.LocalIndex, opens: true);
        return _outcomes.AsSpan(0, _count);
    }

    /// <summary>Takes a few messages, if any are left; called by helpers and by the owner.</summary>
    /// <returns>How many were done.</returns>
    public int Work()
    {
        long ticket;
        int first, count, size, length;
        byte* messages;
        Session? session;
        uint index;
        bool opens;
        do
        {
            ticket = Volatile.Read(ref _ticket);
            (first, count, size, length) = ((int)ticket, _count, _size, _length);
            messages = _messages;
            (session, index, opens) = (_session, _index, _opens);
            if (first >= count)
            {
                return 0;
            }
        }
        while (Interlocked.CompareExchange(ref _ticket, ticket + PerTurn, ticket) != ticket);

        var end = Math.Min(count, first + PerTurn);
        for (var i = first; i < end; i++)
        {
            var message = new Span<byte>(messages + ((long)i * size), Math.Min(size, length - (i * size)));
            if (!opens)
            {
                session!.SealReserved(message);
            }
            else if (message.Length < WireFormat.KeepaliveSize
                || BinaryPrimitives.ReadUInt32LittleEndian(message) != WireFormat.Data
                || BinaryPrimitives.ReadUInt32LittleEndian(message[4..]) != index)
            {
                _outcomes[i] = Outcome.Untouched;
            }
            else
            {
                _outcomes[i] = session!.TryDecrypt(message) ? Outcome.Opened : Outcome.Forged;
            }
        }

        Interlocked.Add(ref _done, end - first);
        return end - first;
    }

    private void Share(Session session, Span<byte> messages, int size, uint index, bool opens)
    {
        var count = (messages.Length + size - 1) / size;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, MostMessages);
        fixed (byte* start = messages)
        {
            _messages = start;
            (_session, _size, _length, _index, _opens) = (session, size, messages.Length, index, opens);
            _done = 0;
            _count = count;

            // A full barrier: open before it is looked who sleeps.
            var train = (Volatile.Read(ref _ticket) >> 32) + 1;
            _ = Interlocked.Exchange(ref _ticket, train << 32);
            team.Wake();
            while (Work() > 0)
            {
            }

            var spin = new SpinWait();
            while (Volatile.Read(ref _done) < count)
            {
                spin.SpinOnce(sleep1Threshold: -1);
            }

            Volatile.Write(ref _ticket, (train << 32) | Closed);
            _session = null;
        }
    }
}
