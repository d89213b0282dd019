using NetBird.ControlPlane.Usage.Rows;

namespace NetBird.ControlPlane.Usage.Sums;

/// <summary>The sums of one span by one dimension as bytes, in the order of their keys: a year of days is read and told in a few milliseconds.</summary>
internal static class PackedSpan
{
    private const byte Version = 1;

    /// <param name="sums">In ordinal order of their keys.</param>
    public static byte[] Pack(IReadOnlyCollection<(string Key, UsageTotals Totals)> sums)
    {
        var sink = new ByteSink();
        sink.Byte(Version);
        sink.Varint(sums.Count);
        foreach (var (key, totals) in sums)
        {
            sink.Text(key);
            PackedTotals.Write(sink, totals);
        }

        return sink.Written.ToArray();
    }

    /// <summary>Whether this version packs so.</summary>
    public static bool IsKnown(ReadOnlySpan<byte> packed) => packed is [Version, ..];

    /// <summary>Hands over each key's sums, in the order of the keys.</summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public static void Unpack(byte[] packed, WordPool words, Action<int, UsageTotals> take)
    {
        var cursor = new ByteCursor(packed, 1, packed.Length);
        for (var left = cursor.Count(); left > 0; left--)
        {
            take(words.Number(cursor.TextBytes()), PackedTotals.Read(ref cursor));
        }
    }
}
