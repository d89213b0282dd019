using NetBird.ControlPlane.Store.Postgres;
using NetBird.ControlPlane.Usage.Sums;
using Npgsql;

namespace NetBird.ControlPlane.Usage.Postgres;

/// <summary>Spans of overviews that were read before and are as they were (usage_spans), by any node.</summary>
/// <param name="Packed">By the number of the span; null where it must be read from the roll-ups.</param>
/// <param name="Versions">Of each span, as its days were when it was asked for; 0 where nothing was ever used.</param>
/// <param name="Unseen">Some of them were last read a week ago or longer.</param>
internal sealed record KeptSpans(byte[]?[] Packed, long[] Versions, bool Unseen)
{
    /// <summary>Ours: a year by day of 200 people takes 2 MB.</summary>
    private const long MostBytes = 1L << 30;

    /// <summary>Ours: time zones of people who left, and days that nobody looks at any more.</summary>
    private const long DaysKept = 35;

    /// <summary>How exactly it is known when one was last read: else every answer would write.</summary>
    private const long DaysSeen = 7;

    /// <summary>Any number that is only ours. Whoever writes to usage_spans holds it: nobody waits for another's row.</summary>
    private const long Writing = 0x6e62757370616e73;

    private static readonly string Find =
        $"""
        select w.number::int, s.packed, s.asked < coalesce($6, usage_clock()) - {DaysSeen} * {TicksPerDay}
        from unnest($2, $3, $4, $5) as w (number, first, last, version)
        join usage_spans s on s.dimension = $1 and s.first = w.first and s.last = w.last and s.version = w.version
        """;

    // Of two that read at different moments the later one's stays.
    private const string Put =
        """
        insert into usage_spans as s (dimension, first, last, version, asked, packed)
        select $1, w.first, w.last, w.version, coalesce($6, usage_clock()), w.packed from unnest($2, $3, $4, $5) as w (first, last, version, packed)
        on conflict (dimension, first, last) do update set version = excluded.version, asked = excluded.asked, packed = excluded.packed
        where s.version < excluded.version
        """;

    private const string Shrink =
        """
        delete from usage_spans s using (
            select dimension, first, last, sum(octet_length(packed) + 100) over (order by asked desc, dimension, first, last) as upto from usage_spans) o
        where (s.dimension, s.first, s.last) = (o.dimension, o.first, o.last) and o.upto > $1
        """;

    private const long TicksPerDay = 864_000_000_000;

    /// <summary>Looks for spans, in a transaction in which the reader sees one state of everything.</summary>
    public static async Task<KeptSpans> FindAsync(
        NpgsqlConnection snapshot, OverviewKey by, IReadOnlyList<(int Span, long From, long To)> ranges, int spans, long? now, CancellationToken cancellationToken)
    {
        var found = new KeptSpans(new byte[]?[spans], new long[spans], false);
        if (ranges.Count == 0)
        {
            return found;
        }

        await ReadVersionsAsync(snapshot, ranges, found.Versions, cancellationToken);
        ranges = [.. ranges.Where(range => found.Versions[range.Span] > 0)];
        await using var command = new NpgsqlCommand(Find, snapshot);
        command.Parameters.AddWithValue((short)by);
        command.Parameters.AddWithValue(ranges.Select(range => (long)range.Span).ToArray());
        command.Parameters.AddWithValue(ranges.Select(range => range.From).ToArray());
        command.Parameters.AddWithValue(ranges.Select(range => range.To).ToArray());
        command.Parameters.AddWithValue(ranges.Select(range => found.Versions[range.Span]).ToArray());
        command.Parameters.Add(PostgresUsageLedger.Nullable(now));
        var unseen = false;
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            // A newer version's is no use to this one.
            if (reader.GetFieldValue<byte[]>(1) is var packed && PackedSpan.IsKnown(packed))
            {
                found.Packed[reader.GetInt32(0)] = packed;
                unseen |= reader.GetBoolean(2);
            }
        }

        return found with { Unseen = unseen };
    }

    /// <summary>Every span of which something is kept.</summary>
    public static async Task<List<(long From, long To)>> AllAsync(NpgsqlConnection snapshot, OverviewKey by, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select first, last from usage_spans where dimension = $1 order by first, last", snapshot);
        command.Parameters.AddWithValue((short)by);
        var all = new List<(long From, long To)>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            all.Add((reader.GetInt64(0), reader.GetInt64(1)));
        }

        return all;
    }

    /// <summary>Keeps spans that were read, and notes that others were.</summary>
    /// <returns>False: another node is at it, and the next one that reads does it.</returns>
    public static async Task<bool> KeepAsync(
        NpgsqlConnection connection, OverviewKey by, IReadOnlyCollection<(long From, long To, long Version, byte[] Packed)> read,
        IReadOnlyCollection<(long From, long To)> seen, long? now, CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using var command = new NpgsqlCommand($"select pg_try_advisory_xact_lock({Writing})", connection);
        if (await command.ExecuteScalarAsync(cancellationToken) is not true)
        {
            return false;
        }

        if (read.Count > 0)
        {
            command.CommandText = Put;
            command.Parameters.AddWithValue((short)by);
            command.Parameters.AddWithValue(read.Select(span => span.From).ToArray());
            command.Parameters.AddWithValue(read.Select(span => span.To).ToArray());
            command.Parameters.AddWithValue(read.Select(span => span.Version).ToArray());
            command.Parameters.AddWithValue(read.Select(span => span.Packed).ToArray());
            command.Parameters.Add(PostgresUsageLedger.Nullable(now));
            await command.ExecuteNonQueryAsync(cancellationToken);
            command.Parameters.Clear();
            command.CommandText = Shrink;
            command.Parameters.AddWithValue(MostBytes);
            await command.ExecuteNonQueryAsync(cancellationToken);
        }

        if (seen.Count > 0)
        {
            command.Parameters.Clear();
            command.CommandText =
                "update usage_spans s set asked = coalesce($4, usage_clock()) from unnest($2, $3) as w (first, last) where s.dimension = $1 and s.first = w.first and s.last = w.last";
            command.Parameters.AddWithValue((short)by);
            command.Parameters.AddWithValue(seen.Select(span => span.From).ToArray());
            command.Parameters.AddWithValue(seen.Select(span => span.To).ToArray());
            command.Parameters.Add(PostgresUsageLedger.Nullable(now));
            await command.ExecuteNonQueryAsync(cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
        return true;
    }

    /// <summary>Drops what is no longer asked for.</summary>
    public static async Task ForgetAsync(NpgsqlConnection connection, long? now, CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using var command = new NpgsqlCommand($"select pg_advisory_xact_lock({Writing})", connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
        command.CommandText = $"delete from usage_spans where asked < coalesce($1, usage_clock()) - {DaysKept} * {TicksPerDay}";
        command.Parameters.Add(PostgresUsageLedger.Nullable(now));
        await command.ExecuteNonQueryAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    private static async Task ReadVersionsAsync(
        NpgsqlConnection snapshot, IReadOnlyList<(int Span, long From, long To)> ranges, long[] versions, CancellationToken cancellationToken)
    {
        var first = ranges.Min(range => range.From) / TicksPerDay;
        var end = DayAfter(ranges.Max(range => range.To));
        await using var command = new NpgsqlCommand("select day, version from usage_touched where day >= $1 and day < $2", snapshot);
        command.Parameters.AddWithValue(first);
        command.Parameters.AddWithValue(end);
        var days = new Dictionary<long, long>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            days.Add(reader.GetInt64(0), reader.GetInt64(1));
        }

        foreach (var (span, from, to) in ranges)
        {
            for (var day = from / TicksPerDay; day < DayAfter(to); day++)
            {
                versions[span] += days.GetValueOrDefault(day);
            }
        }
    }

    private static long DayAfter(long ticks) => (ticks + TicksPerDay - 1) / TicksPerDay;
}
