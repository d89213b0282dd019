using System.Runtime.InteropServices;
using NetBird.ControlPlane.Usage.Sums;
using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Policy.Limits;

namespace NetBird.ControlPlane.Usage;

/// <summary>
/// What counters are rebuilt from when a process meets them first: every charge of the last eight days by its own
/// time, and before that the hourly sums, each taken at an hour after its hour's end (a request is summed by its beginning
/// and counts from its end). So a window of up to eight days comes back exactly, a longer one late by at most 2 h, 1% of it.
/// </summary>
/// <remarks>Thread-safe; in memory, 64 bytes a charge.</remarks>
internal sealed class ChargeHistory(Func<PolicySnapshot?> policies, HourlySums sums)
{
    private static readonly TimeSpan Exact = TimeSpan.FromHours(200);

    private readonly Lock _gate = new();
    private readonly WordPool _words = new();
    private readonly Dictionary<int, string[]> _groupsOf = [];

    // The last charge of each person, of each group charged, and of each set of groups; each charge knows the one before it.
    private readonly Dictionary<int, int> _lastOfUser = [];
    private readonly Dictionary<int, int> _lastOfCharged = [];
    private readonly Dictionary<int, int> _lastOfGroups = [];
    private readonly List<Charge> _charges = [];
    private int _head;
    private DateTimeOffset _exactFrom;

    /// <summary>From when on charges are wanted one by one.</summary>
    public static DateTimeOffset ExactFrom(DateTimeOffset now) => HourlySums.StartOf(HourlySums.HourOf(now - Exact));

    /// <summary>Before <see cref="Note"/> is given what the ledger had when the process started, oldest first.</summary>
    public void Begin(DateTimeOffset now)
    {
        lock (_gate)
        {
            _exactFrom = ExactFrom(now);
        }
    }

    /// <summary>Takes a finished request, as soon as it is one.</summary>
    public void Note(UsageRecord record)
    {
        var tokens = InMemoryReservations.TokensOf(record.Usage.Tokens);
        if (tokens == 0 && record.Cost.Value == 0)
        {
            return;
        }

        lock (_gate)
        {
            var groups = _words.Number(string.Join(' ', record.Groups));
            if (!_groupsOf.ContainsKey(groups))
            {
                _groupsOf.Add(groups, [.. record.Groups.Select(group => group.Value)]);
            }

            var (user, charged, at) = (_words.Number(record.User?.Value), _words.Number(record.ChargedGroup?.Value), _charges.Count);
            _charges.Add(new(
                record.Timestamp.UtcTicks,
                (record.Timestamp + record.Duration).UtcTicks,
                tokens,
                record.Cost.Value,
                user,
                charged,
                groups,
                _words.Number(record.Policy?.Value),
                _lastOfUser.GetValueOrDefault(user, -1),
                _lastOfCharged.GetValueOrDefault(charged, -1),
                _lastOfGroups.GetValueOrDefault(groups, -1)));
            _lastOfUser[user] = at;
            _lastOfCharged[charged] = at;
            _lastOfGroups[groups] = at;
            Trim(record.Timestamp);
        }
    }

    /// <summary>Takes what finished requests cost now. Of two that are alike in everything either may be the one.</summary>
    public void Reprice(IReadOnlyCollection<(UsageRecord Row, RowPrice Now)> changed)
    {
        lock (_gate)
        {
            var costs = new Dictionary<Charge, Queue<long>>();
            foreach (var (row, now) in changed.Where(change => change.Row.Timestamp >= _exactFrom))
            {
                var was = new Charge(
                    row.Timestamp.UtcTicks, (row.Timestamp + row.Duration).UtcTicks, InMemoryReservations.TokensOf(row.Usage.Tokens), row.Cost.Value,
                    _words.Number(row.User?.Value), _words.Number(row.ChargedGroup?.Value), _words.Number(string.Join(' ', row.Groups)),
                    _words.Number(row.Policy?.Value), 0, 0, 0);
                ref var queue = ref CollectionsMarshal.GetValueRefOrAddDefault(costs, was, out _);
                (queue ??= new()).Enqueue(now.Cost.Value);
            }

            if (costs.Count == 0)
            {
                return;
            }

            foreach (ref var charge in CollectionsMarshal.AsSpan(_charges)[_head..])
            {
                if (costs.TryGetValue(charge with { BeforeOfUser = 0, BeforeOfCharged = 0, BeforeOfGroups = 0 }, out var queue) && queue.TryDequeue(out var cost))
                {
                    charge = charge with { NanoUsd = cost };
                }
            }
        }
    }

    /// <summary>The <see cref="CounterHistory"/> of this ledger.</summary>
    public IEnumerable<PastUsage> Of(Cap cap, DateTimeOffset since)
    {
        var past = new List<PastUsage>();
        lock (_gate)
        {
            var exact = _exactFrom;
            var counter = cap.Counter;
            var rule = counter is { FromRule: true, Scope: CapScope.Account }
                ? policies()?.BudgetRules.FirstOrDefault(rule => rule.Id.Value == counter.Source)
                : null;

            // A rule that is gone meanwhile: everyone's, which can only be too much.
            var people = rule is null || rule.TargetUsers.IsEmpty ? null : rule.TargetUsers.Select(user => user.Value).ToHashSet(StringComparer.Ordinal);
            if (since < exact)
            {
                AddSums(past, cap, people, since, exact);
            }

            var policy = counter.FromRule ? null : (int?)_words.Find(counter.Source);
            var numbers = people?.Select(_words.Find).ToHashSet();
            foreach (var at in IndexesLocked(counter))
            {
                var charge = _charges[at];
                if (charge.Ended > since.UtcTicks && charge.Begun >= exact.UtcTicks
                    && (policy is null || charge.Policy == policy) && (numbers is null || numbers.Contains(charge.User)))
                {
                    past.Add(new(new(charge.Ended, TimeSpan.Zero), cap.Unit is CapUnit.NanoUsd ? charge.NanoUsd : charge.Tokens));
                }
            }
        }

        past.Sort((a, b) => a.At.CompareTo(b.At));
        return past;
    }

    /// <summary>Charges that may count for a counter: one person's or one group's are found without looking at the others.</summary>
    private IEnumerable<int> IndexesLocked(CounterKey counter)
    {
        switch (counter.Scope, counter.FromRule)
        {
            case (CapScope.User, _):
                return ChainLocked(_lastOfUser, _words.Find(counter.Subject), charge => charge.BeforeOfUser);
            case (CapScope.Group, false):
                return ChainLocked(_lastOfCharged, _words.Find(counter.Subject), charge => charge.BeforeOfCharged);
            case (CapScope.Group, true):
                return _groupsOf.Where(groups => groups.Value.Contains(counter.Subject, StringComparer.Ordinal))
                    .SelectMany(groups => ChainLocked(_lastOfGroups, groups.Key, charge => charge.BeforeOfGroups));
            default:
                return Enumerable.Range(_head, _charges.Count - _head);
        }
    }

    private IEnumerable<int> ChainLocked(Dictionary<int, int> last, int word, Func<Charge, int> before)
    {
        for (var at = last.GetValueOrDefault(word, -1); at >= _head; at = before(_charges[at]))
        {
            yield return at;
        }
    }

    private void AddSums(List<PastUsage> past, Cap cap, HashSet<string>? people, DateTimeOffset since, DateTimeOffset exact)
    {
        var counter = cap.Counter;
        var filter = new UsageQuery
        {
            Policy = counter.FromRule ? null : new(counter.Source),
            User = counter.Scope is CapScope.User ? new(counter.Subject) : null,
            Group = counter is { Scope: CapScope.Group, FromRule: true } ? new(counter.Subject) : null,
        };
        var byHour = new SortedDictionary<long, long>();
        sums.Visit(
            HourlySums.HourOf(since) - 2,
            HourlySums.HourOf(exact),
            filter,
            counter is { Scope: CapScope.Group, FromRule: false } ? counter.Subject : null,
            (hour, key, totals, words) =>
            {
                if (people is null || people.Contains(words[key.User]))
                {
                    byHour[hour] = byHour.GetValueOrDefault(hour)
                        + (cap.Unit is CapUnit.NanoUsd ? totals.Cost.Value : InMemoryReservations.TokensOf(totals.Tokens));
                }
            });
        past.AddRange(byHour.Select(hour => new PastUsage(HourlySums.StartOf(hour.Key + 2), hour.Value)));
    }

    private void Trim(DateTimeOffset now)
    {
        _exactFrom = ExactFrom(now) is var from && from > _exactFrom ? from : _exactFrom;
        var oldest = _exactFrom.UtcTicks;
        while (_head < _charges.Count && _charges[_head].Begun < oldest)
        {
            _head++;
        }

        if (_head > 1024 && _head > _charges.Count / 2)
        {
            Compact();
        }
    }

    /// <summary>Gives the room of what was trimmed back; whatever points at a charge moves with it.</summary>
    private void Compact()
    {
        _charges.RemoveRange(0, _head);
        foreach (ref var charge in CollectionsMarshal.AsSpan(_charges))
        {
            charge = charge with
            {
                BeforeOfUser = Moved(charge.BeforeOfUser),
                BeforeOfCharged = Moved(charge.BeforeOfCharged),
                BeforeOfGroups = Moved(charge.BeforeOfGroups),
            };
        }

        foreach (var last in (ReadOnlySpan<Dictionary<int, int>>)[_lastOfUser, _lastOfCharged, _lastOfGroups])
        {
            foreach (var (word, at) in last)
            {
                last[word] = Moved(at);
            }
        }

        _head = 0;
    }

    private int Moved(int at) => Math.Max(-1, at - _head);

    private readonly record struct Charge(
        long Begun, long Ended, long Tokens, long NanoUsd, int User, int Charged, int Groups, int Policy,
        int BeforeOfUser, int BeforeOfCharged, int BeforeOfGroups);
}
