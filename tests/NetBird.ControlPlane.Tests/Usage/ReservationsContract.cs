using System.Collections.Immutable;
using System.Security.Cryptography;
using NetBird.ControlPlane.Usage;
using NetBird.Gateway.Authorization;
using NetBird.Policy;
using NetBird.Policy.Limits;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tests.Usage;

/// <summary>What every implementation of <see cref="IReservations"/> holds to.</summary>
public abstract class ReservationsContract
{
    private static readonly Caller Ann = new(new("ann"), "ann@example.com", new("peer"), [new GroupId("eng")]);

    /// <summary>Nodes of one account: reservations at any of them count at all of them.</summary>
    internal abstract IReservations Node(int number);

    /// <summary>What is in force at a node.</summary>
    internal abstract PolicySource Policies(int node);

    /// <summary>How many nodes this implementation can have.</summary>
    protected virtual int Nodes => 1;

    protected virtual int ConcurrencyRuns => 100;

    /// <summary>A cap that no other test uses.</summary>
    private protected static Cap NewCap(
        long limit, bool strict = false, CapUnit unit = CapUnit.Tokens, int seconds = 3600, string subject = "ann", CapScope scope = CapScope.User)
        => new(new(RequestId.New().Value, scope, subject, unit), unit, limit, TimeSpan.FromSeconds(seconds), strict, "Policy");

    private protected static Candidate Under(params Cap[] caps)
        => new(new(caps[0].Counter.Source), "Policy", new("eng"), new("anthropic"), [.. caps]);

    private protected static ModelRequest Request(long bodyBytes = 400, long maxTokens = 100)
        => new(RequestKind.Messages, "claude-opus-5-5", false, maxTokens, bodyBytes);

    private protected static async Task<ReserveOutcome> ReserveAsync(
        IReservations node, string id, ModelRequest request, params Candidate[] candidates)
        => await node.ReserveAsync(new(new(id), Ann, request, [.. candidates]), default);

    private protected static string Id() => RequestId.New().Value;

    /// <summary>An answer that was cut would have been longer: estimates of later requests learn from whole ones alone.</summary>
    [SkippableTheory]
    [InlineData(false, 1_100)]
    [InlineData(true, 101)]
    public async Task Settle_OfARequestThatWasCut_TeachesNoEstimate(bool whole, long reserved)
    {
        var request = Request(maxTokens: 5_000) with { Model = whole ? "claude-whole-1" : "claude-cut-1" };
        var cap = NewCap(1_000_000);
        for (var i = 0; i < 40; i++)
        {
            var cut = Id();
            await ReserveAsync(Node(0), cut, request, Under(cap));
            await Node(0).SettleAsync(new(cut), new(new TokenUsage(100, 1)), new(1_000), isExact: whole);
        }

        await ReserveAsync(Node(0), Id(), request, Under(cap));

        Assert.Equal(reserved, (await CountedAsync(cap)).Reserved);
    }

    [SkippableFact]
    public async Task Reserve_StrictCap_TakesTheUpperBoundAndSettlingGivesBackTheRest()
    {
        var cap = NewCap(1_000, strict: true);
        var id = Id();

        Assert.IsType<ReserveOutcome.Granted>(await ReserveAsync(Node(0), id, Request(), Under(cap)));
        Assert.Equal((0, 500), await CountedAsync(cap));
        Assert.IsType<ReserveOutcome.Granted>(await ReserveAsync(Node(Nodes - 1), Id(), Request(), Under(cap)));
        var full = Assert.IsType<ReserveOutcome.Full>(await ReserveAsync(Node(0), Id(), Request(), Under(cap)));
        Assert.Equal((cap.Counter, 500L), (full.Reached.Cap.Counter, full.Needed));
        await Node(0).SettleAsync(new(id), new(new TokenUsage(30, 3)), new(180_000));

        Assert.Equal((33, 500), await CountedAsync(cap));
    }

    [SkippableFact]
    public async Task Settle_TwiceOrUnknown_ChangesNothing()
    {
        var cap = NewCap(10_000);
        var id = Id();
        await ReserveAsync(Node(0), id, Request(), Under(cap));

        await Node(Nodes - 1).SettleAsync(new(id), new(new TokenUsage(30, 3)), new(1));
        await Node(0).SettleAsync(new(id), new(new TokenUsage(30, 3)), new(1));
        await Node(0).SettleAsync(new(Id()), new(new TokenUsage(30, 3)), new(1));

        Assert.Equal((33, 0), await CountedAsync(cap));
    }

    [SkippableFact]
    public async Task Reserve_MoneyAndTokens_CountEachInItsUnit()
    {
        var tokens = NewCap(100_000);
        var money = NewCap(10 * NanoUsd.PerUsd, unit: CapUnit.NanoUsd);
        var id = Id();
        await ReserveAsync(Node(0), id, Request(), Under(tokens, money));

        await Node(0).SettleAsync(new(id), new(new TokenUsage(10, 10)), new(240_000));

        Assert.Equal((20, 0), await CountedAsync(tokens));
        Assert.Equal((240_000, 0), await CountedAsync(money));
    }

    [SkippableFact]
    public async Task Reserve_SoftCapPassed_RefusesNobodyAndIsCounted()
    {
        var soft = NewCap(10) with { Soft = true };
        var hard = NewCap(1_000, strict: true);
        for (var i = 0; i < 5; i++)
        {
            var id = Id();
            Assert.IsType<ReserveOutcome.Granted>(await ReserveAsync(Node(i % Nodes), id, Request(100, 100), Under(soft, hard)));
            await Node(0).SettleAsync(new(id), new(new TokenUsage(100, 100)), default);
        }

        Assert.Equal((1_000, 0), await CountedAsync(soft));
        var full = Assert.IsType<ReserveOutcome.Full>(await ReserveAsync(Node(0), Id(), Request(100, 100), Under(soft, hard)));
        Assert.Equal(hard.Counter, full.Reached.Cap.Counter);
    }

    /// <summary>
    /// A limit that is made, or a rule, while a request runs: what it uses counts, as it would if the counter were built from the ledger
    /// later; once, and on nothing else.
    /// </summary>
    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Settle_LimitMadeWhileARequestRan_CountsIt(bool counterKnown)
    {
        var node = Node(0);
        var who = Ann with { User = new(RequestId.New().Value) };
        var old = NewCap(100_000, subject: who.User.Value);
        var (policy, rule, other) = (new PolicyId(old.Counter.Source), new BudgetRuleId(RequestId.New().Value), new BudgetRuleId(RequestId.New().Value));
        var limit = new Limit(50_000, 100_000, TimeSpan.FromHours(1), false);
        PolicySnapshot Snapshot(PolicyLimits limits, params BudgetRule[] rules) => new(
            [new(policy, "P", true, [new GroupId("eng")], [new ProviderId("anthropic")], [], limits)],
            ImmutableDictionary<GuardrailId, Guardrail>.Empty, [.. rules], ImmutableDictionary<ProviderId, PolicyProvider>.Empty, PriceTable.Default);
        var before = Snapshot(new(limit with { GroupCap = 0 }, null));
        var after = Snapshot(
            new(limit, limit with { UserCap = 0, GroupCap = NanoUsd.PerUsd }),
            new(rule, "R", true, [], [who.User], new(limit, null)),
            new(other, "Other", true, [new GroupId("ops")], [], new(limit, null)));
        Cap Of(string source, CapScope scope, string subject, CapUnit unit, bool fromRule) => old with { Counter = new(source, scope, subject, unit, fromRule), Unit = unit };
        var group = Of(policy.Value, CapScope.Group, "eng", CapUnit.Tokens, false);
        var money = Of(policy.Value, CapScope.Group, "eng", CapUnit.NanoUsd, false);
        var everyone = Of(rule.Value, CapScope.Account, "", CapUnit.Tokens, true);
        var id = RequestId.New();
        Enumerable.Range(0, Nodes).ToList().ForEach(number => Policies(number).Follow(() => before));
        await node.ReserveAsync(new(id, who, Request(), [Under(old)], before), default);

        Enumerable.Range(0, Nodes).ToList().ForEach(number => Policies(number).Follow(() => after));
        if (counterKnown)
        {
            Assert.Equal((0, 0), await CountedAsync(group));
        }

        await node.SettleAsync(id, new(new TokenUsage(30, 3)), new(180_000));

        Assert.Equal((33, 0), await CountedAsync(old));
        Assert.Equal((33, 0), await CountedAsync(group));
        Assert.Equal((180_000, 0), await CountedAsync(money));
        Assert.Equal((33, 0), await CountedAsync(everyone));
        Assert.Equal((0, 0), await CountedAsync(Of(other.Value, CapScope.Group, "ops", CapUnit.Tokens, true)));
    }

    [SkippableFact]
    public async Task Reserve_NothingUsed_ReleasesEverything()
    {
        var cap = NewCap(10_000);
        var id = Id();
        await ReserveAsync(Node(0), id, Request(), Under(cap));

        await Node(0).SettleAsync(new(id), default, default);

        Assert.Equal((0, 0), await CountedAsync(cap));
    }

    [SkippableFact]
    public async Task Reserve_FirstFull_TakesTheSecondAndTouchesNoOther()
    {
        var full = NewCap(10, strict: true);
        var beside = NewCap(100_000);
        var room = NewCap(100_000);

        var granted = Assert.IsType<ReserveOutcome.Granted>(
            await ReserveAsync(Node(0), Id(), Request(), Under(full, beside), Under(room)));

        Assert.Equal(room.Counter.Source, granted.Chosen.Policy.Value);
        Assert.Equal((0, 0), await CountedAsync(beside));
    }

    /// <summary>
    /// Point 1 of "done": each caller uses anything up to its bound, ends at any time; what the provider counted in the
    /// window never passes a strict cap, and settled counters say exactly what it counted.
    /// </summary>
    [SkippableFact]
    public async Task Reserve_200CallersAtOnce_NeverPassAStrictCap()
    {
        for (var run = 0; run < ConcurrencyRuns; run++)
        {
            var cap = NewCap(20_000, strict: true);
            var money = NewCap(1 * NanoUsd.PerUsd, strict: true, CapUnit.NanoUsd, subject: "eng", scope: CapScope.Group);
            long provider = 0;
            long refused = 0;
            await Parallel.ForEachAsync(
                Enumerable.Range(0, 200),
                new ParallelOptions { MaxDegreeOfParallelism = 200 },
                async (i, _) =>
                {
                    var request = Request(RandomNumberGenerator.GetInt32(1, 300), RandomNumberGenerator.GetInt32(1, 200));
                    var node = Node(i % Nodes);
                    var id = Id();
                    if (await ReserveAsync(node, id, request, Under(cap, money)) is not ReserveOutcome.Granted)
                    {
                        Interlocked.Increment(ref refused);
                        return;
                    }

                    await Task.Yield();
                    var used = new TokenUsage(
                        RandomNumberGenerator.GetInt32((int)request.BodyBytes + 1), RandomNumberGenerator.GetInt32((int)request.MaxOutputTokens! + 1));
                    var now = Interlocked.Add(ref provider, used.Total);
                    Assert.True(now <= cap.Limit, $"The provider counted {now} under a cap of {cap.Limit}.");
                    var cost = PriceTable.Default.Price(new("anthropic"), request.Model, new(used), Rows.Noon).Cost;
                    await Node((i + 1) % Nodes).SettleAsync(new(id), new(used), cost);
                });

            Assert.Equal((provider, 0), await CountedAsync(cap));
            Assert.True(refused > 0, "The cap was never reached: the run proves nothing.");
        }
    }

    private protected virtual async Task<CounterReading> ReadAsync(Cap cap) => (await Node(Nodes - 1).ReadAsync([cap], default))[0];

    private protected async Task<(long Used, long Reserved)> CountedAsync(Cap cap)
    {
        var reading = await ReadAsync(cap);
        return (reading.Used, reading.Reserved);
    }
}
