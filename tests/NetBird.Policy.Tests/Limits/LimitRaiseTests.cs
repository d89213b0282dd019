using NetBird.Policy.Limits;
using NetBird.Primitives;

namespace NetBird.Policy.Tests.Limits;

public sealed class LimitRaiseTests
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);
    private static readonly PolicyLimits Limits = new(new Limit(1_000, 100, TimeSpan.FromHours(1), Strict: true), null);
    private static readonly AccessPolicy Policy = new(new("p"), "P", true, [new GroupId("eng")], [new ProviderId("a")], [], Limits);

    [Theory]
    [InlineData(-1, 100)]
    [InlineData(0, 150)]
    [InlineData(3_599, 150)]
    [InlineData(3_600, 100)]
    public void Caps_RaiseOfOnePerson_HoldsFromItsFirstSecondToItsLast(int seconds, long expected)
    {
        var caps = Caps(Noon.AddSeconds(seconds), Raise(CapScope.User, "ann", 50));

        Assert.Equal(expected, caps.Single(cap => cap.Counter.Scope is CapScope.User).Limit);
        Assert.Equal(1_000, caps.Single(cap => cap.Counter.Scope is CapScope.Group).Limit);
    }

    [Fact]
    public void Caps_RaisesOfOthers_DoNotCount()
    {
        var raises = new[]
        {
            Raise(CapScope.User, "bob", 50), Raise(CapScope.Account, "", 50),
            Raise(CapScope.User, "ann", 50) with { Unit = CapUnit.NanoUsd },
            Raise(CapScope.User, "ann", 50) with { FromRule = true },
            Raise(CapScope.User, "ann", 50) with { Source = "q" },
        };

        Assert.Equal([100, 1_000], Caps(Noon, raises).Select(cap => cap.Limit));
    }

    [Fact]
    public void Caps_RaiseOfEveryoneAndOfOne_AddUp_AndNeverOverflow()
    {
        Assert.Equal(110, Caps(Noon, Raise(CapScope.User, "", 3), Raise(CapScope.User, "ann", 7))[0].Limit);
        Assert.Equal(long.MaxValue, Caps(Noon, Raise(CapScope.User, "", long.MaxValue), Raise(CapScope.User, "", long.MaxValue))[0].Limit);
    }

    [Fact]
    public void Reserve_SoftCapPassed_RefusesNobodyAndIsCounted()
    {
        var book = new ReservationBook((_, _) => []);
        var soft = new Cap(new("p", CapScope.User, "ann", CapUnit.Tokens), CapUnit.Tokens, 10, TimeSpan.FromHours(1), false, "P", Soft: true);
        var candidate = new Candidate(new("p"), "P", new("eng"), new("a"), [soft]);
        for (var i = 0; i < 3; i++)
        {
            var id = RequestId.New();
            Assert.IsType<BookOutcome.Granted>(book.Reserve(id, [candidate], [new(8, 0, 8, 0)], Noon));
            book.Settle(id, 8, 0, Noon, out var settlement);
            Assert.Equal(0, settlement.OverTokens);
        }

        Assert.Equal(24, book.Read([soft], Noon)[0].Used);
    }

    private static LimitRaise Raise(CapScope scope, string subject, long amount)
        => new("p", false, scope, subject, CapUnit.Tokens, amount, Noon, Noon.AddHours(1));

    private static IReadOnlyList<Cap> Caps(DateTimeOffset at, params LimitRaise[] raises)
        => ApplicableCaps.Of(Policy, new("eng"), new("ann"), [], new([.. raises], at));
}
