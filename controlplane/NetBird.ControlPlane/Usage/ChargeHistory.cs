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
/// <remarks>Thread-safe; in memory, 56 bytes a charge.</remarks>
internal sealed class ChargeHistory(Func<PolicySnapshot?> policies, HourlySums sums)
{
    private static readonly TimeSpan Exact = TimeSpan.FromHours(200);

    private readonly Lock _gate = new();
    private readonly WordPool _words = new();
    private readonly Dictionary<int, string[]> _groupsOf = [];
    private readonly List<Charge> _charges = [];
    private int _head;
    private DateTimeOffset _exactFrom;

    /// <summary>From when on charges are wanted one by one.</summary>
    public static DateTimeOffset ExactFrom(DateTimeOffset now) => HourlySums.StartOf(HourlySums.HourOf(now - Exact));

    /// <summary>Takes what the ledger had when the process started, oldest first.</summary>
    public void Load(IEnumerable<UsageRecord> rows, DateTimeOffset now)
    {
        lock (_gate)
        {
            _exactFrom = ExactFrom(now);
        }

        foreach (var row in rows)
        {
            Note(row);
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
            _groupsOf.TryAdd(groups, [.. record.Groups.Select(group => group.Value)]);
            _charges.Add(new(
                record.Timestamp.UtcTicks,
                (record.Timestamp + record.Duration).UtcTicks,
                _words.Number(record.User?.Value),
                _words.Number(record.ChargedGroup?.Value),
                groups,
                _words.Number(record.Policy?.Value),
                tokens,
                record.Cost.Value));
            Trim(record.Timestamp);
        }
    }

    /// <summary>The <see cref="CounterHistory"/> of this ledger.</summary>
    public IEnumerable<PastUsage> Of(Cap cap, DateTimeOffset since)
    {
        var past = new List<PastUsage>();
        lock (_gate)
        {
            var exact = _exactFrom;
            var who = new Membership(cap.Counter, policies());
            if (since < exact)
            {
                AddSums(past, cap, who, since, exact);
            }

            // A counter of somebody who is in no charge is settled by one look-up: pages ask for everybody's.
            var nobody = cap.Counter.Scope is CapScope.User && _words.Find(cap.Counter.Subject) < 0;
            var first = since.UtcTicks;
            var exactTicks = exact.UtcTicks;
            for (var i = nobody ? _charges.Count : _head; i < _charges.Count; i++)
            {
                var charge = _charges[i];
                if (charge.Ended > first && charge.Begun >= exactTicks
                    && who.Counts(_words[charge.User], _words[charge.Charged], _groupsOf[charge.Groups], _words[charge.Policy]))
                {
                    past.Add(new(new(charge.Ended, TimeSpan.Zero), cap.Unit is CapUnit.NanoUsd ? charge.NanoUsd : charge.Tokens));
                }
            }
        }

        past.Sort((a, b) => a.At.CompareTo(b.At));
        return past;
    }

    private void AddSums(List<PastUsage> past, Cap cap, Membership who, DateTimeOffset since, DateTimeOffset exact)
    {
        var groups = new Dictionary<int, string[]>();
        var byHour = new SortedDictionary<long, long>();
        sums.Visit(
            HourlySums.HourOf(since) - 2,
            HourlySums.HourOf(exact),
            new UsageQuery(),
            (hour, key, totals, words) =>
            {
                if (!groups.TryGetValue(key.Groups, out var ids))
                {
                    groups.Add(key.Groups, ids = words[key.Groups].Split(' '));
                }

                if (who.Counts(words[key.User], words[key.Charged], ids, words[key.Policy]))
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
            _charges.RemoveRange(0, _head);
            _head = 0;
        }
    }

    private readonly record struct Charge(
        long Begun, long Ended, int User, int Charged, int Groups, int Policy, long Tokens, long NanoUsd);

    /// <summary>Whose usage a counter holds, by its key and, for a rule, by the people it names now.</summary>
    private sealed class Membership(CounterKey counter, PolicySnapshot? snapshot)
    {
        private readonly BudgetRule? _rule = counter.FromRule && counter.Scope is CapScope.Account
            ? snapshot?.BudgetRules.FirstOrDefault(rule => rule.Id.Value == counter.Source)
            : null;

        public bool Counts(string user, string charged, string[] groups, string policy) => (counter.FromRule, counter.Scope) switch
        {
            (false, CapScope.User) => policy == counter.Source && user == counter.Subject,
            (false, CapScope.Group) => policy == counter.Source && charged == counter.Subject,
            (false, _) => policy == counter.Source,
            (true, CapScope.User) => user == counter.Subject,
            (true, CapScope.Group) => Array.IndexOf(groups, counter.Subject) >= 0,

            // A rule that is gone meanwhile: everyone's, which can only be too much.
            _ => _rule is null || _rule.TargetUsers.IsEmpty || _rule.TargetUsers.Contains(new(user)),
        };
    }
}
