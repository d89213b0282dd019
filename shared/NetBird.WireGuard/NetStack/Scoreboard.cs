using System.Diagnostics;

namespace NetBird.WireGuard.NetStack;

/// <summary>
/// The sent and unacknowledged segments in sequence order, and the bytes of them in flight. A ring that grows
/// with the window. The connection's lock guards it.
/// </summary>
internal sealed class Scoreboard
{
    private SentSegment[] _ring = [];
    private int _head;

    public int Count { get; private set; }

    /// <summary>Bytes believed to be in the network.</summary>
    public long InFlight { get; private set; }

    /// <summary>Segments that wait to be sent again.</summary>
    public int ResendCount { get; private set; }

    /// <summary>Segments that the peer reported beyond a gap.</summary>
    public int SackedCount { get; private set; }

    public ref SentSegment this[int index] => ref _ring[(_head + index) & (_ring.Length - 1)];

    public void Append(SentSegment segment)
    {
        if (Count == _ring.Length)
        {
            Resize(Math.Max(8, _ring.Length * 2));
        }

        _ring[(_head + Count) & (_ring.Length - 1)] = segment;
        Count++;
        Add(in segment);
    }

    public void RemoveFirst()
    {
        Remove(in this[0]);
        _head = (_head + 1) & (_ring.Length - 1);
        Count--;
        if (Count == 0)
        {
            Debug.Assert(InFlight == 0 && ResendCount == 0 && SackedCount == 0, "The sums of an empty board are zero.");

            // What a burst needed is not kept for an idle connection.
            if (_ring.Length > 64)
            {
                _ring = [];
                _head = 0;
            }
        }
    }

    /// <summary>Cuts the first segment at a position inside it.</summary>
    public void TrimFirst(long position)
    {
        ref var first = ref this[0];
        Remove(in first);
        first.Start = position;
        Add(in first);
    }

    /// <summary>Changes marks and keeps the sums right.</summary>
    public void Mark(int index, SegmentMarks set, SegmentMarks clear)
    {
        ref var segment = ref this[index];
        Remove(in segment);
        segment.Marks = (segment.Marks & ~clear) | set;
        Add(in segment);
    }

    /// <summary>Index of the first segment that ends after a position; <see cref="Count"/> when none does.</summary>
    public int IndexAfter(long position)
    {
        var low = 0;
        var high = Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (this[middle].End > position)
            {
                high = middle;
            }
            else
            {
                low = middle + 1;
            }
        }

        return low;
    }

    /// <summary>Cuts every segment to at most so many bytes, after the path's MTU fell.</summary>
    public void Split(int maximum)
    {
        var old = new SentSegment[Count];
        for (var i = 0; i < old.Length; i++)
        {
            old[i] = this[i];
        }

        Clear();
        foreach (var segment in old)
        {
            var rest = segment;
            while (rest.Length > maximum)
            {
                var piece = rest;
                piece.End = rest.Start + maximum;
                piece.Marks &= ~SegmentMarks.Fin;
                rest.Start = piece.End;
                Append(piece);
            }

            Append(rest);
        }
    }

    public void Clear()
    {
        _ring = [];
        _head = 0;
        Count = 0;
        InFlight = 0;
        ResendCount = 0;
        SackedCount = 0;
    }

    private void Add(in SentSegment segment)
    {
        InFlight += segment.IsInFlight ? segment.Length : 0;
        ResendCount += segment.NeedsResend ? 1 : 0;
        SackedCount += segment.Has(SegmentMarks.Sacked) ? 1 : 0;
    }

    private void Remove(in SentSegment segment)
    {
        InFlight -= segment.IsInFlight ? segment.Length : 0;
        ResendCount -= segment.NeedsResend ? 1 : 0;
        SackedCount -= segment.Has(SegmentMarks.Sacked) ? 1 : 0;
    }

    private void Resize(int size)
    {
        var grown = new SentSegment[size];
        for (var i = 0; i < Count; i++)
        {
            grown[i] = this[i];
        }

        _ring = grown;
        _head = 0;
    }
}
