using System.Collections.Immutable;
using System.Globalization;
using NetBird.ControlPlane.Usage;
using NetBird.ControlPlane.Usage.Sums;
using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Policy.Limits;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tests.Usage;

/// <summary>What counters are rebuilt from, against a search through every row: each kind of counter, short windows and long ones.</summary>
public sealed class ChargeHistoryTests
{
    private const int Count = 30_000;
    private static readonly DateTimeOffset End = Rows.Noon;
    private static readonly BudgetRuleId Named = new("named");

    [Theory]
    [InlineData(1)]
    [InlineData(60)]
    [InlineData(199)]
    [InlineData(600)]
    public void Of_AnyCounterAndWindow_IsWhatARowByRowSearchFinds(int hours)
    {
        var rows = Enumerable.Range(0, Count).Select(Row).ToList();
        var sums = new HourlySums();
        var policies = PolicySnapshotWith(new BudgetRule(Named, "Named", true, [], [new("u3"), new("u4")], new(null, null)));
        var history = new ChargeHistory(() => policies, sums);
        history.Begin(rows[0].Timestamp);
        foreach (var part in rows.Chunk(700))
        {
            sums.Replace(sums.With(part));
            Array.ForEach(part, history.Note);
        }

        var since = End.AddHours(-hours);
        foreach (var cap in Caps(TimeSpan.FromHours(hours)))
        {
            var counted = rows.Where(row => Counts(cap.Counter, row)).ToList();
            var past = history.Of(cap, since).ToList();

            Assert.Equal(past.OrderBy(one => one.At).Select(one => one.At), past.Select(one => one.At));
            if (hours < 200)
            {
                // One by one, by its own time.
                Assert.Equal(
                    counted.Select(row => new PastUsage(row.Timestamp + row.Duration, Amount(cap, row))).Where(one => one.At > since && one.Amount > 0)
                        .OrderBy(one => one.At).ThenBy(one => one.Amount),
                    past.OrderBy(one => one.At).ThenBy(one => one.Amount));
            }
            else
            {
                // Older ones by whole hours, from two before the window on.
                var first = HourlySums.StartOf(HourlySums.HourOf(since) - 2);
                Assert.Equal(counted.Where(row => row.Timestamp >= first).Sum(row => Amount(cap, row)), past.Sum(one => one.Amount));
            }
        }
    }

    private static IEnumerable<Cap> Caps(TimeSpan window)
        => from counter in (CounterKey[])
            [
                new("p0", CapScope.User, "u3", CapUnit.Tokens), new("p1", CapScope.User, "u3", CapUnit.NanoUsd), new("p0", CapScope.User, "nobody", CapUnit.Tokens),
                new("p0", CapScope.Group, "g1", CapUnit.NanoUsd), new("p1", CapScope.Group, "g2", CapUnit.Tokens), new("gone", CapScope.Group, "g2", CapUnit.Tokens),
                new("p0", CapScope.Account, "", CapUnit.Tokens), new("r", CapScope.User, "u7", CapUnit.Tokens, true), new("r", CapScope.Group, "all", CapUnit.NanoUsd, true),
                new("r", CapScope.Group, "g1", CapUnit.Tokens, true), new("r", CapScope.Account, "", CapUnit.NanoUsd, true),
                new(Named.Value, CapScope.Account, "", CapUnit.Tokens, true),
            ]
            select new Cap(counter, counter.Unit, long.MaxValue, window, false, counter.Source);

    private static bool Counts(CounterKey counter, UsageRecord row) => (counter.FromRule, counter.Scope) switch
    {
        (false, CapScope.User) => row.Policy!.Value.Value == counter.Source && row.User!.Value.Value == counter.Subject,
        (false, CapScope.Group) => row.Policy!.Value.Value == counter.Source && row.ChargedGroup!.Value.Value == counter.Subject,
        (false, _) => row.Policy!.Value.Value == counter.Source,
        (true, CapScope.User) => row.User!.Value.Value == counter.Subject,
        (true, CapScope.Group) => row.Groups.Any(group => group.Value == counter.Subject),
        _ => counter.Source != Named.Value || row.User!.Value.Value is "u3" or "u4",
    };

    private static long Amount(Cap cap, UsageRecord row) => cap.Unit is CapUnit.NanoUsd ? row.Cost.Value : row.Usage.Tokens.Total;

    /// <summary>A month, a person after another; in groups and under policies that do not go by the person alone.</summary>
    private static UsageRecord Row(int i)
    {
        var person = i * 7919 % 40;
        return Rows.Row(i) with
        {
            Id = new(string.Create(CultureInfo.InvariantCulture, $"r{i}")),
            Timestamp = End.AddDays(-30) + (TimeSpan.FromDays(30) / Count * i),
            Duration = TimeSpan.FromSeconds(i % 9),
            User = new(string.Create(CultureInfo.InvariantCulture, $"u{person}")),
            Groups = [new(string.Create(CultureInfo.InvariantCulture, $"g{person % 4}")), new("all")],
            ChargedGroup = new(string.Create(CultureInfo.InvariantCulture, $"g{person % 4}")),
            Policy = new(string.Create(CultureInfo.InvariantCulture, $"p{i / 40 % 2}")),
            Usage = new(i % 50 == 7 ? default : new TokenUsage(100 + (i % 900), i % 700)),
            Cost = new(i % 50 == 7 ? 0 : 1_000_000 + i),
        };
    }

    internal static PolicySnapshot PolicySnapshotWith(BudgetRule rule) => new(
        [], ImmutableDictionary<GuardrailId, Guardrail>.Empty, [rule], ImmutableDictionary<ProviderId, PolicyProvider>.Empty, PriceTable.Default);
}
