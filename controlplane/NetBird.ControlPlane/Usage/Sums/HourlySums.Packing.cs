using NetBird.ControlPlane.Usage.Rows;

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
                PackedTotals.Write(sink, totals);
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
                totals[i] = PackedTotals.Read(ref cursor, version);
            }

            _hours[hour] = SumTable.Of(keys, totals);
            _days[hour / HoursPerDay] = null;
        }

        return version;
    }

    private int Word(ref ByteCursor cursor) => _words.Number(cursor.TextBytes());
}
