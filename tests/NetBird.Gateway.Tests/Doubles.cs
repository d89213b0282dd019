using System.Collections.Concurrent;
using System.Collections.Immutable;
using NetBird.Gateway.Authorization;
using NetBird.Gateway.Batches;
using NetBird.Gateway.Capture;
using NetBird.Gateway.Credentials;
using NetBird.Gateway.Metering;
using NetBird.Policy.Limits;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.Gateway.Tests;

/// <summary>A journal in memory that can be made to fail.</summary>
internal sealed class TestJournal : IUsageJournal
{
    private readonly ConcurrentDictionary<RequestId, UsageRecord> _begun = new();
    private readonly ConcurrentQueue<UsageRecord> _completed = new();
    private readonly ConcurrentDictionary<RequestId, bool> _once = new();
    private readonly ConcurrentQueue<UsageRecord> _notes = new();
    private volatile IReadOnlyList<UsageRecord> _notedBeside = [];

    public bool Unwritable { get; set; }

    /// <summary>Rows that are to be there once cannot be written.</summary>
    public bool UnwritableOnce { get; set; }

    public IReadOnlyCollection<UsageRecord> Begun => [.. _begun.Values];

    public IReadOnlyList<UsageRecord> Completed => [.. _completed];

    /// <summary>What was noted of requests under way, in order.</summary>
    public IReadOnlyList<UsageRecord> Notes => [.. _notes];

    /// <summary>What the last note had beside its request.</summary>
    public IReadOnlyList<UsageRecord> NotedBeside => _notedBeside;

    /// <summary>Requests that began and have no end.</summary>
    public IEnumerable<RequestId> Open => _begun.Keys.Except(_completed.Select(r => r.Id));

    public ValueTask BeginAsync(UsageRecord record, CancellationToken cancellationToken)
    {
        if (Unwritable)
        {
            throw new IOException("disk full");
        }

        Assert.True(_begun.TryAdd(record.Id, record), "begun twice");
        return ValueTask.CompletedTask;
    }

    public void Note(UsageRecord record, IReadOnlyList<UsageRecord> beside)
    {
        _notes.Enqueue(record);
        _notedBeside = beside;
    }

    public ValueTask CompleteAsync(UsageRecord record)
    {
        Assert.DoesNotContain(_completed, r => r.Id == record.Id);
        _completed.Enqueue(record);
        return ValueTask.CompletedTask;
    }

    public ValueTask<IReadOnlyList<UsageRecord>> CompleteOnceAsync(RequestId reading, IReadOnlyList<UsageRecord> records, CancellationToken cancellationToken)
    {
        if (UnwritableOnce)
        {
            throw new IOException("disk full");
        }

        var added = records.Where(record => _once.TryAdd(record.Id, true)).ToList();
        added.ForEach(_completed.Enqueue);
        return new(added);
    }

    public async Task<UsageRecord> SingleAsync() => (await CountAsync(1))[0];

    /// <summary>Rows once there are so many, or once no more came for two seconds and none is open.</summary>
    public async Task<IReadOnlyList<UsageRecord>> SettledAsync(int most)
    {
        for (int quiet = 0, seen = 0; _completed.Count < most && quiet < (Open.Any() ? 1000 : 100); quiet++)
        {
            if (_completed.Count != seen)
            {
                (seen, quiet) = (_completed.Count, 0);
            }

            await Task.Delay(20);
        }

        return Completed;
    }

    /// <summary>Rows are written after the answer's last byte: waits for so many of them.</summary>
    public async Task<IReadOnlyList<UsageRecord>> CountAsync(int count)
    {
        for (var i = 0; i < 500 && _completed.Count < count; i++)
        {
            await Task.Delay(20);
        }

        Assert.Equal(count, _completed.Count);
        return Completed;
    }
}

/// <summary>Grants everything, or what a test says.</summary>
internal sealed class TestReservations : IReservations
{
    private readonly ConcurrentDictionary<RequestId, (RequestUsage Used, NanoUsd Cost)?> _held = new();

    public Func<ReservationRequest, ReserveOutcome> Answer { get; set; } = request => new ReserveOutcome.Granted(request.Candidates[0]);

    /// <summary>Every request for room.</summary>
    public ConcurrentQueue<ReservationRequest> Asked { get; } = new();

    public ImmutableArray<CounterReading> Readings { get; set; } = [];

    /// <summary>The caps whose counters were asked for last.</summary>
    public ImmutableArray<Cap> ReadLast { get; private set; } = [];

    /// <summary>The counters cannot be read.</summary>
    public bool Unreadable { get; set; }

    /// <summary>What whoever reads the counters meets.</summary>
    public Exception? ReadFault { get; set; }

    /// <summary>Whoever reads the counters waits for ever.</summary>
    public bool Hanging { get; set; }

    public IReadOnlyDictionary<RequestId, (RequestUsage Used, NanoUsd Cost)?> Held => _held;

    /// <summary>Settled with figures that are partly an estimate.</summary>
    public ConcurrentBag<RequestId> Inexact { get; } = [];

    public ValueTask<ReserveOutcome> ReserveAsync(ReservationRequest request, CancellationToken cancellationToken)
    {
        Asked.Enqueue(request);
        var outcome = Answer(request);
        if (outcome is ReserveOutcome.Granted)
        {
            _held[request.Id] = null;
        }

        return ValueTask.FromResult(outcome);
    }

    public ValueTask SettleAsync(RequestId request, RequestUsage used, NanoUsd cost, bool isExact = true)
    {
        _held[request] = (used, cost);
        if (!isExact)
        {
            Inexact.Add(request);
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask<ImmutableArray<CounterReading>> ReadAsync(ImmutableArray<Cap> caps, CancellationToken cancellationToken)
    {
        ReadLast = caps;
        return ReadFault is { } fault ? throw fault : Unreadable ? throw new IOException("The database is away.")
            : Hanging ? new(new TaskCompletionSource<ImmutableArray<CounterReading>>().Task)
            : new(Readings);
    }
}

/// <summary>A register in memory that can be made to fail.</summary>
internal sealed class TestBatches : IBatchRegister
{
    private readonly ConcurrentDictionary<string, RegisteredBatch> _batches = new();

    public bool Unusable { get; set; }

    public IReadOnlyCollection<RegisteredBatch> All => [.. _batches.Values];

    public ValueTask<RegisteredBatch?> FindAsync(string id, CancellationToken cancellationToken)
        => Unusable ? throw new IOException("disk full") : new(_batches.GetValueOrDefault(id));

    public ValueTask AddAsync(RegisteredBatch batch, CancellationToken cancellationToken)
    {
        _batches[batch.Id] = Unusable ? throw new IOException("disk full") : batch;
        return default;
    }
}

/// <summary>A vault in memory that can be made to fail.</summary>
internal sealed class TestVault : IPromptVault
{
    public bool Unusable { get; set; }

    public ConcurrentQueue<CapturedPrompt> Kept { get; } = new();

    public ValueTask KeepAsync(CapturedPrompt prompt, CancellationToken cancellationToken)
    {
        Kept.Enqueue(Unusable ? throw new IOException("disk full") : prompt);
        return default;
    }
}

/// <summary>Keys in order; refused ones come last.</summary>
internal sealed class TestKeys(params string[] secrets) : IProviderKeys
{
    public ConcurrentQueue<(string KeyId, int Status)> Refused { get; } = new();

    public ProviderKey? Current(ProviderId provider, IReadOnlyCollection<string> except)
        => secrets.Select((secret, i) => new ProviderKey($"key-{i}", secret)).FirstOrDefault(key => !except.Contains(key.Id));

    public void ReportRefused(ProviderId provider, string keyId, int status) => Refused.Enqueue((keyId, status));
}

/// <summary>A dollar a day, for everybody.</summary>
internal sealed class TestSpend : NetBird.Gateway.OwnAnswers.IPersonSpend
{
    public ValueTask<NetBird.Gateway.OwnAnswers.PersonSpend> OfAsync(UserId user, DateTimeOffset now, CancellationToken cancellationToken)
        => new(new NetBird.Gateway.OwnAnswers.PersonSpend(new(NanoUsd.PerUsd), new(7 * NanoUsd.PerUsd), new(30 * NanoUsd.PerUsd)));
}
