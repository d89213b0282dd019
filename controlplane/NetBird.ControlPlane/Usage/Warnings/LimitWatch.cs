using System.Collections.Immutable;
using System.Text.Json;
using NetBird.ControlPlane.AdminApi;
using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Raises;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Usage.Postgres;
using NetBird.ControlPlane.Webhooks;
using NetBird.Policy;
using NetBird.Policy.Limits;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage.Warnings;

/// <summary>
/// Sees when 50, 80 and 95% of a cap are used and puts a delivery for every webhook into the outbox, once for each time a
/// threshold is passed: usage that rolls out of the window must fall five points below it before it is told again. A jump
/// over several thresholds tells of the highest.
/// </summary>
internal sealed partial class LimitWatch(
    WatchedReservations reservations, IWebhookOutbox outbox, IConfigurationStore store, TimeProvider time, ILogger<LimitWatch> logger)
    : BackgroundService
{
    /// <summary>Percent of the cap.</summary>
    public static readonly ImmutableArray<int> Thresholds = [50, 80, 95];

    /// <summary>Ours: so far usage must fall below a threshold before passing it again is news.</summary>
    private const int Slack = 5;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly Dictionary<CounterKey, Cap> _above = [];
    private ImmutableDictionary<string, int>? _levels;

    /// <summary>One round over the caps that were charged since the last one, and those above a threshold.</summary>
    public async Task RunOnceAsync(CancellationToken cancellationToken)
    {
        foreach (var cap in reservations.TakeCharged())
        {
            _above[cap.Counter] = cap;
        }

        _levels ??= await RecallAsync(cancellationToken);
        if (_above.Count == 0)
        {
            return;
        }

        // Not what a header was told before the charge: a cap that seems to be far from its limit is looked at again only when it is charged again.
        foreach (var reading in await reservations.ReadNowAsync([.. _above.Values], cancellationToken))
        {
            await LookAsync(reading, cancellationToken);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var bell = new Bell(time);
        reservations.Charged += bell.Ring;
        try
        {
            while (true)
            {
                // With a cap above a threshold it is looked at whether usage rolled out of its window; which were above one is the first question.
                if (_above.Count == 0 && _levels is not null)
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
                    // The caps stay in hand: the next round tells of what this one did not.
                    Log.Failed(logger, fault);
                }
            }
        }
        finally
        {
            reservations.Charged -= bell.Ring;
        }
    }

    /// <summary>
    /// What was told before this process began. Its caps are looked at from now on: usage that rolled out of a window meanwhile makes
    /// the next time news, also where that comes in one jump.
    /// </summary>
    private async Task<ImmutableDictionary<string, int>> RecallAsync(CancellationToken cancellationToken)
    {
        var levels = await outbox.LevelsAsync(cancellationToken);
        var configuration = store.Current;
        var raises = new RaisesAt(configuration.RaisesInPlace(), time.GetUtcNow());
        foreach (var key in levels.Keys)
        {
            if (CapArrays.TryParseKey(key, out var counter)
                && LimitsOf(configuration, counter) is var (limits, name)
                && ApplicableCaps.Of(counter, limits, name, raises) is { } cap)
            {
                _above.TryAdd(counter, cap);
            }
        }

        return levels;
    }

    private static (PolicyLimits Limits, string Name)? LimitsOf(Configuration configuration, CounterKey counter)
        => counter.FromRule
            ? BudgetRuleId.TryParse(counter.Source, out var ruleId) && configuration.BudgetRules.TryGetValue(ruleId, out var rule) && rule.Enabled
                ? (rule.Limits.ToLimits(), rule.Name) : null
            : PolicyId.TryParse(counter.Source, out var policyId) && configuration.Policies.TryGetValue(policyId, out var policy) && policy.Enabled
                ? (policy.Limits.ToLimits(), policy.Name) : null;

    private async Task LookAsync(CounterReading reading, CancellationToken cancellationToken)
    {
        var key = CapArrays.KeyOf(reading.Cap.Counter);
        var told = _levels!.GetValueOrDefault(key);
        var percent = (long)Int128.Min((Int128)Math.Max(0, reading.Used) * 100 / Math.Max(1, reading.Cap.Limit), 1000);
        var level = Thresholds.LastOrDefault(threshold => percent >= threshold);
        if (level > told)
        {
            // The outbox first: a process that dies in between tells again, never not at all.
            if (await outbox.RaiseAsync(key, level, Deliveries(reading, level, percent), cancellationToken))
            {
                Log.Passed(logger, reading.Cap.SourceName, level, percent);
            }

            _levels = _levels!.SetItem(key, level);
            told = level;
        }
        else if (told > 0 && percent < told - Slack)
        {
            await outbox.LowerAsync(key, level, cancellationToken);
            _levels = level == 0 ? _levels!.Remove(key) : _levels!.SetItem(key, level);
            told = level;
        }

        if (told == 0)
        {
            _above.Remove(reading.Cap.Counter);
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
