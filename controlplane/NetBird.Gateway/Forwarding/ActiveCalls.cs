using System.Collections.Concurrent;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using NetBird.Gateway.Admission;
using NetBird.Policy;
using NetBird.Primitives;

namespace NetBird.Gateway.Forwarding;

/// <summary>
/// Every call in flight. When a newer snapshot no longer admits its caller, the call is cut at once; while its stream is silent,
/// it is kept alive; while it waits for an answer for too long, it is given up. One timer for all, not one for each call.
/// </summary>
internal sealed partial class ActiveCalls(
    IGatewaySnapshots snapshots, GatewayOptions options, TimeProvider time, ILogger<ActiveCalls> logger) : BackgroundService
{
    private readonly ConcurrentDictionary<GatewayCall, bool> _calls = new();
    private readonly SemaphoreSlim _called = new(0);
    private volatile bool _idle;

    public int Count => _calls.Count;

    public void Add(GatewayCall call)
    {
        _calls[call] = true;
        if (_idle)
        {
            _idle = false;
            _called.Release();
        }

        // A snapshot that came between admission and this line would have found nothing to cut.
        if (snapshots.Current is { } now && !ReferenceEquals(now, call.Snapshot))
        {
            CutWhereRemoved(call, now);
        }
    }

    public void Remove(GatewayCall call) => _calls.TryRemove(call, out _);

    public override void Dispose()
    {
        snapshots.Changed -= OnChanged;
        _called.Dispose();
        base.Dispose();
    }

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        snapshots.Changed += OnChanged;
        return base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                // Nothing runs while nobody calls.
                _idle = _calls.IsEmpty;
                if (_idle && _calls.IsEmpty)
                {
                    await _called.WaitAsync(stoppingToken).ConfigureAwait(false);
                }

                await Task.Delay(TimeSpan.FromSeconds(1), time, stoppingToken).ConfigureAwait(false);
                foreach (var (call, _) in _calls)
                {
                    if (call.Pump is { } pump)
                    {
                        // Not waited for: a caller who does not read must not keep the others from theirs.
                        _ = pump.PingAsync(options.SilenceBeforePing).AsTask();
                    }
                    else if (call.Elapsed > options.AnswerTimeout)
                    {
                        call.TimeOut();
                    }
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Shutdown.
        }
    }

    private void OnChanged(GatewaySnapshot snapshot)
    {
        foreach (var (call, _) in _calls)
        {
            CutWhereRemoved(call, snapshot);
        }
    }

    private void CutWhereRemoved(GatewayCall call, GatewaySnapshot snapshot)
    {
        if (AdmissionStage.StillAdmitted(snapshot, call) is { } reason)
        {
            Log.Cut(logger, call.Id, reason);
            call.Cut(reason);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Admission + 1, LogLevel.Information, "Request {Id} is cut: {Reason}")]
        public static partial void Cut(ILogger logger, RequestId id, DenyReason reason);
    }
}
