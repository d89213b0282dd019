namespace NetBird.WireGuard.NetStack;

/// <summary>
/// What arrived and was not read: bytes in order, and ranges beyond a gap, with the SACK blocks that tell of
/// them. Positions are absolute. The connection's lock guards it.
/// </summary>
internal sealed class ReceiveBuffer(BlockPool pool, long start)
{
    // Ours: gaps remembered at once. More than a lossy path makes; bounds what a hostile peer can make us hold.
    private const int MaximumRanges = 256;

    private readonly BlockBuffer _blocks = new(pool, start);
    private readonly List<(long Start, long End)> _ranges = [];

    // Starts of the ranges that changed last, newest first (RFC 2018 section 4).
    private readonly long[] _recent = new long[SackBlocks.Capacity];
    private int _recentCount;

    /// <summary>Position of the next byte the application reads.</summary>
    public long ReadPosition { get; private set; } = start;

    /// <summary>Position of the next byte in order.</summary>
    public long Next { get; private set; } = start;

    /// <summary>Bytes that can be read now.</summary>
    public long Available => Next - ReadPosition;

    /// <summary>True when bytes beyond a gap are held.</summary>
    public bool HasGap => _ranges.Count > 0;

    public int HeldBlocks => _blocks.HeldBlocks;

    /// <summary>Stores bytes; those before <see cref="Next"/> are skipped.</summary>
    /// <returns>False when nothing could be kept: no memory, or too many gaps.</returns>
    public bool Insert(long position, ReadOnlySpan<byte> data)
    {
        if (position < Next)
        {
            var skip = Math.Min(data.Length, Next - position);
            data = data[(int)skip..];
            position += skip;
        }

        if (data.Length == 0)
        {
            return true;
        }

        if (position > Next && _ranges.Count >= MaximumRanges && !Touches(position, position + data.Length))
        {
            return false;
        }

        var written = _blocks.Write(position, data);
        if (written == 0)
        {
            return false;
        }

        if (position == Next)
        {
            Next += written;
            Absorb();
        }
        else
        {
            Merge(position, position + written);
        }

        return true;
    }

    /// <summary>True when all of a range arrived before: a duplicate to report (RFC 2883).</summary>
    public bool Holds(long from, long to)
    {
        if (to <= Next)
        {
            return true;
        }

        foreach (var range in _ranges)
        {
            if (range.Start <= from && to <= range.End)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Copies bytes in order to the application.</summary>
    /// <returns>Bytes copied; zero when none are there.</returns>
    public int Read(Span<byte> destination)
    {
        var count = (int)Math.Min(destination.Length, Available);
        if (count == 0)
        {
            return 0;
        }

        _blocks.Read(ReadPosition, destination[..count]);
        ReadPosition += count;
        _blocks.Discard(ReadPosition, isEmpty: ReadPosition == Next && _ranges.Count == 0);
        return count;
    }

    /// <summary>Throws away everything that was not read.</summary>
    public void Clear()
    {
        _ranges.Clear();
        _recentCount = 0;
        ReadPosition = Next;
        _blocks.Clear(Next);
    }

    /// <summary>Adds SACK blocks to a header, the range that changed last first (RFC 2018 section 4).</summary>
    /// <param name="header">Gets the blocks, after those it has.</param>
    /// <param name="limit">Most blocks that the header may carry.</param>
    public void WriteSacks(ref TcpHeader header, int limit)
    {
        for (var i = 0; i < _recentCount && header.SackCount < limit; i++)
        {
            if (Find(_recent[i]) is not { } range)
            {
                continue;
            }

            var block = new SackBlock((uint)range.Start, (uint)range.End);
            if (!Contains(in header, block))
            {
                header.Sacks[header.SackCount++] = block;
            }
        }
    }

    private static bool Contains(in TcpHeader header, SackBlock block)
    {
        for (var i = 0; i < header.SackCount; i++)
        {
            if (header.Sacks[i] == block)
            {
                return true;
            }
        }

        return false;
    }

    private (long Start, long End)? Find(long position)
    {
        foreach (var range in _ranges)
        {
            if (range.Start <= position && position < range.End)
            {
                return range;
            }
        }

        return null;
    }

    private bool Touches(long from, long to)
    {
        foreach (var range in _ranges)
        {
            if (from <= range.End && to >= range.Start)
            {
                return true;
            }
        }

        return false;
    }

    // The gap before the first range may be filled now.
    private void Absorb()
    {
        while (_ranges.Count > 0 && _ranges[0].Start <= Next)
        {
            Next = Math.Max(Next, _ranges[0].End);
            _ranges.RemoveAt(0);
        }
    }

    private void Merge(long from, long to)
    {
        var at = 0;
        while (at < _ranges.Count && _ranges[at].End < from)
        {
            at++;
        }

        while (at < _ranges.Count && _ranges[at].Start <= to)
        {
            from = Math.Min(from, _ranges[at].Start);
            to = Math.Max(to, _ranges[at].End);
            _ranges.RemoveAt(at);
        }

        _ranges.Insert(at, (from, to));
        Remember(from);
    }

    private void Remember(long rangeStart)
    {
        var keep = Array.IndexOf(_recent, rangeStart, 0, _recentCount);
        var shift = keep >= 0 ? keep : Math.Min(_recentCount, SackBlocks.Capacity - 1);
        Array.Copy(_recent, 0, _recent, 1, shift);
        _recent[0] = rangeStart;
        if (keep < 0)
        {
            _recentCount = Math.Min(_recentCount + 1, SackBlocks.Capacity);
        }
    }
}
