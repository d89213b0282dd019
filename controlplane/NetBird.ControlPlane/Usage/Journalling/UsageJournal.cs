using NetBird.ControlPlane.Usage.Rows;
using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage.Journalling;

/// <summary>
/// Takes every record the moment it is made and hands it to the ledger in batches. A record is written to a segment before
/// the call returns, so that what was accepted survives kill -9; a request that had begun and not ended when
/// the process died becomes an interrupted row at the next start.
/// <para>
/// Closed when it cannot write: <see cref="BeginAsync"/> throws while the segment, or the ledger behind it, fails, and
/// accepts again by itself once both work. A finished record is never refused: it waits in memory for the disk.
/// </para>
/// </summary>
internal sealed partial class UsageJournal : IUsageJournal, IAsyncDisposable
{
    private const byte BeginFrame = 1;
    private const byte CompleteFrame = 2;
    private const byte ProbeFrame = 3;

    /// <summary>Ours: a batch of LiteDB inserts costs little more than one row up to about here.</summary>
    private const int BatchRows = 2_000;

    /// <summary>Ours: more than this and a restart would take seconds to read it back.</summary>
    private const long SegmentBytes = 32 << 20;

    /// <summary>Ours: refused requests that could not be written are kept up to this many; those with usage always.</summary>
    private const int MostDeferredRefusals = 50_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<RequestId, UnderWay> _inFlight = [];
    private readonly Queue<UsageRecord> _deferred = new();
    private readonly List<JournalledRecord> _ready = [];
    private readonly List<(string Path, long LastSequence)> _old = [];
    private readonly RecentIds _recent = new(1 << 16);
    private readonly RowBlockBuilder _packer = new();
    private readonly ByteSink _sink = new();
    private readonly string _directory;
    private readonly IUsageLedger _ledger;
    private readonly Action<UsageRecord> _finished;
    private readonly TimeProvider _time;
    private readonly ILogger<UsageJournal> _logger;
    private JournalSegment _segment;
    private long _segmentNumber;
    private long _sequence;
    private string? _segmentFault;
    private string? _ledgerFault;

    /// <summary>Why requests are refused at the moment; null: they are not.</summary>
    public string? Problem => Volatile.Read(ref _segmentFault) ?? Volatile.Read(ref _ledgerFault);

    private UsageJournal(
        string directory, IUsageLedger ledger, Action<UsageRecord> finished, TimeProvider time, ILogger<UsageJournal> logger)
    {
        (_directory, _ledger, _finished, _time, _logger) = (directory, ledger, finished, time, logger);
        _segment = null!; // Set by OpenAsync before anyone has this object.
    }

    /// <summary>Records that a crash would have to replay: accepted, not yet in the ledger.</summary>
    public int Backlog
    {
        get
        {
            lock (_gate)
            {
                return _ready.Count + _deferred.Count;
            }
        }
    }

    /// <summary>Requests that have begun and not ended.</summary>
    public int InFlight
    {
        get
        {
            lock (_gate)
            {
                return _inFlight.Count;
            }
        }
    }

    public ValueTask BeginAsync(UsageRecord record, CancellationToken cancellationToken)
    {
        record = RecordBounds.Apply(record);
        lock (_gate)
        {
            if ((_quiet || _check is not null) && _time.GetElapsedTime(_lastCheck) > FreshFor)
            {
                return BeginAfterCheckAsync(record, cancellationToken);
            }

            BeginLocked(record);
        }

        return default;
    }

    /// <summary>While nobody asked, nobody looked: what worked seconds ago may be gone, and the first to ask must not find that out by being let in.</summary>
    private async ValueTask BeginAfterCheckAsync(UsageRecord record, CancellationToken cancellationToken)
    {
        Task check;
        lock (_gate)
        {
            _quiet = false;
            check = (_check ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }

        _work.Writer.TryWrite(true);
        try
        {
            await check.WaitAsync(CheckWithin, TimeProvider.System, cancellationToken);
        }
        catch (TimeoutException late)
        {
            throw new IOException("The usage ledger does not answer.", late);
        }

        lock (_gate)
        {
            BeginLocked(record);
        }
    }

    private void BeginLocked(UsageRecord record)
    {
        if ((_segmentFault ?? _ledgerFault) is { } fault)
        {
            throw new IOException(fault);
        }

        AppendLocked(BeginFrame, 0, record);
        _inFlight[record.Id] = new(record, []);
        if (_quiet)
        {
            _quiet = false;
            _work.Writer.TryWrite(true);
        }
    }

    public void Note(UsageRecord record, IReadOnlyList<UsageRecord> beside)
    {
        var underWay = new UnderWay(RecordBounds.Apply(record), [.. beside.Select(RecordBounds.Apply)]);
        lock (_gate)
        {
            if (_segmentFault is not null || !_inFlight.ContainsKey(record.Id))
            {
                return;
            }

            try
            {
                // The later of two beginnings is what a crash leaves.
                BeginAgainLocked(underWay);
                _inFlight[record.Id] = underWay;
            }
            catch (IOException)
            {
                // The figures of before stand; the fault is noted, and new requests are refused.
            }
        }
    }

    /// <summary>Waits until the ledger has every row that was finished before the call, but no longer than a moment.</summary>
    /// <returns>False when it has not, after <paramref name="atMost"/> or because it cannot be written.</returns>
    public async ValueTask<bool> CatchUpAsync(TimeSpan atMost, CancellationToken cancellationToken)
    {
        // Real time: whoever reads waits in it, whatever clock the records go by.
        var began = TimeProvider.System.GetTimestamp();
        long last;
        lock (_gate)
        {
            last = _ready.Count == 0 ? 0 : _ready[^1].Sequence;
        }

        while (true)
        {
            lock (_gate)
            {
                if (_ready.Count == 0 || _ready[0].Sequence > last)
                {
                    return true;
                }

                if (_ledgerFault is not null || TimeProvider.System.GetElapsedTime(began) >= atMost)
                {
                    return false;
                }
            }

            _work.Writer.TryWrite(true);
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, cancellationToken);
        }
    }

    public ValueTask CompleteAsync(UsageRecord record)
    {
        record = RecordBounds.Apply(record);
        lock (_gate)
        {
            if (!_recent.Add(record.Id))
            {
                return default;
            }

            if (_segmentFault is not null || !TryCompleteLocked(record))
            {
                DeferLocked(record);
            }
        }

        _finished(record);
        _work.Writer.TryWrite(true);
        return default;
    }

    public async ValueTask<IReadOnlyList<UsageRecord>> CompleteOnceAsync(
        RequestId reading, IReadOnlyList<UsageRecord> records, CancellationToken cancellationToken)
    {
        if (Problem is { } fault)
        {
            throw new IOException(fault);
        }

        List<UsageRecord> rows = [.. records.DistinctBy(record => record.Id).Select(RecordBounds.Apply)];
        var ours = await _ledger.ClaimResultsAsync(reading, rows, cancellationToken);
        lock (_gate)
        {
            // Those that the ledger does not have yet are among the recent ones.
            rows.RemoveAll(row => !ours.Contains(row.Id) || _recent.Has(row.Id));

            // All of them or none: whoever is told that they cannot be recorded passes none on, and reads again.
            _segment.Clear();
            for (var i = 0; i < rows.Count; i++)
            {
                AddLocked(CompleteFrame, _sequence + 1 + i, rows[i]);
            }

            WriteLocked();
            foreach (var row in rows)
            {
                _recent.Add(row.Id);
                FinishedLocked(row);
            }
        }

        rows.ForEach(_finished);
        _work.Writer.TryWrite(true);
        return rows;
    }

    private bool TryCompleteLocked(UsageRecord record)
    {
        try
        {
            AppendLocked(CompleteFrame, _sequence + 1, record);
        }
        catch (IOException)
        {
            return false;
        }

        FinishedLocked(record);
        return true;
    }

    private void FinishedLocked(UsageRecord record)
    {
        _segment.LastSequence = ++_sequence;
        _ready.Add(new(_sequence, record));
        if (!_inFlight.Remove(record.Id) && record.Kind is RequestKind.Part && _inFlight.TryGetValue(UsageRecord.WholeId(record.Id), out var whole))
        {
            whole.Beside.RemoveAll(part => part.Id == record.Id);
        }
    }

    /// <summary>What a crash leaves of it, in place of what its beginning and earlier notes said.</summary>
    private void BeginAgainLocked(UnderWay request)
    {
        _segment.Clear();
        AddLocked(BeginFrame, 0, request.Record);
        request.Beside.ForEach(part => AddLocked(BeginFrame, 0, part));
        WriteLocked();
    }

    /// <summary>It stays among those in flight, too: should the process die now, the begin frame is what is left of it.</summary>
    private void DeferLocked(UsageRecord record)
    {
        if (record.Usage == default && _deferred.Count >= MostDeferredRefusals)
        {
            Log.RefusalNotKept(_logger, record.Id);
            return;
        }

        _deferred.Enqueue(record);
    }

    private void AppendLocked(byte kind, long sequence, UsageRecord? record)
    {
        _segment.Clear();
        AddLocked(kind, sequence, record);
        WriteLocked();
    }

    private void AddLocked(byte kind, long sequence, UsageRecord? record)
    {
        _sink.Clear();
        _sink.Byte(kind);
        _sink.Int64(sequence);
        if (record is not null)
        {
            _packer.Clear();
            _packer.Add(record);
            _packer.WriteTo(_sink);
        }

        _segment.Add(_sink.Written);
    }

    private void WriteLocked()
    {
        try
        {
            _segment.Write();
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            SegmentFailsLocked(failed);
            throw new IOException(_segmentFault, failed);
        }
    }

    private void SegmentFailsLocked(Exception failed)
    {
        if (_segmentFault is null)
        {
            Log.SegmentFails(_logger, failed, _segment.Path);
            _segmentFault = "The usage journal cannot be written.";
        }
    }

    private string SegmentPath(long number) => Path.Combine(_directory, $"{number:D10}.journal");

    /// <summary>A request that has begun and not ended.</summary>
    /// <param name="Record">With the figures of its beginning, or of the last note.</param>
    /// <param name="Beside">Rows of what is billed beside it, as noted with those figures.</param>
    private sealed record UnderWay(UsageRecord Record, List<UsageRecord> Beside);
}
