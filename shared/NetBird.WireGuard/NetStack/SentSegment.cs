namespace NetBird.WireGuard.NetStack;

/// <summary>One segment that was sent and is not acknowledged. Times are microseconds.</summary>
internal struct SentSegment
{
    public long Start;

    /// <summary>The position after the last; a FIN counts as one.</summary>
    public long End;

    /// <summary>When it was sent last.</summary>
    public long SentAt;

    public SegmentMarks Marks;

    public readonly int Length => (int)(End - Start);

    public readonly bool Has(SegmentMarks mark) => (Marks & mark) != 0;

    /// <summary>Whether a copy is believed to be in the network: RFC 6675 section 4, the pipe.</summary>
    public readonly bool IsInFlight => (Marks & (SegmentMarks.Sacked | SegmentMarks.Lost)) == 0
        || (Marks & (SegmentMarks.Sacked | SegmentMarks.Resent)) == SegmentMarks.Resent;

    /// <summary>Whether it waits to be sent again.</summary>
    public readonly bool NeedsResend
        => (Marks & (SegmentMarks.Sacked | SegmentMarks.Lost | SegmentMarks.Resent)) == SegmentMarks.Lost;
}

/// <summary>What is known of a sent segment.</summary>
[Flags]
internal enum SegmentMarks : byte
{
    None = 0,
    Fin = 1,
    Sacked = 2,
    Lost = 4,

    /// <summary>Sent again since it was marked lost.</summary>
    Resent = 8,

    /// <summary>Sent more than once ever: its round trip is ambiguous (Karn).</summary>
    Ambiguous = 16,
}
