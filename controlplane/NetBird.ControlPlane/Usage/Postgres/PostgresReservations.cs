using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using NetBird.ControlPlane.Store.Postgres;
using NetBird.Gateway.Authorization;
using NetBird.Policy;
using NetBird.Policy.Limits;
using NetBird.Policy.Pricing;
using NetBird.Primitives;
using Npgsql;

namespace NetBird.ControlPlane.Usage.Postgres;

/// <summary>
/// Reservations that every node shares: one call of <c>usage_reserve</c> looks at all caps under their locks and takes the
/// room. Reservations of a node that fell silent stop counting after 30 s, those on strict caps only with the window; its journal,
/// when it comes back, charges what its requests used.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "The semaphore never makes a wait handle, and a late request must find it alive.")]
internal sealed class PostgresReservations(
    PostgresUsage database, RequestPricing pricing, PolicySource policies, LimitMetrics metrics, TimeProvider time)
    : IReservations
{
    /// <summary>Ours: limit headers may be this much behind; decisions never are.</summary>
    private static readonly TimeSpan ReadingAge = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Ours: more would only wait for each other's locks in the database, and take the connections that settling needs.
    /// </summary>
    private const int MostAtOnce = 16;

    /// <summary>Ours: a lock each while counters are built, of which the database has some thousands.</summary>
    private const int ReadAtOnce = 1000;

    /// <summary>Ours: more than any request is under; whoever reads them, a page, waits while counters are built.</summary>
    private const int FewCaps = 32;

    private const int MostSeconds = 120;

    private readonly LimitsInForce _limits = new(policies);
    private readonly SemaphoreSlim _turns = new(MostAtOnce);
    private readonly ConcurrentDictionary<RequestId, PendingReservation> _pending = new();
    private readonly ConcurrentDictionary<CounterKey, (CounterReading Reading, long Stamp)> _readings = new();

    public async ValueTask<ReserveOutcome> ReserveAsync(ReservationRequest request, CancellationToken cancellationToken)
    {
        if (_limits.Gone(out var current) is { } gone)
        {
            await ForgetAsync(gone, cancellationToken);
            _limits.Followed(current);
        }

        var at = time.GetUtcNow();
        var demands = new Demand[request.Candidates.Length];
        pricing.Fill(request.Candidates, request.Request, at, demands);
        var caps = new CapArrays(policies.Current);
        for (var i = 0; i < demands.Length; i++)
        {
            foreach (var cap in request.Candidates[i].Caps)
            {
                caps.Add(i, cap, demands[i].On(cap));
            }
        }

        // Without any cap there is nothing to ask, and no reason to depend on the database.
        var (chosen, answers) = caps.Count == 0
            ? (0, [])
            : await CallInTurnAsync(request, caps, cancellationToken);
        if (chosen >= 0)
        {
            _pending[request.Id] = new(request, request.Candidates[chosen], at);
            return new ReserveOutcome.Granted(request.Candidates[chosen]);
        }

        var full = Explain(caps, answers);
        metrics.Refused(full.Reached.Cap);
        return full;
    }

    public async ValueTask SettleAsync(RequestId request, RequestUsage used, NanoUsd cost, bool isExact = true)
    {
        _pending.TryRemove(request, out var pending);

        // What the reading of a batch used are its results, which were charged as they were claimed: see PostgresUsageLedger.
        var (tokens, nanoUsd) = pending is { Asked.Request.Kind: RequestKind.Batches }
            ? (0, 0) : (InMemoryReservations.TokensOf(used.Tokens), Math.Max(0, cost.Value));
        try
        {
            if (pending is not null)
            {
                await WidenAsync(pending);
            }

            await using var command = database.Source.CreateCommand("select counter, missed, used_now from usage_settle_each($1, $2, $3, $4)");
            command.Parameters.AddWithValue(request.Value);
            command.Parameters.AddWithValue(tokens);
            command.Parameters.AddWithValue(nanoUsd);
            command.Parameters.Add(new() { Value = (object?)database.Now ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Bigint });
            await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
            metrics.Settled(await SettlementAsync(reader, pending?.Chosen.Caps ?? []));
        }
        catch (Exception failed) when (PostgresGuard.IsUnreachable(failed))
        {
            // The row settles it when the journal hands it over: see PostgresUsageLedger.AppendAsync.
            throw PostgresGuard.Unreachable(failed);
        }
        finally
        {
            pending?.Teach(pricing, used.Tokens, cost, isExact);
        }
    }

    /// <summary>Limits were taken off: what is used from now on is not on their counters, so they are built anew when they come back.</summary>
    private async Task ForgetAsync(IReadOnlySet<CountedLimit> limits, CancellationToken cancellationToken)
    {
        try
        {
            await using var command = database.Source.CreateCommand("select usage_forget($1)");
            command.Parameters.AddWithValue(limits.Select(CapArrays.KeyOf).ToArray());
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
        catch (Exception failed) when (PostgresGuard.IsUnreachable(failed))
        {
            throw PostgresGuard.Unreachable(failed);
        }
    }

    /// <summary>Caps that came while a request ran count it too: it holds nothing of them, which always has room.</summary>
    private async Task WidenAsync(PendingReservation pending)
    {
        var current = policies.Current;
        if (pending.CameMeanwhile(current, time.GetUtcNow()) is { IsEmpty: false } fresh)
        {
            var caps = new CapArrays(current);
            foreach (var cap in fresh)
            {
                caps.Add(0, cap, 0);
            }

            await CallAsync(pending.Asked with { Candidates = [pending.Chosen] }, caps, CancellationToken.None);
        }
    }

    /// <summary>How far the reservation was from the truth, as <see cref="ReservationBook.Settle"/> tells it.</summary>
    private static async Task<Settlement> SettlementAsync(NpgsqlDataReader reader, ImmutableArray<Cap> caps)
    {
        var settlement = default(Settlement);
        while (await reader.ReadAsync(CancellationToken.None))
        {
            var key = reader.GetString(0);
            foreach (var cap in caps)
            {
                if (!cap.Soft && CapArrays.KeyOf(cap.Counter) == key)
                {
                    settlement = settlement.With(cap, reader.GetInt64(1), reader.GetInt64(2) - cap.Limit);
                }
            }
        }

        return settlement;
    }

    public async ValueTask<ImmutableArray<CounterReading>> ReadAsync(ImmutableArray<Cap> caps, CancellationToken cancellationToken)
    {
        if (caps.IsEmpty)
        {
            return [];
        }

        var now = time.GetTimestamp();
        if (caps.All(cap => _readings.TryGetValue(cap.Counter, out var known)
            && known.Reading.Cap == cap && time.GetElapsedTime(known.Stamp, now) < ReadingAge))
        {
            return [.. caps.Select(cap => _readings[cap.Counter].Reading)];
        }

        return await ReadNowAsync(caps, cancellationToken);
    }

    /// <summary>As <see cref="ReadAsync"/>, asking the database whatever is remembered.</summary>
    public async ValueTask<ImmutableArray<CounterReading>> ReadNowAsync(ImmutableArray<Cap> caps, CancellationToken cancellationToken)
    {
        var readings = new CounterReading[caps.Length];

        // Groups' together: counters that are met for the first time are built in one walk through the ledger.
        foreach (var part in Enumerable.Range(0, caps.Length).OrderBy(i => caps[i].Counter.Scope).Chunk(ReadAtOnce))
        {
            foreach (var answer in await ReadPartAsync([.. part.Select(i => caps[i])], cancellationToken))
            {
                readings[part[answer.Index]] = answer.Reading;
            }
        }

        return ImmutableCollectionsMarshal.AsImmutableArray(readings);
    }

    private async Task<List<CapAnswer>> ReadPartAsync(ImmutableArray<Cap> caps, CancellationToken cancellationToken)
    {
        var now = time.GetTimestamp();
        var arrays = new CapArrays(policies.Current);
        foreach (var cap in caps)
        {
            arrays.Add(0, cap, 0);
        }

        try
        {
            await using var command = database.Source.CreateCommand("select * from usage_read($1, $2, $3, $4, $5, $6, $7, $8, $9)");
            command.CommandTimeout = caps.Length > FewCaps ? MostSeconds : command.CommandTimeout;
            arrays.BindRead(command, database.Now);
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            var answers = await ReadAnswersAsync(reader, arrays, cancellationToken);
            Remember(answers, now);
            return answers;
        }
        catch (Exception failed) when (PostgresGuard.IsUnreachable(failed))
        {
            throw PostgresGuard.Unreachable(failed);
        }
    }

    private async Task<(int Chosen, List<CapAnswer> Answers)> CallInTurnAsync(
        ReservationRequest request, CapArrays caps, CancellationToken cancellationToken)
    {
        await _turns.WaitAsync(cancellationToken);
        try
        {
            return database.IsAway ? throw new IOException("PostgreSQL does not answer.") : await CallAsync(request, caps, cancellationToken);
        }
        finally
        {
            _turns.Release();
        }
    }

    private async Task<(int Chosen, List<CapAnswer> Answers)> CallAsync(
        ReservationRequest request, CapArrays caps, CancellationToken cancellationToken)
    {
        try
        {
            await using var command = database.Source.CreateCommand(
                "select chosen, cap, used, reserved, frees, fits from usage_reserve($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)");
            command.Parameters.AddWithValue(request.Id.Value);
            command.Parameters.AddWithValue(database.Node);
            command.Parameters.Add(new() { Value = (object?)database.Now ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Bigint });
            command.Parameters.AddWithValue(request.Candidates.Length);
            caps.BindReserve(command);
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            var chosen = -1;
            var answers = new List<CapAnswer>();
            while (await reader.ReadAsync(cancellationToken))
            {
                chosen = reader.GetInt32(0);
                if (reader.GetInt32(1) is >= 0 and var index)
                {
                    answers.Add(new(
                        index,
                        new(caps[index], reader.GetInt64(2), reader.GetInt64(3), Instant(reader, 4)),
                        reader.IsDBNull(5) ? null : reader.GetInt64(5)));
                }
            }

            Remember(answers, time.GetTimestamp());
            return (chosen, answers);
        }
        catch (Exception failed) when (PostgresGuard.IsUnreachable(failed))
        {
            throw PostgresGuard.Unreachable(failed);
        }
    }

    /// <summary>As <see cref="ReservationBook"/> explains it: the candidate that fits first, its cap that fits last.</summary>
    private static ReserveOutcome.Full Explain(CapArrays caps, List<CapAnswer> answers)
    {
        var best = answers
            .GroupBy(answer => caps.CandidateOf(answer.Index))
            .Select(candidate => candidate.MaxBy(answer => answer.Fits ?? long.MaxValue)!)
            .MinBy(answer => answer.Fits ?? long.MaxValue)!;
        return new(best.Reading, caps.AmountOf(best.Index), best.Fits is { } fits ? new DateTimeOffset(fits, TimeSpan.Zero) : null);
    }

    private static async Task<List<CapAnswer>> ReadAnswersAsync(NpgsqlDataReader reader, CapArrays caps, CancellationToken cancellationToken)
    {
        var answers = new List<CapAnswer>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var index = reader.GetInt32(0);
            answers.Add(new(index, new(caps[index], reader.GetInt64(1), reader.GetInt64(2), Instant(reader, 3)), null));
        }

        return answers;
    }

    private void Remember(List<CapAnswer> answers, long stamp)
    {
        if (_readings.Count > 50_000)
        {
            _readings.Clear();
        }

        foreach (var answer in answers)
        {
            _readings[answer.Reading.Cap.Counter] = (answer.Reading, stamp);
        }
    }

    private static DateTimeOffset? Instant(NpgsqlDataReader reader, int column)
        => reader.IsDBNull(column) ? null : new DateTimeOffset(reader.GetInt64(column), TimeSpan.Zero);

    private sealed record CapAnswer(int Index, CounterReading Reading, long? Fits);
}
