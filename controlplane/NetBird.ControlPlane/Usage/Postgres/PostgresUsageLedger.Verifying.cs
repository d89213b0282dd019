using System.Collections.Immutable;
using NetBird.ControlPlane.Store.Postgres;
using NetBird.ControlPlane.Usage.Sums;

namespace NetBird.ControlPlane.Usage.Postgres;

/// <summary>Verification: the hours equal their rows, every roll-up equals its hours, and what is kept of spans equals the roll-ups.</summary>
internal sealed partial class PostgresUsageLedger
{
    /// <summary>Ours: the rest is more of the same.</summary>
    private const int MostTold = 1_000;

    /// <summary>Ours: a part of a second each.</summary>
    private const int SpansAtOnce = 100;

    // Hours whose rows are kept; of older ones there are sums alone.
    private const string HoursAgainstRows =
        $"""
        with kept as (select coalesce(max(value), 0) / 36000000000 as hour from usage_meta where name = 'rows_from'),
        r as (select begun / 36000000000 as hour, count(*)::numeric as n, count(*) filter (where deny_reason is not null)::numeric as denied,
                count(*) filter (where {Interrupted})::numeric as interrupted, count(*) filter (where price_unknown)::numeric as unknown,
                sum(input) as i, sum(output) as o, sum(cache_read) as cr, sum(cache_write_5m) as c5, sum(cache_write_1h) as c1,
                sum(web_searches)::numeric as w, sum(cost) as c, count(*) filter (where {Failed})::numeric as f, count(*) filter (where {Part})::numeric as p
            from usage_rows group by 1),
        h as (select hour, sum(requests) as n, coalesce(sum(requests) filter (where denied), 0) as denied,
                sum(interrupted) as interrupted, sum(price_unknown) as unknown,
                sum(input) as i, sum(output) as o, sum(cache_read) as cr, sum(cache_write_5m) as c5, sum(cache_write_1h) as c1,
                sum(web_searches) as w, sum(cost) as c, sum(failed) as f, sum(parts) as p
            from usage_hours group by 1)
        select coalesce(r.hour, h.hour) from r full join h on h.hour = r.hour, kept
        where coalesce(r.hour, h.hour) >= kept.hour and (r.*) is distinct from (h.*) order by 1 limit $1
        """;

    // Both ways: a roll-up without hours, and hours without a roll-up. Of the oldest day an older version's retention may have taken some hours.
    private const string RollupsAgainstHours =
        $"""
        with oldest as (select coalesce(min(hour), 0) as hour from usage_hours),
        expected as (
            select d.dimension, s.span, h.hour / s.span as start, d.key, sum(requests) as n, sum(case when denied then requests else 0 end) as denied,
                sum(interrupted) as interrupted, sum(price_unknown) as unknown, sum(input) as i, sum(output) as o, sum(cache_read) as cr,
                sum(cache_write_5m) as c5, sum(cache_write_1h) as c1, sum(web_searches) as w, sum(cost) as c, sum(failed) as f, sum(parts) as p
            from usage_hours h
            cross join lateral {EachDimension}
            cross join {EachPeriod}
            group by 1, 2, 3, 4),
        kept as (
            select dimension, span, start, key, requests::numeric as n, denied::numeric as denied, interrupted::numeric as interrupted,
                price_unknown::numeric as unknown, input::numeric as i, output::numeric as o, cache_read::numeric as cr, cache_write_5m::numeric as c5,
                cache_write_1h::numeric as c1, web_searches::numeric as w, cost::numeric as c, failed::numeric as f, parts::numeric as p
            from usage_rollups)
        select distinct span, start from (
            select coalesce(e.span, k.span) as span, coalesce(e.start, k.start) as start
            from expected e full join kept k using (dimension, span, start, key)
            where (e.*) is distinct from (k.*)) wrong, oldest
        where span = 1 or start > oldest.hour / span order by 1, 2 limit $1
        """;

    public async ValueTask<ImmutableArray<string>> VerifyAsync(CancellationToken cancellationToken)
        => await PostgresGuard.RunAsync(async () =>
        {
            var found = ImmutableArray.CreateBuilder<string>();
            await AddAsync(HoursAgainstRows, start => $"The sums of the hour from {HourlySums.StartOf(start[0]):u} do not equal its rows.");
            await AddAsync(RollupsAgainstHours, start =>
                $"A roll-up of {(start[0] == PeriodCover.Hour ? "the hour" : start[0] == PeriodCover.Day ? "the day" : $"{start[0] / PeriodCover.Day} days")} from {HourlySums.StartOf(start[0] * start[1]):u} does not equal its hours.");
            await AddSpansAsync(found, cancellationToken);
            return found.ToImmutable();

            async Task AddAsync(string query, Func<long[], string> words)
            {
                await using var command = database.Source.CreateCommand(query);
                command.CommandTimeout = 1200;
                command.Parameters.AddWithValue(MostTold);
                await using var reader = await command.ExecuteReaderAsync(cancellationToken);
                while (await reader.ReadAsync(cancellationToken))
                {
                    found.Add(words([.. Enumerable.Range(0, reader.FieldCount).Select(column => Convert.ToInt64(reader.GetValue(column), null))]));
                }
            }
        });

    private async Task AddSpansAsync(ImmutableArray<string>.Builder found, CancellationToken cancellationToken)
    {
        await using var connection = await database.Source.OpenConnectionAsync(cancellationToken);
        await using var snapshot = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancellationToken);
        var (_, rowsFrom) = await BoundsAsync(connection, cancellationToken);
        foreach (var by in Enum.GetValues<OverviewKey>())
        {
            var all = await KeptSpans.AllAsync(connection, by, cancellationToken);
            foreach (var chunk in all.FindAll(range => OverviewParts.Border(range.From, rowsFrom) == range.From && OverviewParts.Border(range.To, rowsFrom) == range.To).Chunk(SpansAtOnce))
            {
                List<(int Span, long From, long To)> ranges = [.. chunk.Select((range, i) => (i, range.From, range.To))];
                var kept = await KeptSpans.FindAsync(connection, by, ranges, ranges.Count, database.Now, cancellationToken);
                var words = new WordPool();
                var sums = await SumsAsync(connection, by, null, ranges, ranges.Count, words, cancellationToken);
                foreach (var (span, from, to) in ranges.Where(range => kept.Packed[range.Span] is not null))
                {
                    var unlike = sums[span];
                    PackedSpan.Unpack(kept.Packed[span]!, words, (word, totals) => unlike.Add(word, totals, -1)); // those alone are looked at
                    if (unlike.Values.Any(rest => rest != default))
                    {
                        found.Add($"What is kept of the sums by {by} from {new DateTimeOffset(from, TimeSpan.Zero):u} to {new DateTimeOffset(to, TimeSpan.Zero):u} does not equal its roll-ups.");
                    }
                }
            }
        }
    }
}
