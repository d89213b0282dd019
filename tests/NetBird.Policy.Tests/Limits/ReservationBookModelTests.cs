using CsCheck;
using NetBird.Policy.Limits;
using NetBird.Primitives;
using static NetBird.Policy.Tests.Scene;

namespace NetBird.Policy.Tests.Limits;

/// <summary>
/// The book against lists that remember everything. A grain (a 500th) may make the book later than the truth, never earlier:
/// so what it grants the truth grants, and what the truth of one grain ago grants it grants.
/// </summary>
public sealed class ReservationBookModelTests
{
    private static readonly Cap[] Caps =
    [
        Cap("a", 1_000, 600), Cap("b", 700, 60), Cap("c", 5_000, 86_400), Cap("d", 300, 61, strict: true),
    ];

    private static readonly Candidate[] Candidates =
    [
        Under("first", Caps[0], Caps[1]), Under("second", Caps[0], Caps[2]), Under("third", Caps[3], Caps[2]),
    ];

    [Fact]
    public void ReserveAndSettle_AnyCourse_AgreesWithListsThatRememberEverything()
        => Gen.Select(Gen.Int[0, 3], Gen.Int[1, 400], Gen.Int[0, 500], Gen.Long[0, 40_000]).List[1, 200].Sample(
            steps =>
            {
                var book = new ReservationBook((_, _) => []);
                var model = new Model();
                var now = Noon;
                var id = 0;
                foreach (var (action, amount, use, millis) in steps)
                {
                    now = now.AddMilliseconds(millis);
                    if (action == 3 && model.Held.Count > 0)
                    {
                        var request = model.Held.Keys.ElementAt(amount % model.Held.Count);
                        model.Settle(request, use, now);
                        Assert.True(book.Settle(request, use, 0, now, out _));
                        continue;
                    }

                    var fresh = new RequestId($"r{++id}");
                    var demand = new Demand(amount, 0, amount + 7, 0);
                    var outcome = book.Reserve(fresh, [.. Candidates], [demand, demand, demand], now);
                    var late = Candidates.FirstOrDefault(c => model.HasRoom(c, demand, now, grains: 1));
                    if (outcome is BookOutcome.Granted granted)
                    {
                        Assert.True(model.HasRoom(granted.Chosen, demand, now, grains: 0), "granted without room");
                        Assert.True(late is null || Array.IndexOf(Candidates, granted.Chosen) <= Array.IndexOf(Candidates, late), "passed one over");
                        model.Held.Add(fresh, (granted.Chosen, demand));
                    }
                    else
                    {
                        Assert.Null(late);
                        var full = (BookOutcome.Full)outcome;
                        Assert.True(full.RetryAt is null || full.RetryAt > now);
                    }
                }
            },
            iter: 400);

    /// <summary>Waiting until the moment named, with nothing else going on, is enough.</summary>
    [Fact]
    public void Reserve_AtTheMomentNamed_IsGranted()
        => Gen.Select(Gen.Int[1, 300], Gen.Long[0, 20_000]).List[1, 60].Sample(
            steps =>
            {
                var book = new ReservationBook((_, _) => []);
                var now = Noon;
                var id = 0;
                foreach (var (amount, millis) in steps)
                {
                    now = now.AddMilliseconds(millis);
                    var demand = new Demand(amount, 0, amount, 0);
                    var request = new RequestId($"r{++id}");
                    if (book.Reserve(request, [.. Candidates], [demand, demand, demand], now) is BookOutcome.Full { RetryAt: { } at })
                    {
                        Assert.IsType<BookOutcome.Full>(book.Reserve(request, [.. Candidates], [demand, demand, demand], at.AddTicks(-1)));
                        now = at;
                        Assert.IsType<BookOutcome.Granted>(book.Reserve(request, [.. Candidates], [demand, demand, demand], now));
                    }

                    Assert.True(book.Settle(request, amount, 0, now, out _));
                }
            },
            iter: 300);

    private static Cap Cap(string source, long limit, int seconds, bool strict = false)
        => new(new(source, CapScope.User, "ann", CapUnit.Tokens), CapUnit.Tokens, limit, TimeSpan.FromSeconds(seconds), strict, source);

    private static Candidate Under(string policy, params Cap[] caps) => new(new(policy), policy, new("eng"), Anthropic, [.. caps]);

    private sealed class Model
    {
        private readonly List<(Cap Cap, DateTimeOffset At, long Amount)> _used = [];

        public Dictionary<RequestId, (Candidate Candidate, Demand Demand)> Held { get; } = [];

        public bool HasRoom(Candidate candidate, Demand demand, DateTimeOffset now, int grains)
            => candidate.Caps.All(cap => Sum(cap, now, grains) + Amount(cap, demand) <= cap.Limit);

        public void Settle(RequestId request, long use, DateTimeOffset now)
        {
            Held.Remove(request, out var held);
            _used.AddRange(held.Candidate.Caps.Select(cap => (cap, now, use)));
        }

        private long Sum(Cap cap, DateTimeOffset now, int grains)
            => _used.Where(u => u.Cap == cap && u.At + cap.Window + (cap.Window / 500 * grains) > now).Sum(u => u.Amount)
                + Held.Values.Where(h => h.Candidate.Caps.Contains(cap)).Sum(h => Amount(cap, h.Demand));

        private static long Amount(Cap cap, Demand demand) => cap.Strict ? demand.BoundTokens : Math.Min(cap.Limit, demand.Tokens);
    }
}
