using System.Buffers.Binary;
using NetBird.ControlPlane.Usage.Rows;
using NetBird.Gateway.Metering;

namespace NetBird.ControlPlane.Usage.LiteDb;

/// <summary>Refused requests of one block that are alike but for their time: of one person and session, with the same facet, told the same.</summary>
/// <param name="User">The person, or empty.</param>
/// <param name="Session">Stands for the person's session, as <see cref="SessionOf"/> says; 0: none.</param>
/// <param name="Facet">What else a filter can tell them by.</param>
/// <param name="Text">The sentence.</param>
/// <param name="First">The first of them, UTC ticks.</param>
/// <param name="Last">The last.</param>
/// <param name="Count">How many.</param>
internal sealed record RefusedRun(string User, UInt128 Session, SessionFacet Facet, string Text, long First, long Last, int Count)
{
    /// <summary>Of some rows, in the order they first occur; rows that were let through, or told nothing, are in none.</summary>
    public static List<RefusedRun> Of(IEnumerable<UsageRecord> rows)
    {
        var runs = new List<RefusedRun>();
        var places = new Dictionary<(string, UInt128, SessionFacet, string), int>();
        foreach (var row in rows)
        {
            if (row is not { DenyReason: not null, DenyText: { } text })
            {
                continue;
            }

            var ticks = row.Timestamp.UtcTicks;
            var (user, session, facet) = (row.User?.Value ?? "", SessionOf(row), SessionFacet.Of(row));
            if (places.TryGetValue((user, session, facet, text), out var place))
            {
                var run = runs[place];
                runs[place] = run with { First = Math.Min(run.First, ticks), Last = Math.Max(run.Last, ticks), Count = run.Count + 1 };
            }
            else
            {
                places.Add((user, session, facet, text), runs.Count);
                runs.Add(new(user, session, facet, text, ticks, ticks, 1));
            }
        }

        return runs;
    }

    /// <summary>Half of the key by which the store knows the session: no two are taken for one. 0: the row has none.</summary>
    public static UInt128 SessionOf(UsageRecord row) => row.SessionId is { Length: > 0 } session
        ? BinaryPrimitives.ReadUInt128LittleEndian(LiteDbUsageLedger.SessionKey(session, row.User?.Value ?? ""))
        : UInt128.Zero;

    /// <summary>The runs of a block for the store: the words they share, then each.</summary>
    public static byte[] Pack(IReadOnlyCollection<RefusedRun> runs)
    {
        var numbers = new Dictionary<string, int>(StringComparer.Ordinal);
        var (words, rest) = (new ByteSink(), new ByteSink());
        Span<byte> session = stackalloc byte[16];
        foreach (var run in runs)
        {
            // Here each model is told apart, so none is null.
            foreach (var word in (string[])[run.User, run.Facet.Groups, run.Facet.Provider, run.Facet.Policy, run.Facet.Model!, run.Text])
            {
                if (numbers.TryAdd(word, numbers.Count))
                {
                    words.Text(word);
                }

                rest.Varint(numbers[word]);
            }

            BinaryPrimitives.WriteUInt128LittleEndian(session, run.Session);
            rest.Bytes(session);
            rest.Int64(run.First);
            rest.Varint(run.Last - run.First);
            rest.Varint(run.Count);
        }

        var sink = new ByteSink();
        sink.Varint(numbers.Count);
        sink.Bytes(words.Written);
        sink.Varint(runs.Count);
        sink.Bytes(rest.Written);
        return sink.Written.ToArray();
    }

    /// <summary>What <see cref="Pack"/> packed.</summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public static List<RefusedRun> Unpack(byte[] packed)
    {
        var cursor = new ByteCursor(packed, 0, packed.Length);
        var words = new string[cursor.Count()];
        for (var i = 0; i < words.Length; i++)
        {
            words[i] = cursor.Text();
        }

        var runs = new List<RefusedRun>(cursor.Count());
        for (var left = runs.Capacity; left > 0; left--)
        {
            var user = Word();
            var facet = new SessionFacet(Word(), Word(), Word(), Word(), Denied: true);
            var text = Word();
            var (low, high) = ((ulong)cursor.Int64(), (ulong)cursor.Int64());
            var first = cursor.Int64();
            runs.Add(new(user, new(high, low), facet, text, first, first + cursor.Varint(), (int)cursor.Varint()));
        }

        return runs;

        string Word() => cursor.Varint() is >= 0 and var number && number < words.Length ? words[number] : throw ByteCursor.Damaged();
    }
}
