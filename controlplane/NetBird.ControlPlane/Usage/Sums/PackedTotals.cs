using NetBird.ControlPlane.Usage.Rows;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage.Sums;

/// <summary>Figures as varints, in one order wherever they are kept.</summary>
internal static class PackedTotals
{
    public static void Write(ByteSink sink, in UsageTotals totals)
    {
        foreach (var value in (ReadOnlySpan<long>)[
            totals.Rows, totals.Denied, totals.Interrupted, totals.PriceUnknown,
            totals.Tokens.Input, totals.Tokens.Output, totals.Tokens.CacheRead, totals.Tokens.CacheWrite5m,
            totals.Tokens.CacheWrite1h, totals.WebSearches, totals.Cost.Value, totals.Failed, totals.Parts])
        {
            sink.Varint(value);
        }
    }

    /// <param name="cursor">Stands where <see cref="Write"/> began.</param>
    /// <param name="version">As <see cref="HourlySums.Version"/>; what an older one does not count is none.</param>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public static UsageTotals Read(ref ByteCursor cursor, int version = HourlySums.Version)
        => new(
            cursor.Varint(), cursor.Varint(), cursor.Varint(), cursor.Varint(),
            new(cursor.Varint(), cursor.Varint(), cursor.Varint(), cursor.Varint(), cursor.Varint()),
            cursor.Varint(), new NanoUsd(cursor.Varint()), version >= 2 ? cursor.Varint() : 0, version >= 3 ? cursor.Varint() : 0);
}
