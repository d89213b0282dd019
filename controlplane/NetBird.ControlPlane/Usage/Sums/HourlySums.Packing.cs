using NetBird.ControlPlane.Usage.Rows;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage.Sums;

/// <summary>Hours as the store keeps them.</summary>
internal sealed partial class HourlySums
{
    /// <summary>Of today: 1 had no number of failed requests, 2 none of parts.</summary>
    public const byte Version = 3;

    /// <summary>One hour packed for the store.</summary>
    public byte[] Pack(SumTable sums)
    {
        var sink = new ByteSink();
        sink.Byte(Version);
        sink.Varint(sums.Count);
        lock (_gate)
        {
            for (var i = 0; i < sums.Count; i++)
            {
                var (key, totals) = (sums.Keys[i], sums.Totals[i]);
                foreach (var word in (ReadOnlySpan<int>)[key.User, key.Charged, key.Groups, key.Policy, key.Provider, key.Model])
                {
                    sink.Text(_words[word]);
                }

                sink.Byte(key.Denied ? (byte)1 : (byte)0);
                foreach (var value in (ReadOnlySpan<long>)[
                    totals.Rows, totals.Denied, totals.Interrupted, totals.PriceUnknown,
                    totals.Tokens.Input, totals.Tokens.Output, totals.Tokens.CacheRead, totals.Tokens.CacheWrite5m,
                    totals.Tokens.CacheWrite1h, totals.WebSearches, totals.Cost.Value, totals.Failed, totals.Parts])
                {
                    sink.Varint(value);
                }
            }
        }

        return sink.Written.ToArray();
    }

    /// <summary>Takes an hour that <see cref="Pack"/> packed.</summary>
    /// <returns>The <see cref="Version"/> it was packed with; what an older one does not count is none here.</returns>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public int Unpack(long hour, byte[] packed)
    {
        var cursor = new ByteCursor(packed, 0, packed.Length);
        var version = cursor.Byte();
        if (version is < 1 or > Version)
        {
            throw ByteCursor.Damaged();
        }

        var keys = new SumKey[cursor.Count()];
        var totals = new UsageTotals[keys.Length];
        lock (_gate)
        {
            for (var i = 0; i < keys.Length; i++)
            {
                keys[i] = new(Word(ref cursor), Word(ref cursor), Word(ref cursor), Word(ref cursor), Word(ref cursor), Word(ref cursor), cursor.Byte() != 0);
                totals[i] = new(
                    cursor.Varint(),
                    cursor.Varint(),
                    cursor.Varint(),
                    cursor.Varint(),
                    new(cursor.Varint(), cursor.Varint(), cursor.Varint(), cursor.Varint(), cursor.Varint()),
                    cursor.Varint(),
                    new NanoUsd(cursor.Varint()),
                    version >= 2 ? cursor.Varint() : 0,
                    version >= 3 ? cursor.Varint() : 0);
            }

            _hours[hour] = SumTable.Of(keys, totals);
            _days[hour / HoursPerDay] = null;
        }

        return version;
    }

    private int Word(ref ByteCursor cursor) => _words.Number(cursor.TextBytes());
}
