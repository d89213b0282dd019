using System.Diagnostics.Metrics;
using Microsoft.Extensions.Time.Testing;
using NetBird.ControlPlane.Usage;
using NetBird.Gateway.Authorization;
using NetBird.Policy.Limits;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tests.Usage;

public sealed class InMemoryReservationsTests : ReservationsContract, IDisposable
{
    private readonly FakeTimeProvider _time = new(Rows.Noon);
    private readonly Meters _meters = new();
    private readonly LimitMetrics _metrics;
    private readonly PolicySource _policies = new();
    private readonly InMemoryReservations _reservations;

    public InMemoryReservationsTests()
    {
        _metrics = new(_meters);
        _reservations = new(new(() => PriceTable.Default, new UsageEstimator()), (_, _) => [], _metrics, _policies, new(_time), _time);
    }

    public void Dispose()
    {
        _reservations.Dispose();
        _metrics.Dispose();
    }

    internal override IReservations Node(int number) => _reservations;

    internal override PolicySource Policies(int node) => _policies;

    [Fact]
    public async Task Reserve_CapReached_FreesUpExactlyWhenTheWindowSays()
    {
        var cap = NewCap(500, strict: true, seconds: 60);
        var id = Id();
        await ReserveAsync(_reservations, id, Request(), Under(cap));
        await _reservations.SettleAsync(new(id), new(new TokenUsage(300, 0)), default);
        _time.Advance(TimeSpan.FromSeconds(13));

        var full = Assert.IsType<ReserveOutcome.Full>(await ReserveAsync(_reservations, Id(), Request(), Under(cap)));
        Assert.Equal(Rows.Noon.AddSeconds(60), full.RetryAt);
        _time.Advance(TimeSpan.FromSeconds(47) - TimeSpan.FromTicks(1));
        Assert.IsType<ReserveOutcome.Full>(await ReserveAsync(_reservations, Id(), Request(), Under(cap)));
        _time.Advance(TimeSpan.FromTicks(1));
        Assert.IsType<ReserveOutcome.Granted>(await ReserveAsync(_reservations, Id(), Request(), Under(cap)));
    }

    /// <summary>Overshoot of the default kind stays within what requests in flight were underestimated by, and the metrics say both.</summary>
    [Fact]
    public async Task Settle_DefaultCap_OvershootIsBoundedByTheUnderestimate()
    {
        var cap = NewCap(10_000);
        long under = 0;
        var granted = new List<string>();
        for (var i = 0; i < 200; i++)
        {
            var id = Id();
            if (await ReserveAsync(_reservations, id, Request(), Under(cap)) is ReserveOutcome.Granted)
            {
                granted.Add(id);
            }
        }

        var reservedEach = (await CountedAsync(cap)).Reserved / granted.Count;
        var (over, missed) = (0L, 0L);
        using var listener = new MeterListener { InstrumentPublished = (instrument, all) => Listen(instrument, all) };
        listener.SetMeasurementEventCallback<long>((instrument, value, _, _) =>
        {
            over = instrument.Name == "netbird_limit_overshoot_tokens" ? Math.Max(over, value) : over;
            missed += instrument.Name == "netbird_limit_underestimate_tokens" ? value : 0;
        });
        listener.Start();
        foreach (var id in granted)
        {
            var used = 50 + (granted.IndexOf(id) % 7 * 100);
            under += Math.Max(0, used - reservedEach);
            await _reservations.SettleAsync(new(id), new(new TokenUsage(used, 0)), default);
        }

        Assert.True((await CountedAsync(cap)).Used - cap.Limit <= under);
        Assert.True(granted.Count is > 10 and < 200);
        Assert.Equal(((await CountedAsync(cap)).Used - cap.Limit, under), (over, missed));

        void Listen(Instrument instrument, MeterListener all)
        {
            if (instrument.Meter.Scope == _meters)
            {
                all.EnableMeasurementEvents(instrument);
            }
        }
    }

    [Fact]
    public async Task Reserve_AfterLearning_EstimatesWhatTheModelReallyUses()
    {
        var cap = NewCap(1_000_000);
        for (var i = 0; i < 40; i++)
        {
            var id = Id();
            await ReserveAsync(_reservations, id, Request(48_000, 128_000), Under(cap));
            await _reservations.SettleAsync(new(id), new(new TokenUsage(100, 20, CacheRead: 400)), new(900_000));
        }

        var before = await CountedAsync(cap);
        await ReserveAsync(_reservations, Id(), Request(48_000, 128_000), Under(cap));

        Assert.Equal(520, (await CountedAsync(cap)).Reserved - before.Reserved);
    }

    /// <summary>Meters of this test, told from those of others in the process.</summary>
    private sealed class Meters : IMeterFactory
    {
        public Meter Create(MeterOptions options)
        {
            options.Scope = this;
            return new(options);
        }

        public void Dispose()
        {
        }
    }
}
