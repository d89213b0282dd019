using NetBird.Gateway.Metering;

namespace NetBird.ControlPlane.Usage.LiteDb;

/// <summary>
/// The rows of a few hours as small figures: ranges begin and end within an hour, and a page that shows one asks for the same
/// hour again and again, split by this and that.
/// </summary>
/// <remarks>Thread-safe; some 170 bytes a request of at most <see cref="Most"/> hours.</remarks>
internal sealed class EdgeHours(Func<long, IEnumerable<UsageRecord>> rowsOf)
{
    /// <summary>Ours: a range, the one before it, a week's and a month's have an hour at either end.</summary>
    private const int Most = 8;

    private readonly Lock _gate = new();
    private readonly LinkedList<(long Hour, EdgeRow[] Rows)> _known = [];
    private long _changes;

    /// <summary>Rows of an hour.</summary>
    public EdgeRow[] Of(long hour)
    {
        long changes;
        lock (_gate)
        {
            for (var node = _known.First; node is not null; node = node.Next)
            {
                if (node.Value.Hour == hour)
                {
                    _known.Remove(node);
                    _known.AddFirst(node);
                    return node.Value.Rows;
                }
            }

            changes = _changes;
        }

        EdgeRow[] rows = [.. rowsOf(hour).Select(EdgeRow.Of)];
        lock (_gate)
        {
            // What was written meanwhile may be in it or not: the next one reads again.
            if (changes == _changes)
            {
                _known.AddFirst((hour, rows));
                if (_known.Count > Most)
                {
                    _known.RemoveLast();
                }
            }
        }

        return rows;
    }

    /// <summary>Forgets hours that have changed; null: all of them.</summary>
    public void Forget(IReadOnlyCollection<long>? hours)
    {
        lock (_gate)
        {
            _changes++;
            for (var node = _known.First; node is not null;)
            {
                var next = node.Next;
                if (hours is null || hours.Contains(node.Value.Hour))
                {
                    _known.Remove(node);
                }

                node = next;
            }
        }
    }
}

/// <summary>What overviews count of a row.</summary>
internal sealed record EdgeRow(long Ticks, string User, string Group, string Model, string Provider, UsageTotals Totals)
{
    public static EdgeRow Of(UsageRecord record) => new(
        record.Timestamp.UtcTicks,
        record.User?.Value ?? "",
        record.ChargedGroup?.Value ?? "",
        record.Model,
        record.Provider?.Value ?? "",
        UsageTotals.Of(record));

    public string Key(OverviewKey by) => by switch
    {
        OverviewKey.User => User,
        OverviewKey.Group => Group,
        OverviewKey.Model => Model,
        _ => Provider,
    };
}
