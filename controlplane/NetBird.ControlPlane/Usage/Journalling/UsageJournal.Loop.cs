using System.Threading.Channels;
using NetBird.ControlPlane.Hosting;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage.Journalling;

/// <summary>The background: flushes, batches to the ledger, new segments, and finding out whether what failed works again.</summary>
internal sealed partial class UsageJournal
{
    /// <summary>Ours: the most a power cut can take (a killed process loses nothing), and how soon a fault is noticed or over.</summary>
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(100);

    /// <summary>Ours: how soon a fault is noticed or over while nobody asks for anything; a request that begins is work at once.</summary>
    private static readonly TimeSpan QuietTick = TimeSpan.FromSeconds(5);

    /// <summary>Ours: a quiet ledger gets a row at once, a busy one a batch this often.</summary>
    private static readonly TimeSpan BatchEvery = TimeSpan.FromMilliseconds(200);

    /// <summary>Ours: so long after it was looked at, the ledger is taken to be there without another look.</summary>
    private static readonly TimeSpan FreshFor = TimeSpan.FromMilliseconds(500);

    /// <summary>Ours: a request that has to wait for such a look is refused within a second.</summary>
    private static readonly TimeSpan CheckWithin = TimeSpan.FromMilliseconds(900);

    private readonly Channel<bool> _work = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private readonly CancellationTokenSource _stop = new();
    private Task _loop = Task.CompletedTask;
    private TaskCompletionSource? _check;
    private bool _quiet;
    private long _lastBatch;
    private long _lastCheck;

    /// <summary>Writes what is left to the ledger, for at most 2 s; the rest is read back at the next start.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2), _time);
        try
        {
            while (_ledgerFault is null && await HandOverAsync(limit.Token))
            {
            }
        }
        catch (OperationCanceledException)
        {
            Log.LeftForTheNextStart(_logger, Backlog);
        }

        lock (_gate)
        {
            DrainLocked();
            _segment.Dispose();
            if (_deferred.Count > 0)
            {
                Log.LostAtExit(_logger, _deferred.Count);
            }
        }

        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            TaskCompletionSource? waiting = null;
            try
            {
                await WaitAsync();
                lock (_gate)
                {
                    waiting = _check;
                }

                CheckSegment();
                await ProbeAsync();
                Told(waiting);
                _segment.Flush();
                while (await HandOverAsync(_stop.Token))
                {
                }

                RotateIfLong();
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception failed)
            {
                // Whatever it is: a loop that ended would let requests in whose rows nobody hands over.
                lock (_gate)
                {
                    SegmentFailsLocked(failed);
                }
            }
            finally
            {
                Told(waiting);
            }
        }
    }

    /// <summary>Whoever waits to be let in looks at the faults now.</summary>
    private void Told(TaskCompletionSource? waiting)
    {
        lock (_gate)
        {
            _check = _check == waiting ? null : _check;
        }

        waiting?.TrySetResult();
    }

    /// <summary>Until there is work, or a tick has passed; and not sooner than a batch is due.</summary>
    private async Task WaitAsync()
    {
        var due = BatchEvery - _time.GetElapsedTime(_lastBatch);
        if (_lastBatch != 0 && due > TimeSpan.Zero)
        {
            await Task.Delay(due < Tick ? due : Tick, _time, _stop.Token);
        }

        lock (_gate)
        {
            _quiet = _inFlight.Count + _ready.Count + _deferred.Count == 0 && (_segmentFault ?? _ledgerFault) is null;
        }

        if (_quiet)
        {
            var woken = await WorkAsync(QuietTick);
            lock (_gate)
            {
                _quiet = false;
                if (!woken || _ready.Count > 0 || _check is not null)
                {
                    return;
                }
            }
        }

        await WorkAsync(Tick);
    }

    /// <summary>False when the time passed first.</summary>
    private async Task<bool> WorkAsync(TimeSpan atMost)
    {
        using var tick = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        await Task.WhenAny(_work.Reader.WaitToReadAsync(tick.Token).AsTask(), Task.Delay(atMost, _time, tick.Token));
        await tick.CancelAsync();
        _stop.Token.ThrowIfCancellationRequested();
        return _work.Reader.TryRead(out _);
    }

    /// <summary>One batch; true when there is another full one.</summary>
    private async Task<bool> HandOverAsync(CancellationToken cancellationToken)
    {
        JournalledRecord[] batch;
        lock (_gate)
        {
            batch = [.. _ready.Take(BatchRows)];
        }

        if (batch.Length == 0)
        {
            return false;
        }

        try
        {
            await _ledger.AppendAsync(batch, cancellationToken);
        }
        catch (Exception failed) when (!cancellationToken.Ends(failed))
        {
            // Also what no store should throw: closed until a batch goes through, and said.
            LedgerFails(failed);
            return false;
        }

        _lastBatch = _time.GetTimestamp();
        lock (_gate)
        {
            _ready.RemoveRange(0, batch.Length);
            LedgerWorksLocked();
            DropOldLocked(batch[^1].Sequence);
            return _ready.Count >= BatchRows || (_ready.Count > 0 && _stop.IsCancellationRequested);
        }
    }

    private async Task ProbeAsync()
    {
        try
        {
            await _ledger.ProbeAsync(_stop.Token);
            lock (_gate)
            {
                if (_ready.Count == 0)
                {
                    LedgerWorksLocked();
                }
            }
        }
        catch (Exception failed) when (!_stop.Token.Ends(failed))
        {
            LedgerFails(failed);
        }

        lock (_gate)
        {
            _lastCheck = _time.GetTimestamp();
        }
    }

    private void LedgerFails(Exception failed)
    {
        lock (_gate)
        {
            if (_ledgerFault is null)
            {
                Log.LedgerFails(_logger, failed);
            }

            _ledgerFault = "The usage ledger cannot be written.";
        }
    }

    private void LedgerWorksLocked()
    {
        if (_ledgerFault is not null)
        {
            Log.LedgerWorks(_logger);
            _ledgerFault = null;
        }
    }

    /// <summary>A segment that was moved or deleted would take records that no start finds again; one that failed is tried.</summary>
    private void CheckSegment()
    {
        lock (_gate)
        {
            if (!File.Exists(_segment.Path))
            {
                ReplaceLocked();
            }
            else if (_segmentFault is not null)
            {
                AppendLocked(ProbeFrame, 0, null);
            }

            DrainLocked();
            if (_segmentFault is not null && _deferred.Count == 0)
            {
                _segmentFault = null;
                Log.SegmentWorks(_logger);
            }
        }
    }

    private void DrainLocked()
    {
        while (_deferred.TryPeek(out var record) && TryCompleteLocked(record))
        {
            _deferred.Dequeue();
        }
    }

    private void RotateIfLong()
    {
        lock (_gate)
        {
            if (_segment.Length > SegmentBytes)
            {
                ReplaceLocked();
                DropOldLocked(_ready.Count > 0 ? _ready[0].Sequence - 1 : _sequence);
            }
        }
    }

    /// <summary>
    /// Goes on in a new segment that needs none of those before it, once the ledger has what they finished: requests in
    /// flight begin again in it, and what the ledger has not, is in it again.
    /// </summary>
    private void ReplaceLocked()
    {
        var next = JournalSegment.Create(SegmentPath(++_segmentNumber));
        var last = _segment;
        _segment = next;
        var faultBefore = _segmentFault;
        _segmentFault = null;
        try
        {
            foreach (var request in _inFlight.Values)
            {
                BeginAgainLocked(request);
            }

            if (!File.Exists(last.Path))
            {
                foreach (var (sequence, record) in _ready)
                {
                    AppendLocked(CompleteFrame, sequence, record);
                    _segment.LastSequence = sequence;
                }
            }
        }
        catch (IOException)
        {
            _segment = last;
            next.Dispose();
            throw;
        }

        _segmentFault = faultBefore;
        _old.Add((last.Path, last.LastSequence));
        last.Flush();
        last.Dispose();
    }

    /// <summary>Segments of which the ledger has everything are deleted, oldest first.</summary>
    private void DropOldLocked(long ledgerHas)
    {
        while (_old.Count > 0 && _old[0].LastSequence <= ledgerHas)
        {
            try
            {
                File.Delete(_old[0].Path);
            }
            catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
            {
                Log.NotDeleted(_logger, failed, Path.GetFileName(_old[0].Path));
                return;
            }

            _old.RemoveAt(0);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Usage + 1, LogLevel.Information,
            "Usage journal open; {Replayed} rows to hand over, {Interrupted} of them cut by the last end of the process")]
        public static partial void Opened(ILogger logger, int replayed, int interrupted);

        [LoggerMessage(EventIds.Usage + 2, LogLevel.Warning, "Request {Id} of {User} was in flight when the last process ended")]
        public static partial void Interrupted(ILogger logger, RequestId id, string user);

        [LoggerMessage(EventIds.Usage + 3, LogLevel.Warning, "Usage journal {File} has {Bytes} bytes behind its last whole record")]
        public static partial void TornTail(ILogger logger, string file, long bytes);

        [LoggerMessage(EventIds.Usage + 4, LogLevel.Error, "Usage journal {Path} cannot be written; requests are refused until it can")]
        public static partial void SegmentFails(ILogger logger, Exception exception, string path);

        [LoggerMessage(EventIds.Usage + 5, LogLevel.Information, "Usage journal is written again")]
        public static partial void SegmentWorks(ILogger logger);

        [LoggerMessage(EventIds.Usage + 6, LogLevel.Error, "Usage ledger cannot be written; requests are refused until it can")]
        public static partial void LedgerFails(ILogger logger, Exception exception);

        [LoggerMessage(EventIds.Usage + 7, LogLevel.Information, "Usage ledger is written again")]
        public static partial void LedgerWorks(ILogger logger);

        [LoggerMessage(EventIds.Usage + 8, LogLevel.Error, "Refused request {Id} is not recorded: too many wait for the disk")]
        public static partial void RefusalNotKept(ILogger logger, RequestId id);

        [LoggerMessage(EventIds.Usage + 9, LogLevel.Critical,
            "{Count} finished requests could not be written before the end; they come back as interrupted")]
        public static partial void LostAtExit(ILogger logger, int count);

        [LoggerMessage(EventIds.Usage + 11, LogLevel.Warning, "{Count} rows are not in the usage ledger yet; the next start hands them over")]
        public static partial void LeftForTheNextStart(ILogger logger, int count);

        [LoggerMessage(EventIds.Usage + 10, LogLevel.Warning, "Usage journal {File} is not needed any more and cannot be deleted")]
        public static partial void NotDeleted(ILogger logger, Exception exception, string file);
    }
}
