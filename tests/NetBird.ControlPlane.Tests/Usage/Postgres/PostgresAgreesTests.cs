using System.Collections.Immutable;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.ControlPlane.Usage;
using NetBird.ControlPlane.Usage.Postgres;
using NetBird.Gateway.Authorization;
using NetBird.Policy;
using NetBird.Policy.Limits;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tests.Usage.Postgres;

/// <summary>The functions of <c>usage.sql</c> beside the book in memory, which has a naive model of its own: one answer, one clock set by hand.</summary>
public sealed class PostgresAgreesTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>, IAsyncLifetime
{
    private static readonly Caller Ann = new(new("ann"), "ann@example.com", new("peer"), [new GroupId("eng")]);

    private readonly HandClock _clock = new(Rows.Noon);
    private readonly Scratch _state = new();
    private readonly LimitMetrics _metrics = new();
    private UsageStore? _store;
    private InMemoryReservations _memory = null!; // set by InitializeAsync

    public async Task InitializeAsync()
    {
        _memory = new(new(() => PriceTable.Default, new UsageEstimator()), (_, _) => [], _metrics, new PolicySource(), new(_clock), _clock);
        if (cluster.Missing is null)
        {
            _store = await UsageStore.OpenPostgresAsync(cluster.ConnectionString, _state.Path, _clock, NullLoggerFactory.Instance, default);
        }
    }

    public async Task DisposeAsync()
    {
        _memory.Dispose();
        _metrics.Dispose();
        if (_store is not null)
        {
            await _store.DisposeAsync();
        }

        _state.Dispose();
    }

    /// <summary>Windows from a minute to a year, hard, soft and strict, tokens and money, several candidates; requests come, end and are given up at any time.</summary>
    [SkippableFact]
    public async Task ReserveAndSettle_AnyCourse_AnswersAsTheBookInMemory()
    {
        var database = Database();
        Cap[] caps =
        [
            NewCap(2_000, 60), NewCap(9_000, 3_600), NewCap(60_000, 366 * 86_400), NewCap(3_000, 600) with { Strict = true },
            NewCap(40_000_000, 7_200, CapUnit.NanoUsd), NewCap(700, 60) with { Soft = true },
        ];
        ImmutableArray<Candidate> candidates = [Under("a", caps[0], caps[1]), Under("b", caps[3], caps[4], caps[5]), Under("c", caps[2], caps[1])];
        var random = new Random(20261126);
        var open = new List<RequestId>();
        int granted = 0, refused = 0;
        for (var step = 0; step < 400; step++)
        {
            // Mostly moments, at times as long as a window, and once in a while for ever.
            _clock.Pass(TimeSpan.FromMilliseconds(random.Next(20) switch { 0 => random.Next(7_300_000), < 4 => random.Next(70_000), _ => random.Next(900) }));
            if (open.Count > 0 && random.Next(5) < 2)
            {
                var ended = open[random.Next(open.Count)];
                open.Remove(ended);
                var used = random.Next(4) == 0 ? default : new RequestUsage(new TokenUsage(random.Next(900), random.Next(300)));
                var cost = PriceTable.Default.Price(new("anthropic"), "claude-opus-5-5", used, _clock.Wall).Cost;
                await _memory.SettleAsync(ended, used, cost);
                await database.SettleAsync(ended, used, cost);
            }
            else
            {
                var request = new ReservationRequest(
                    RequestId.New(), Ann, new(RequestKind.Messages, "claude-opus-5-5", false, random.Next(1, 400), random.Next(1, 1_200)), candidates);
                var expected = await _memory.ReserveAsync(request, default);
                var actual = await database.ReserveAsync(request, default);
                Assert.Equal(Text(expected), Text(actual));
                if (expected is ReserveOutcome.Granted)
                {
                    granted++;
                    open.Add(request.Id);
                }
                else
                {
                    refused++;
                }
            }

            Assert.Equal((await _memory.ReadAsync([.. caps], default)).Select(Text), (await database.ReadNowAsync([.. caps], default)).Select(Text));
        }

        Assert.True(granted > 60 && refused > 20, $"{granted} granted, {refused} refused: the run proves little.");
    }

    [SkippableFact]
    public async Task Reserve_ClockSetBack_FreesNothing()
    {
        var database = Database();
        var cap = NewCap(500, 3_600);
        var id = RequestId.New();
        ReservationRequest Next() => new(RequestId.New(), Ann, new(RequestKind.Messages, "claude-opus-5-5", false, 10, 40), [Under("p", cap)]);
        foreach (var reservations in (IReservations[])[_memory, database])
        {
            await reservations.ReserveAsync(Next() with { Id = id }, default);
            await reservations.SettleAsync(id, new(new TokenUsage(500, 0)), default);
        }

        foreach (var back in (int[])[1, 3_599, 3_601, 400 * 86_400])
        {
            _clock.Wall = Rows.Noon.AddSeconds(-back);
            Assert.IsType<ReserveOutcome.Full>(await _memory.ReserveAsync(Next(), default));
            Assert.IsType<ReserveOutcome.Full>(await database.ReserveAsync(Next(), default));
            Assert.Equal(500, (await database.ReadNowAsync([cap], default))[0].Used);
        }

        _clock.Wall = Rows.Noon.AddHours(1);
        Assert.IsType<ReserveOutcome.Granted>(await _memory.ReserveAsync(Next(), default));
        Assert.IsType<ReserveOutcome.Granted>(await database.ReserveAsync(Next(), default));
    }

    /// <summary>How far default caps are passed, and estimates fell short, is told as in one process.</summary>
    [SkippableFact]
    public async Task Settle_MoreThanReserved_IsInTheMetrics()
    {
        var database = Database();
        var measured = new List<(string Name, double Value)>();
        var listener = new MeterListener
        {
            InstrumentPublished = (instrument, all) =>
            {
                if (instrument.Meter.Name == LimitMetrics.MeterName)
                {
                    all.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, _, _) => Keep(instrument.Name, value));
        listener.SetMeasurementEventCallback<double>((instrument, value, _, _) => Keep(instrument.Name, value));
        listener.Start();
        var (tokens, money) = (NewCap(50_000, 3_600), NewCap(NanoUsd.PerUsd, 3_600, CapUnit.NanoUsd));
        var soft = NewCap(10, 3_600) with { Soft = true };
        var id = RequestId.New();
        await database.ReserveAsync(
            new(id, Ann, new(RequestKind.Messages, "claude-opus-5-5", false, 10, 40), [Under("p", tokens, money, soft)]), default);
        var reserved = (await database.ReadNowAsync([tokens], default))[0].Reserved;

        await database.SettleAsync(id, new(new TokenUsage(7_654_321, 0)), new(31 * NanoUsd.PerUsd));
        listener.Dispose();

        // Other tests of this process measure, too: figures that only this one has.
        Assert.Contains(("netbird_limit_underestimate_tokens", (double)(7_654_321 - reserved)), measured);
        Assert.Contains(("netbird_limit_overshoot_tokens", 7_654_321.0 - 50_000), measured);
        Assert.Contains(("netbird_limit_overshoot_usd", 30.0), measured);

        void Keep(string name, double value)
        {
            lock (measured)
            {
                measured.Add((name, value));
            }
        }
    }

    private PostgresReservations Database()
    {
        Skip.If(cluster.Missing is not null, cluster.Missing);
        return (PostgresReservations)_store!.Reservations;
    }

    private static Cap NewCap(long limit, int seconds, CapUnit unit = CapUnit.Tokens)
        => new(new(RequestId.New().Value, CapScope.User, "ann", unit), unit, limit, TimeSpan.FromSeconds(seconds), false, "Policy");

    private static Candidate Under(string policy, params Cap[] caps) => new(new(policy), policy, new("eng"), new("anthropic"), [.. caps]);

    private static string Text(ReserveOutcome outcome) => outcome switch
    {
        ReserveOutcome.Granted granted => "granted " + granted.Chosen.PolicyName,
        ReserveOutcome.Full full => $"full {Text(full.Reached)} needs {full.Needed}, fits at {full.RetryAt:O}",
        _ => "?",
    };

    private static string Text(CounterReading reading)
        => $"{reading.Cap.Counter.Source} {reading.Cap.Counter.Unit}: {reading.Used} used, {reading.Reserved} reserved, frees up at {reading.FreesUpAt:O}";
}
