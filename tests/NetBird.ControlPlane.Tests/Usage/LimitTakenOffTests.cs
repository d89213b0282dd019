using System.Collections.Immutable;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.ControlPlane.Tests.Usage.Postgres;
using NetBird.ControlPlane.Usage;
using NetBird.Policy;
using NetBird.Policy.Limits;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tests.Usage;

/// <summary>A limit that is taken off and put back: what was used meanwhile counts, as it would after a restart.</summary>
public sealed class LimitTakenOffTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>, IDisposable
{
    private readonly Scratch _state = new();
    private readonly PolicyId _policy = new(RequestId.New().Value);
    private readonly BudgetRuleId _rule = new(RequestId.New().Value);
    private readonly UserId _user = new(RequestId.New().Value);

    public void Dispose() => _state.Dispose();

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Limits_TakenOffAndPutBack_CountWhatWasUsedMeanwhile(bool postgres)
    {
        Skip.If(postgres && cluster.Missing is not null, cluster.Missing);
        await using var store = postgres
            ? await UsageStore.OpenPostgresAsync(cluster.ConnectionString, _state.Path, TimeProvider.System, NullLoggerFactory.Instance, default)
            : await UsageStore.OpenAsync(_state.Path, TimeProvider.System, NullLoggerFactory.Instance, default);
        var limit = new Limit(0, 100_000, TimeSpan.FromHours(1), false);
        var shared = new Limit(NanoUsd.PerUsd, 0, TimeSpan.FromHours(1), false);
        var on = Snapshot(new(limit, null), true, new(null, shared));
        var off = Snapshot(new(null, null), false, new(null, shared));
        var mine = new Cap(new(_policy.Value, CapScope.User, _user.Value, CapUnit.Tokens), CapUnit.Tokens, 100_000, limit.Window, false, "P");
        var all = new Cap(new(_rule.Value, CapScope.Account, "", CapUnit.NanoUsd, true), CapUnit.NanoUsd, NanoUsd.PerUsd, limit.Window, false, "R");
        var current = on;
        store.Policies.Follow(() => current);
        var running = await ReserveAsync(mine, all);
        await UseAsync(await ReserveAsync(mine, all));

        current = off;
        await UseAsync(await ReserveAsync());
        await UseAsync(await ReserveAsync());
        current = on;
        await UseAsync(await ReserveAsync(mine, all));

        Assert.Equal([60, 4 * 140_000], (await store.Reservations.ReadNowAsync([mine, all], default)).Select(reading => reading.Used));
        await UseAsync(running);
        var readings = await store.Reservations.ReadNowAsync([mine, all], default);
        Assert.Equal([75, 5 * 140_000], readings.Select(reading => reading.Used));
        Assert.All(readings, reading => Assert.Equal(0, reading.Reserved));

        async Task<RequestId> ReserveAsync(params Cap[] caps)
        {
            var id = RequestId.New();
            await store.Reservations.ReserveAsync(
                new(
                    id, new(_user, "ann", new("m"), [new GroupId("eng")]), new(RequestKind.Messages, "claude-opus-5-5", false, 5, 10),
                    [new(_policy, "P", new("eng"), new("anthropic"), [.. caps])], current),
                default);
            return id;
        }

        async Task UseAsync(RequestId id)
        {
            await store.Reservations.SettleAsync(id, new(new TokenUsage(10, 5)), new(140_000));
            await store.Journal.CompleteAsync(Rows.Row(1, _user.Value) with { Id = id, Policy = _policy, Timestamp = DateTimeOffset.UtcNow });
            await Eventually.TrueAsync(async () => (await store.Ledger.QueryAsync(new() { Policy = _policy }, default)).Data.Any(row => row.Id == id));
        }
    }

    private PolicySnapshot Snapshot(PolicyLimits limits, bool ruleEnabled, PolicyLimits ruleLimits) => new(
        [new(_policy, "P", true, [new GroupId("eng")], [new ProviderId("anthropic")], [], limits)],
        ImmutableDictionary<GuardrailId, Guardrail>.Empty,
        [new(_rule, "R", ruleEnabled, [], [_user], ruleLimits)],
        ImmutableDictionary<ProviderId, PolicyProvider>.Empty,
        PriceTable.Default);
}
