using System.Collections.Immutable;
using NetBird.Policy.Limits;
using NetBird.Primitives;
using static NetBird.Policy.Tests.Scene;

namespace NetBird.Policy.Tests.Limits;

public sealed class ReservationBookTests
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly ReservationBook _book = new((_, _) => []);

    [Fact]
    public void Reserve_ManyAtOnce_NeverPassesTheCapTogether()
    {
        var candidate = Under(Cap("p", 1_000));

        var granted = Enumerable.Range(0, 200).Count(i => Try($"r{i}", 30, Noon, candidate) is BookOutcome.Granted);

        Assert.Equal(33, granted);
        Assert.Equal(990, Read(candidate).Reserved);
    }

    [Fact]
    public void Reserve_OneCapOfACandidateFull_TakesNothingOfTheOthers()
    {
        var wide = Cap("wide", 1_000);
        var tight = Cap("tight", 10);

        var full = Assert.IsType<BookOutcome.Full>(Try("r", 30, Noon, Under(wide, tight with { Strict = true })));

        Assert.Equal("tight", full.Reached.Cap.Counter.Source);
        Assert.Equal(30, full.Needed);
        Assert.Null(full.RetryAt);
        Assert.Equal(0, _book.Read([wide], Noon)[0].Reserved);
    }

    [Fact]
    public void Reserve_FirstCandidateFull_ChargesTheSecond()
    {
        var first = Under(Cap("first", 100));
        var second = Under(Cap("second", 100));
        Use("a", 100, Noon, first);

        Assert.Equal(second, Assert.IsType<BookOutcome.Granted>(Try("b", 50, Noon, first, second)).Chosen);
    }

    [Fact]
    public void Reserve_AllFull_SaysWhichFreesFirstAndWhen()
    {
        var slow = Under(Cap("slow", 100, minutes: 60));
        var fast = Under(Cap("fast", 100, minutes: 10));
        Use("a", 100, Noon, slow);
        Use("b", 60, Noon, fast);
        Use("c", 40, Noon + Minute, fast);

        var full = Assert.IsType<BookOutcome.Full>(Try("d", 50, Noon + Minute, slow, fast));

        Assert.Equal("fast", full.Reached.Cap.Counter.Source);
        Assert.Equal(Noon + (10 * Minute), full.RetryAt);
        Assert.IsType<BookOutcome.Full>(Try("d", 50, Noon + (10 * Minute) - TimeSpan.FromTicks(1), slow, fast));
        Assert.IsType<BookOutcome.Granted>(Try("d", 50, Noon + (10 * Minute), slow, fast));
    }

    [Fact]
    public void Reserve_OnlyRequestsInFlightInTheWay_SaysSoon()
    {
        var candidate = Under(Cap("p", 100));
        Try("a", 80, Noon, candidate);

        Assert.Equal(Noon.AddSeconds(1), Assert.IsType<BookOutcome.Full>(Try("b", 30, Noon, candidate)).RetryAt);
    }

    [Fact]
    public void Reserve_SameRequestTwice_HoldsOnce()
    {
        var candidate = Under(Cap("p", 100));
        Try("a", 80, Noon, candidate);

        Assert.IsType<BookOutcome.Granted>(Try("a", 80, Noon, candidate));
        Assert.Equal(80, Read(candidate).Reserved);
    }

    [Fact]
    public void Reserve_EstimateOverTheWholeCap_PassesAloneAndOnlyAlone()
    {
        var candidate = Under(Cap("p", 100));

        Assert.IsType<BookOutcome.Granted>(Try("a", 5_000, Noon, candidate));
        Assert.IsType<BookOutcome.Full>(Try("b", 1, Noon, candidate));
    }

    [Fact]
    public void Settle_LessThanReserved_GivesTheRestBack()
    {
        var candidate = Under(Cap("p", 100));
        Use("a", reserve: 90, use: 20, Noon, candidate);

        var reading = Read(candidate);
        Assert.Equal((20, 0, Noon + Minute), (reading.Used, reading.Reserved, reading.FreesUpAt));
    }

    [Fact]
    public void Settle_Twice_CountsOnce()
    {
        var candidate = Under(Cap("p", 100));
        Use("a", 20, Noon, candidate);

        Assert.False(_book.Settle(new("a"), 20, 0, Noon, out _));
        Assert.Equal(20, Read(candidate).Used);
    }

    [Fact]
    public void Settle_MoreThanReserved_ReportsUnderestimateAndOvershoot()
    {
        var candidate = Under(Cap("p", 100));
        Try("a", 60, Noon, candidate);

        Assert.True(_book.Settle(new("a"), 130, 0, Noon, out var settlement));
        Assert.Equal(new(UnderTokens: 70, 0, OverTokens: 30, 0), settlement);
    }

    [Fact]
    public void Reserve_DeadRequest_LapsesAfterAnHourAndIsStillChargedIfSettled()
    {
        var candidate = Under(Cap("p", 100, minutes: 24 * 60));
        Try("dead", 80, Noon, candidate);
        Try("alive", 20, Noon, candidate);
        _book.Settle(new("alive"), 20, 0, Noon, out _);

        Assert.IsType<BookOutcome.Full>(Try("b", 50, Noon.AddMinutes(59), candidate));
        Assert.IsType<BookOutcome.Granted>(Try("b", 50, Noon.AddMinutes(60), candidate));
        Assert.True(_book.Settle(new("dead"), 75, 0, Noon.AddMinutes(61), out _));
        var reading = _book.Read([candidate.Caps[0]], Noon.AddMinutes(61))[0];
        Assert.Equal((95, 50), (reading.Used, reading.Reserved));
    }

    /// <summary>On a strict cap it may have been spent: it holds its room until its request is settled, or forgotten after a day.</summary>
    [Fact]
    public void Reserve_DeadRequestUnderAStrictCap_HoldsForADay()
    {
        var candidate = Under(Cap("p", 100, minutes: 1) with { Strict = true });
        Try("dead", 80, Noon, candidate);

        Assert.IsType<BookOutcome.Full>(Try("b", 50, Noon.AddHours(2), candidate));
        Assert.IsType<BookOutcome.Full>(Try("b", 50, Noon.AddHours(24) - TimeSpan.FromTicks(1), candidate));
        Assert.IsType<BookOutcome.Granted>(Try("b", 50, Noon.AddHours(24), candidate));
        Assert.False(_book.Settle(new("dead"), 75, 0, Noon.AddHours(24), out _));
        Assert.Equal(50, _book.Read(candidate.Caps, Noon.AddHours(24))[0].Reserved);
    }

    [Fact]
    public void Reserve_ClockBack_FreesNothing()
    {
        var candidate = Under(Cap("p", 100));
        Use("a", 100, Noon, candidate);

        Assert.IsType<BookOutcome.Full>(Try("b", 1, Noon.AddDays(-400), candidate));
        Assert.IsType<BookOutcome.Full>(Try("b", 1, Noon + Minute - TimeSpan.FromTicks(1), candidate));
        Assert.IsType<BookOutcome.Granted>(Try("b", 1, Noon + Minute, candidate));
    }

    [Fact]
    public void Reserve_CounterMetFirst_IsBuiltFromTheLedger()
    {
        var asked = new List<DateTimeOffset>();
        var book = new ReservationBook((_, since) =>
        {
            asked.Add(since);
            return [new(Noon.AddSeconds(-50), 70), new(Noon.AddHours(2), 20)];
        });
        var cap = Cap("p", 100);

        var reading = book.Read([cap], Noon)[0];

        Assert.Equal((90, Noon.AddSeconds(10)), (reading.Used, reading.FreesUpAt));
        Assert.Equal(20, book.Read([cap], Noon.AddSeconds(59))[0].Used);
        Assert.Equal(0, book.Read([cap], Noon.AddSeconds(60))[0].Used);
        Assert.Equal([Noon - Minute], asked);
    }

    [Fact]
    public void Read_WindowEdited_KeepsWhatIsKnownAndAsksTheLedgerForOlder()
    {
        var book = new ReservationBook((cap, since) => cap.Window == Minute ? [] : [new(Noon.AddMinutes(-30), 7), new(Noon, 1_000)]);
        var cap = Cap("p", 100);
        book.Reserve(new("a"), [Under(cap)], [new(5, 0, 5, 0)], Noon);
        book.Settle(new("a"), 5, 0, Noon, out _);

        Assert.Equal(12, book.Read([cap with { Window = TimeSpan.FromHours(1) }], Noon)[0].Used);
    }

    [Fact]
    public void PruneIdle_CountersInUse_Stay()
    {
        var held = Under(Cap("held", 100));
        var used = Under(Cap("used", 100));
        Try("a", 1, Noon, held);
        Use("b", 1, Noon, used);
        Try("c", 1, Noon, Under(Cap("idle", 100)));
        _book.Settle(new("c"), 0, 0, Noon, out _);

        Assert.Equal(2, _book.PruneIdle(Noon));
        Assert.Equal(1, _book.PruneIdle(Noon + Minute));
        _book.Settle(new("a"), 9, 0, Noon + Minute, out _);
        Assert.Equal(9, _book.Read([held.Caps[0]], Noon + Minute)[0].Used);
    }

    private static Cap Cap(string source, long limit, int minutes = 1)
        => new(new(source, CapScope.User, "ann", CapUnit.Tokens), CapUnit.Tokens, limit, minutes * Minute, false, source);

    private static Candidate Under(params Cap[] caps)
        => new(new(caps[0].Counter.Source), caps[0].SourceName, new("eng"), Anthropic, [.. caps]);

    private BookOutcome Try(string id, long tokens, DateTimeOffset now, params Candidate[] candidates)
        => _book.Reserve(
            new RequestId(id), [.. candidates], Enumerable.Repeat(new Demand(tokens, 0, tokens, 0), candidates.Length).ToArray(), now);

    private void Use(string id, long tokens, DateTimeOffset now, Candidate candidate) => Use(id, tokens, tokens, now, candidate);

    private void Use(string id, long reserve, long use, DateTimeOffset now, Candidate candidate)
    {
        Assert.IsType<BookOutcome.Granted>(Try(id, reserve, now, candidate));
        Assert.True(_book.Settle(new(id), use, 0, now, out _));
    }

    private CounterReading Read(Candidate candidate) => _book.Read([candidate.Caps[0]], Noon)[0];
}
