using System.Collections.Immutable;
using System.Text.Json;
using NetBird.ControlPlane.AdminApi;
using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Raises;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Usage.Postgres;
using NetBird.ControlPlane.Users;
using NetBird.ControlPlane.Webhooks;
using NetBird.Gateway.Authorization;
using NetBird.Policy;
using NetBird.Policy.Limits;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage.Warnings;

/// <summary>
/// Sees when 50, 80 and 95% of a cap are used and puts a delivery for every webhook into the outbox, once for each time a
/// threshold is passed: usage that rolls out of the window must fall five points below it before it is told again. A jump
/// over several thresholds tells of the highest.
/// <para>
/// Looked at are counters that were charged, those above a threshold, and all of them when the process starts and when limits or raises
/// change: what was charged a moment before a process died, and a cap that was lowered under what is used, are told too.
/// </para>
/// </summary>
internal sealed partial class LimitWatch(
    IReservations reservations, ChargedCounters charged, IWebhookOutbox outbox, IConfigurationStore store, TimeProvider time, ILogger<LimitWatch> logger)
    : BackgroundService
{
    /// <summary>Percent of the cap.</summary>
    public static readonly ImmutableArray<int> Thresholds = [50, 80, 95];

    /// <summary>Ours: so far usage must fall below a threshold before passing it again is news.</summary>
    private const int Slack = 5;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>Ours: after so long this node looks after what another one told of and may not live to see fall.</summary>
    private static readonly TimeSpan RecallEvery = TimeSpan.FromMinutes(1);

    private readonly HashSet<CounterKey> _watched = [];
    private Configuration? _seen;
    private long _recalled;

    /// <summary>One round over the counters that were charged since the last one, and those above a threshold.</summary>
    public async Task RunOnceAsync(CancellationToken cancellationToken)
    {
        var configuration = store.Current;
        _watched.UnionWith(charged.Take());
        if (_seen is null || LimitsDiffer(_seen, configuration))
        {
            _watched.UnionWith(ConsumptionEndpoints.CapsOf(
                configuration, configuration.Users.Values.Where(person => person.Status is UserStatus.Active), time.GetUtcNow()).Select(cap => cap.Counter));
        }

        // Asked for each time, since another node may have lowered one.
        var recalls = _seen is null || time.GetElapsedTime(_recalled) > RecallEvery;
        var levels = recalls || _watched.Count > 0 ? await outbox.LevelsAsync(cancellationToken) : ImmutableDictionary<string, int>.Empty;
        if (recalls)
        {
            foreach (var key in levels.Keys)
            {
                if (CapArrays.TryParseKey(key, out var counter))
                {
                    _watched.Add(counter);
                }
            }

            _recalled = time.GetTimestamp();
        }

        _seen = configuration;
        if (_watched.Count > 0)
        {
            await LookAsync(configuration, levels, cancellationToken);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var bell = new Bell(time);
        void RingOnLimits(ConfigurationChange change)
        {
            if (LimitsDiffer(change.Before, change.Now))
            {
                bell.Ring();
            }
        }

        charged.Charged += bell.Ring;
        store.Changed += RingOnLimits;
        try
        {
            while (true)
            {
                // With a counter above a threshold it is looked at whether usage rolled out of its window; which are is the first question.
                if (_watched.Count == 0 && _seen is not null)
                {
                    await bell.WaitAsync(Timeout.InfiniteTimeSpan, stoppingToken);
                }

                await Task.Delay(Interval, time, stoppingToken);
                try
                {
                    await RunOnceAsync(stoppingToken);
                }
                catch (Exception fault) when (!stoppingToken.Ends(fault))
                {
                    // The counters stay in hand: the next round tells of what this one did not.
                    Log.Failed(logger, fault);
                }
            }
        }
        finally
        {
            charged.Charged -= bell.Ring;
            store.Changed -= RingOnLimits;
        }
    }

    /// <summary>Maps that did not change are shared with the version before.</summary>
    private static bool LimitsDiffer(Configuration before, Configuration now)
        => !ReferenceEquals(before.Policies, now.Policies) || !ReferenceEquals(before.BudgetRules, now.BudgetRules)
            || !ReferenceEquals(before.LimitRaises, now.LimitRaises);

    /// <summary>
    /// By the caps of now: a raise that ended, or a limit that was edited, makes another share of the same usage.
    /// </summary>
    private async Task LookAsync(Configuration configuration, ImmutableDictionary<string, int> levels, CancellationToken cancellationToken)
    {
        var raises = new RaisesAt(configuration.RaisesInPlace(), time.GetUtcNow());
        var caps = new List<Cap>();
        foreach (var counter in _watched.ToList())
        {
            if (LimitsOf(configuration, counter) is var (limits, name) && ApplicableCaps.Of(counter, limits, name, raises) is { } cap)
            {
                caps.Add(cap);
                continue;
            }

            if (levels.ContainsKey(CapArrays.KeyOf(counter)))
            {
                // Should the limit come back, passing a threshold of it is news.
                await outbox.LowerAsync(CapArrays.KeyOf(counter), 0, cancellationToken);
            }

            _watched.Remove(counter);
        }

        foreach (var reading in await reservations.ReadNowAsync([.. caps], cancellationToken))
        {
            await LookAsync(reading, levels.GetValueOrDefault(CapArrays.KeyOf(reading.Cap.Counter)), cancellationToken);
        }
    }

    private static (PolicyLimits Limits, string Name)? LimitsOf(Configuration configuration, CounterKey counter)
        => counter.FromRule
            ? BudgetRuleId.TryParse(counter.Source, out var ruleId) && configuration.BudgetRules.TryGetValue(ruleId, out var rule) && rule.Enabled
                ? (rule.Limits.ToLimits(), rule.Name) : null
            : PolicyId.TryParse(counter.Source, out var policyId) && configuration.Policies.TryGetValue(policyId, out var policy) && policy.Enabled
                ? (policy.Limits.ToLimits(), policy.Name) : null;

    private async Task LookAsync(CounterReading reading, int told, CancellationToken cancellationToken)
    {
        var key = CapArrays.KeyOf(reading.Cap.Counter);
        var percent = (long)Int128.Min((Int128)Math.Max(0, reading.Used) * 100 / Math.Max(1, reading.Cap.Limit), 1000);
        var level = Thresholds.LastOrDefault(threshold => percent >= threshold);
        if (level > told)
        {
            // The outbox first: a process that dies in between tells again, never not at all.
            if (await outbox.RaiseAsync(key, level, Deliveries(reading, level, percent), cancellationToken))
            {
                Log.Passed(logger, reading.Cap.SourceName, level, percent);
            }

            told = level;
        }
        else if (told > 0 && percent < told - Slack)
        {
            await outbox.LowerAsync(key, level, cancellationToken);
            told = level;
        }

        if (told == 0)
        {
            _watched.Remove(reading.Cap.Counter);
        }
    }

    private List<WebhookDelivery> Deliveries(CounterReading reading, int threshold, long percent)
    {
        var configuration = store.Current;
        var now = time.GetUtcNow();
        var body = JsonSerializer.Serialize(
            new { type = "limit.threshold", timestamp = now, data = LimitWarning.Of(configuration, reading, threshold, percent) }, AdminJson.Options);
        return [.. configuration.Webhooks.Values.Where(hook => hook.Enabled)
            .Select(hook => WebhookDelivery.New(hook.Id, "limit.threshold", body, now))];
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Webhooks + 10, LogLevel.Information, "A limit of {Source} has passed {Threshold}%: {Percent}% are used")]
        public static partial void Passed(ILogger logger, string source, int threshold, long percent);

        [LoggerMessage(EventIds.Webhooks + 11, LogLevel.Warning, "Warnings of limits cannot be told now; trying again")]
        public static partial void Failed(ILogger logger, Exception fault);
    }
}

/// <summary><c>data</c> of a <c>limit.threshold</c> event; amounts in tokens or exact dollars.</summary>
internal sealed record LimitWarning(
    int Threshold,
    long Percent,
    string SourceId,
    string SourceName,
    string SourceKind,
    string Scope,
    string SubjectId,
    string SubjectName,
    string Unit,
    decimal Used,
    decimal Cap,
    long WindowSeconds,
    bool Strict,
    bool Soft,
    DateTimeOffset? FreesUpAt)
{
    public static LimitWarning Of(Configuration configuration, CounterReading reading, int threshold, long percent)
    {
        var (cap, counter) = (reading.Cap, reading.Cap.Counter);
        var usd = cap.Unit is CapUnit.NanoUsd;
        return new(
            threshold,
            percent,
            counter.Source,
            cap.SourceName,
            counter.FromRule ? "budget_rule" : "policy",
            AccessLogAnswer.Snake(counter.Scope),
            counter.Subject,
            configuration.SubjectName(counter.Scope, counter.Subject),
            usd ? "usd" : "tokens",
            usd ? new NanoUsd(reading.Used).ToUsd() : reading.Used,
            usd ? new NanoUsd(cap.Limit).ToUsd() : cap.Limit,
            (long)cap.Window.TotalSeconds,
            cap.Strict,
            cap.Soft,
            reading.FreesUpAt);
    }
}
