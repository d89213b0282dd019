using NetBird.ControlPlane.Usage.Journalling;
using NetBird.ControlPlane.Usage.LiteDb;
using NetBird.ControlPlane.Usage.Sums;
using NetBird.Gateway.Authorization;
using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Policy.Limits;
using NetBird.Policy.Pricing;

namespace NetBird.ControlPlane.Usage;

/// <summary>
/// Everything that remembers usage, opened in the order it needs: the ledger, the charges that counters come from, and the
/// journal, which hands over what the last process left.
/// </summary>
internal sealed class UsageStore : IAsyncDisposable
{
    private readonly LiteDbUsageLedger _ledger;
    private readonly UsageJournal _journal;
    private readonly InMemoryReservations _reservations;
    private readonly LimitMetrics _metrics;

    private UsageStore(
        LiteDbUsageLedger ledger, UsageJournal journal, InMemoryReservations reservations, LimitMetrics metrics, PolicySource policies)
        => (_ledger, _journal, _reservations, _metrics, Policies) = (ledger, journal, reservations, metrics, policies);

    public IUsageLedger Ledger => _ledger;

    public IUsageJournal Journal => _journal;

    public IReservations Reservations => _reservations;

    /// <summary>Where the policies and prices in force come from; set before the first request.</summary>
    public PolicySource Policies { get; }

    /// <summary>Opens <c>usage.db</c> and <c>usage-journal/</c> of a state directory.</summary>
    /// <exception cref="IOException">They are in use, damaged, or not writable.</exception>
    public static async Task<UsageStore> OpenAsync(
        string stateDirectory, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        var policies = new PolicySource();
        var sums = new HourlySums();
        var ledger = LiteDbUsageLedger.Open(Path.Combine(stateDirectory, "usage.db"), sums);
        try
        {
            var history = new ChargeHistory(() => policies.Current, sums);
            await history.LoadAsync(ledger, time.GetUtcNow(), cancellationToken);
            var journal = await UsageJournal.OpenAsync(
                Path.Combine(stateDirectory, "usage-journal"),
                ledger,
                history,
                time,
                loggers.CreateLogger<UsageJournal>(),
                cancellationToken);
            var metrics = new LimitMetrics();
            var pricing = new RequestPricing(() => policies.Current?.Prices ?? PriceTable.Default, new UsageEstimator());
            return new(ledger, journal, new InMemoryReservations(pricing, history.Of, metrics, time), metrics, policies);
        }
        catch
        {
            ledger.Dispose();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _reservations.Dispose();
        await _journal.DisposeAsync();
        _ledger.Dispose();
        _metrics.Dispose();
    }
}
