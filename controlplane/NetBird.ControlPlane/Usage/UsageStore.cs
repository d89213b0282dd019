using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Usage.Batches;
using NetBird.ControlPlane.Usage.Journalling;
using NetBird.ControlPlane.Usage.LiteDb;
using NetBird.ControlPlane.Usage.Postgres;
using NetBird.ControlPlane.Usage.Prompts;
using NetBird.ControlPlane.Usage.Sums;
using NetBird.ControlPlane.Usage.Warnings;
using NetBird.ControlPlane.Webhooks;
using NetBird.ControlPlane.Webhooks.LiteDb;
using NetBird.ControlPlane.Webhooks.Postgres;
using NetBird.Gateway.Authorization;
using NetBird.Gateway.Batches;
using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Policy.Limits;
using NetBird.Policy.Pricing;

namespace NetBird.ControlPlane.Usage;

/// <summary>
/// Everything that remembers usage, opened in the order it needs: the ledger, the charges that counters come from, and the
/// journal, which hands over what the last process left.
/// </summary>
internal sealed class UsageStore : IReadiness, IAsyncDisposable
{
    /// <summary>Ours: further back than any caller of <see cref="RecallAsync"/> asks for.</summary>
    private static readonly TimeSpan AtMostAgo = TimeSpan.FromDays(10);

    private readonly UsageJournal _journal;
    private readonly Stack<IAsyncDisposable> _held;

    private UsageStore(
        IUsageLedger ledger,
        UsageJournal journal,
        IReservations reservations,
        IWebhookOutbox outbox,
        IBatchRegister batches,
        IPromptStore prompts,
        PolicySource policies,
        ChargedCounters charged,
        SteadyClock clock,
        Stack<IAsyncDisposable> held)
        => (Ledger, _journal, Reservations, Outbox, Batches, Prompts, Policies, Charged, Clock, _held)
            = (new CaughtUpLedger(ledger, journal), journal, reservations, outbox, batches, prompts, policies, charged, clock, held);

    public string Name => "ledger";

    public string? Problem => _journal.Problem;

    public IUsageLedger Ledger { get; }

    public IUsageJournal Journal => _journal;

    public IReservations Reservations { get; }

    /// <summary>Warnings of limits on their way to webhooks.</summary>
    public IWebhookOutbox Outbox { get; }

    /// <summary>Who created which batch.</summary>
    public IBatchRegister Batches { get; }

    /// <summary>Prompts that guardrails have kept, sealed.</summary>
    public IPromptStore Prompts { get; }

    /// <summary>Where the policies and prices in force come from; set before the first request.</summary>
    public PolicySource Policies { get; }

    /// <summary>Counters that warnings are to look at.</summary>
    public ChargedCounters Charged { get; }

    /// <summary>By which limits roll and raises end.</summary>
    public SteadyClock Clock { get; }

    /// <summary>Opens <c>usage.db</c> and <c>usage-journal/</c> of a state directory.</summary>
    /// <exception cref="IOException">They are in use, damaged, or not writable.</exception>
    public static async Task<UsageStore> OpenAsync(
        string stateDirectory, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        var held = new Stack<IAsyncDisposable>();
        try
        {
            var policies = new PolicySource();
            var pricing = Pricing(policies);
            var sums = new HourlySums();
            var ledger = LiteDbUsageLedger.Open(Path.Combine(stateDirectory, "usage.db"), sums);
            held.Push(new Held(ledger));
            var history = new ChargeHistory(() => policies.Current, sums);
            history.Begin(time.GetUtcNow());
            await RecallAsync(ledger, pricing, ChargeHistory.ExactFrom(time.GetUtcNow()), history.Note, cancellationToken);
            var journal = await OpenJournalAsync(stateDirectory, ledger, history.Note, time, loggers, cancellationToken);
            held.Push(journal);
            var metrics = new LimitMetrics();
            held.Push(new Held(metrics));
            var clock = new SteadyClock(time);
            var reservations = new InMemoryReservations(pricing, history.Of, metrics, policies, clock, time);
            held.Push(new Held(reservations));
            ledger.Repriced = (changed, sums) => reservations.Reprice(changed, () =>
            {
                sums();
                history.Reprice(changed.Changed);
            });
            var outbox = LiteDbWebhookOutbox.Open(Path.Combine(stateDirectory, "webhooks.db"));
            held.Push(new Held(outbox));
            var batches = LiteDbBatchRegister.Open(Path.Combine(stateDirectory, LiteDbBatchRegister.FileName));
            held.Push(new Held(batches));
            var prompts = LiteDbPromptStore.Open(Path.Combine(stateDirectory, LiteDbPromptStore.FileName));
            held.Push(new Held(prompts));
            return new(ledger, journal, reservations, outbox, batches, prompts, policies, new(), clock, held);
        }
        catch
        {
            await ReleaseAsync(held);
            throw;
        }
    }

    /// <summary>Opens the ledger and the counters that several nodes share; the journal stays this node's own.</summary>
    /// <exception cref="IOException">PostgreSQL or the state directory cannot be used.</exception>
    public static async Task<UsageStore> OpenPostgresAsync(
        string connectionString, string stateDirectory, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        var held = new Stack<IAsyncDisposable>();
        try
        {
            var policies = new PolicySource();
            var pricing = Pricing(policies);
            var database = await PostgresUsage.OpenAsync(connectionString, stateDirectory, time, loggers, cancellationToken);
            held.Push(database);
            var charged = new ChargedCounters();
            var ledger = new PostgresUsageLedger(database, charged, policies, time);
            await RecallAsync(ledger, pricing, time.GetUtcNow() - TimeSpan.FromHours(2), _ => { }, cancellationToken);
            var journal = await OpenJournalAsync(stateDirectory, ledger, _ => { }, time, loggers, cancellationToken);
            held.Push(journal);
            var metrics = new LimitMetrics();
            held.Push(new Held(metrics));
            return new(
                ledger,
                journal,
                new PostgresReservations(database, pricing, policies, metrics, time),
                new PostgresWebhookOutbox(database),
                new PostgresBatchRegister(database),
                new PostgresPromptStore(database),
                policies,
                charged,
                new(time),
                held);
        }
        catch
        {
            await ReleaseAsync(held);
            throw;
        }
    }

    public ValueTask DisposeAsync() => ReleaseAsync(_held);

    private static RequestPricing Pricing(PolicySource policies)
        => new(() => policies.Current?.Prices ?? PriceTable.Default, new UsageEstimator());

    private static Task<UsageJournal> OpenJournalAsync(
        string stateDirectory,
        IUsageLedger ledger,
        Action<UsageRecord> finished,
        TimeProvider time,
        ILoggerFactory loggers,
        CancellationToken cancellationToken)
        => UsageJournal.OpenAsync(
            Path.Combine(stateDirectory, "usage-journal"), ledger, finished, time, loggers.CreateLogger<UsageJournal>(), cancellationToken);

    /// <summary>
    /// Gives out the rows of the last days, oldest first, an hour of them in memory at a time; estimates are learned from them again on
    /// the way.
    /// </summary>
    private static async Task RecallAsync(
        IUsageLedger ledger, RequestPricing pricing, DateTimeOffset from, Action<UsageRecord> note, CancellationToken cancellationToken)
    {
        var last = await LastAsync(ledger, cancellationToken);
        var rows = new List<UsageRecord>();
        for (var start = from; start <= last; start += TimeSpan.FromHours(1))
        {
            // What a clock that was ahead wrote comes at once: it may be years.
            var isAhead = start > from + AtMostAgo;
            rows.Clear();
            await foreach (var row in ledger.EnumerateAsync(new() { From = start, To = isAhead ? null : start.AddHours(1), Allowed = true }, cancellationToken))
            {
                rows.Add(row);
            }

            rows.Reverse();
            foreach (var row in rows)
            {
                note(row);
                if (row.Kind is RequestKind.Messages && row.Completeness is Completeness.Complete)
                {
                    var request = new ModelRequest(row.Kind, row.Model, row.Stream, null, row.RequestBytes);
                    pricing.Learn(row.Provider ?? default, request, row.Usage.Tokens, row.Cost, row.Timestamp);
                }
            }

            if (isAhead)
            {
                return;
            }
        }
    }

    /// <summary>When the newest request began that was let through.</summary>
    private static async Task<DateTimeOffset> LastAsync(IUsageLedger ledger, CancellationToken cancellationToken)
    {
        await foreach (var row in ledger.EnumerateAsync(new() { Allowed = true, Newest = 1 }, cancellationToken))
        {
            return row.Timestamp;
        }

        return DateTimeOffset.MinValue;
    }

    private static async ValueTask ReleaseAsync(Stack<IAsyncDisposable> held)
    {
        while (held.TryPop(out var next))
        {
            await next.DisposeAsync();
        }
    }

    private sealed class Held(IDisposable inner) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            inner.Dispose();
            return default;
        }
    }
}
