using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;
using NetBird.Gateway.Authorization;
using NetBird.Gateway.Batches;
using NetBird.Gateway.Refusals;
using NetBird.Policy;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.Gateway.Metering;

/// <summary>
/// Stage 6. Opens before anything goes to the provider, so that a crash leaves a row and no gap; closes every call, refused ones
/// too. Where it cannot open, the request is refused before anything is spent.
/// </summary>
internal sealed partial class MeteringStage(
    IUsageJournal journal, IReservations reservations, GatewayMetrics metrics, ILogger<MeteringStage> logger)
{
    public async ValueTask<Refusal?> OpenAsync(GatewayCall call)
    {
        try
        {
            // What a crash right after this would leave: the estimate, marked as such.
            var estimate = IsPaid(call) ? UsageEstimate.Of(call.Body.Length).InputTokens : 0;
            var record = RecordOf(call, new(new TokenUsage(estimate, 0), Fast: estimate > 0 && call.Request!.Fast), estimate == 0 ? Completeness.Complete : Completeness.Interrupted);
            await journal.BeginAsync(
                IsUnderStrictCap(call) ? StrictBound.OfUnseen(call, record) : record, call.Http.RequestAborted).ConfigureAwait(false);
            call.Opened = true;
            return null;
        }
        catch (Exception unwritable) when (unwritable is not OperationCanceledException)
        {
            Log.CannotOpen(logger, unwritable);
            return Refusal.CannotDecide("Usage cannot be recorded, so no request is let through.");
        }
    }

    /// <summary>Which meter reads an answer.</summary>
    public static UsageMeter? MeterFor(GatewayCall call, int status, string contentType, string contentCoding)
    {
        if (!IsPaid(call) || status is < 200 or >= 300)
        {
            return null;
        }

        UsageMeter meter = contentType.StartsWith("text/event-stream", StringComparison.OrdinalIgnoreCase)
            ? new SseUsageReader()
            : new JsonUsageReader();
        return DecodingMeter.For(contentCoding, meter);
    }

    /// <summary>Lets the meter read bytes of the answer. Whatever becomes of it, the answer goes on, and is estimated.</summary>
    public void Feed(GatewayCall call, ReadOnlySpan<byte> bytes)
    {
        if (call is { Meter: { } meter, MeterFailed: false })
        {
            try
            {
                meter.Feed(bytes);
            }
            catch (Exception bug)
            {
                MeterFails(call, bug);
            }
        }
    }

    /// <summary>Notes what the meter has seen so far of an answer that goes on.</summary>
    public void NoteProgress(GatewayCall call)
    {
        if (call is { Opened: true, Meter: { } meter, MeterFailed: false })
        {
            try
            {
                NoteProgress(call, meter);
            }
            catch (Exception bug)
            {
                MeterFails(call, bug);
            }
        }
    }

    private void NoteProgress(GatewayCall call, UsageMeter meter)
    {
        var seen = meter.Result(UsageEstimate.Of(call.Body.Length)) with { Completeness = Completeness.Interrupted };
        var record = RecordOf(call, AsAsked(call, meter, seen).Usage, Completeness.Interrupted);
        journal.Note(IsUnderStrictCap(call) ? StrictBound.OfSeen(call, record, meter.TellsInput) : record, PartsOf(call, record, seen.Parts));
    }

    private void MeterFails(GatewayCall call, Exception bug)
    {
        call.MeterFailed = true;
        Log.MeterFailed(logger, bug, call.Id);
    }

    /// <summary>Settles the reservation and writes the row. Does not throw: the caller has had the answer.</summary>
    public async ValueTask CloseAsync(GatewayCall call)
    {
        var (usage, completeness, beside) = await UsageOfAsync(call).ConfigureAwait(false);
        var record = RecordOf(call, usage, completeness);
        if (completeness is Completeness.Interrupted && IsUnderStrictCap(call))
        {
            // What it came to is not known: cut again and again, such requests must not pass the cap by what an estimate is short of.
            record = StrictBound.OfSeen(call, record, call is { MeterFailed: false, Meter.TellsInput: true });
        }

        var parts = PartsOf(call, record, beside);
        if (call.Reserved)
        {
            try
            {
                var (used, cost) = (record.Usage, record.Cost);
                foreach (var part in parts)
                {
                    (used, cost) = (used with { Tokens = used.Tokens + part.Usage.Tokens }, cost + part.Cost);
                }

                await reservations.SettleAsync(
                    call.Id, call.Results.Tokens == default ? used : new(call.Results.Tokens), cost + call.Results.Cost, completeness is Completeness.Complete).ConfigureAwait(false);
            }
            catch (Exception failed)
            {
                Log.NotSettled(logger, failed, call.Id);
            }
        }

        try
        {
            // Before the request itself: should the process die in between, that is there as interrupted.
            foreach (var part in parts)
            {
                await journal.CompleteAsync(part).ConfigureAwait(false);
                metrics.Recorded(call, part);
            }

            await journal.CompleteAsync(record).ConfigureAwait(false);
        }
        catch (Exception failed)
        {
            Log.NotRecorded(logger, failed, call.Id);
        }

        if (completeness == Completeness.Interrupted && !call.Broken)
        {
            Log.UsageMissing(logger, call.Id, record.Model);
            metrics.UsageUnreadable();
        }

        metrics.Recorded(call, record);
    }

    /// <summary>
    /// Records results of a batch that are read, each as a row that is there once however often it is read, and charges those that
    /// are new with the end of the call.
    /// </summary>
    /// <exception cref="IOException">They cannot be recorded, and are not to be passed on.</exception>
    public async ValueTask AddResultsAsync(GatewayCall call, IReadOnlyList<BatchResult> results)
    {
        var rows = new List<UsageRecord>(results.Count);
        foreach (var result in results)
        {
            var row = RecordOf(call, result);
            rows.AddRange(PartsOf(call, row, result.Parts));
            rows.Add(row);
        }

        foreach (var added in await journal.CompleteOnceAsync(call.Id, rows, CancellationToken.None).ConfigureAwait(false))
        {
            call.Results = (call.Results.Tokens + added.Usage.Tokens, call.Results.Cost + added.Cost);
            metrics.Recorded(call, added);
            if (added.Completeness == Completeness.Interrupted)
            {
                Log.UsageMissing(logger, added.Id, added.Model);
                metrics.UsageUnreadable();
            }
        }
    }

    /// <summary>Whether anything it is charged to may never be passed.</summary>
    public static bool IsUnderStrictCap(GatewayCall call)
    {
        if (IsPaid(call) && call.Charged is { Caps: { IsDefaultOrEmpty: false } caps })
        {
            foreach (var cap in caps)
            {
                if (cap is { Strict: true, Soft: false })
                {
                    return true;
                }
            }
        }

        return false;
    }

    private static bool IsPaid(GatewayCall call) => call.Request?.Kind is RequestKind.Messages;

    private async ValueTask<MeteredUsage> UsageOfAsync(GatewayCall call)
    {
        if (call.Meter is { } meter)
        {
            try
            {
                await meter.FinishAsync().ConfigureAwait(false);
                var metered = AsAsked(call, meter, meter.Result(UsageEstimate.Of(call.Body.Length)));
                if (!call.MeterFailed)
                {
                    return metered;
                }
            }
            catch (Exception bug)
            {
                MeterFails(call, bug);
            }

            // As an answer that cannot be read: all of it is taken for words.
            return new(
                new(new TokenUsage(UsageEstimate.Of(call.Body.Length).InputTokens, Math.Max(1, UsageEstimate.Tokens(call.ResponseBytes))), Fast: call.Request!.Fast),
                Completeness.Interrupted);
        }

        // Sent, and no answer: the provider may have worked on it.
        return call is { Sent: true, Broken: true, Answered: false } && IsPaid(call)
            ? new(new(new TokenUsage(UsageEstimate.Of(call.Body.Length).InputTokens, 1), Fast: call.Request!.Fast), Completeness.Interrupted)
            : new(default, Completeness.Complete);
    }

    /// <summary>An estimate for an answer that did not come so far as to tell its speed takes the one that was asked for, which is the dearer.</summary>
    private static MeteredUsage AsAsked(GatewayCall call, UsageMeter meter, MeteredUsage metered)
        => metered.Completeness is Completeness.Interrupted && call.Request is { Fast: true } && !meter.TellsInput
            ? metered with { Usage = metered.Usage with { Fast = true } }
            : metered;

    private static UsageRecord RecordOf(GatewayCall call, BatchResult result)
    {
        var batch = call.RegisteredBatch!;
        var model = result.Model ?? call.Request!.Model;
        var price = call.Snapshot!.Policies.Prices.Price(batch.Provider, model, result.Usage, batch.CreatedAt);
        return RecordOf(call, default, result.Completeness) with
        {
            Id = IdOf(batch, result),
            Kind = RequestKind.BatchResult,
            Model = model,
            SessionId = batch.SessionId,
            StatusCode = 200,
            Timestamp = batch.CreatedAt,
            Duration = call.StartedAt + call.Elapsed - batch.CreatedAt is { Ticks: > 0 } waited ? waited : TimeSpan.Zero,
            TimeToFirstByte = null,
            Usage = result.Usage,
            Cost = price.Cost,
            PriceUnknown = !price.Known,
            ProviderRequestId = result.MessageId,
            RequestBytes = 0,
            ResponseBytes = result.Bytes,
        };
    }

    /// <summary>Rows of what is billed beside a row, by the same person and for the same reason, each at its own model's price.</summary>
    private static UsageRecord[] PartsOf(GatewayCall call, UsageRecord row, ImmutableArray<PartUsage> parts)
        => parts.IsDefaultOrEmpty ? [] : [.. parts.Select((part, i) => PartOf(call, row, part, i + 1))]; // nearly always none

    private static UsageRecord PartOf(GatewayCall call, UsageRecord row, PartUsage part, int number)
    {
        // Tier and place are the request's; speed is the answering model's own.
        var usage = part.Usage with { Tier = row.Usage.Tier, InferenceInUs = row.Usage.InferenceInUs };
        var model = part.Model ?? (part.IsAdvice ? AdvisorOf(call, row, usage) : row.Model);
        var price = call.Snapshot!.Policies.Prices.Price(row.Provider!.Value, model, usage, row.Timestamp);
        return row with
        {
            Id = UsageRecord.PartId(row.Id, number),
            Kind = row.Kind is RequestKind.BatchResult ? RequestKind.BatchResult : RequestKind.Part,
            Model = model,
            TimeToFirstByte = null,
            Usage = usage,
            Cost = price.Cost,
            PriceUnknown = !price.Known,
            RequestBytes = 0,
            ResponseBytes = 0,
        };
    }

    /// <summary>The model that a request names beside its own; of several the one that would have been dearest.</summary>
    private static string AdvisorOf(GatewayCall call, UsageRecord row, RequestUsage usage)
        => call.Request is { OtherModels: { IsEmpty: false } named }
            ? named.MaxBy(model => call.Snapshot!.Policies.Prices.Price(row.Provider!.Value, model, usage, row.Timestamp).Cost.Value)!
            : row.Model;

    /// <summary>The same at every read, here and on every other node.</summary>
    private static RequestId IdOf(RegisteredBatch batch, BatchResult result)
        => new("batch-" + Convert.ToHexStringLower(
            SHA256.HashData(Encoding.UTF8.GetBytes($"{batch.Provider.Value}\n{batch.Id}\n{result.CustomId}")).AsSpan(0, 20)));

    private static UsageRecord RecordOf(GatewayCall call, RequestUsage usage, Completeness completeness)
    {
        var caller = call.Peer?.Caller;
        var request = call.Request;
        var model = call.Meter?.Model ?? request?.Model ?? "";
        var price = call.Snapshot is { } snapshot && call.Charged is { } charged && usage != default
            ? snapshot.Policies.Prices.Price(charged.Provider, model, usage, call.StartedAt)
            : new(NanoUsd.Zero, Known: true);
        return new()
        {
            Id = call.Id,
            Timestamp = call.StartedAt,
            User = caller?.User,
            UserName = caller?.Name ?? "",
            Peer = caller?.Peer,
            Groups = caller is null ? [] : [.. caller.Groups],
            ChargedGroup = call.Charged?.Group,
            Policy = call.Charged?.Policy,
            Provider = call.Charged?.Provider,
            Kind = request?.Kind ?? RequestKind.Other,
            Model = model,
            SessionId = request?.SessionId,
            AgentId = request?.AgentId,
            DenyReason = call.Refusal?.Reason,
            DenyText = call.Refusal is { } refusal ? RefusalText.Sentence(refusal, call.Snapshot?.Contact) : null,
            StatusCode = call.StatusCode,
            Duration = call.Elapsed,
            TimeToFirstByte = call.TimeToFirstByte,
            Stream = request?.Stream ?? false,
            Usage = usage,
            Cost = price.Cost,
            PriceUnknown = !price.Known,
            Completeness = completeness,
            KeyId = call.Key?.Id,
            ProviderRequestId = call.ProviderRequestId,
            RequestBytes = call.Body.Length,
            ResponseBytes = call.ResponseBytes,
        };
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Metering + 1, LogLevel.Error, "Usage cannot be recorded; requests are refused")]
        public static partial void CannotOpen(ILogger logger, Exception exception);

        [LoggerMessage(EventIds.Metering + 2, LogLevel.Error, "Request {Id} is not settled; its reservation stays until it lapses")]
        public static partial void NotSettled(ILogger logger, Exception exception, RequestId id);

        [LoggerMessage(EventIds.Metering + 3, LogLevel.Error, "Request {Id} is not recorded beyond its beginning")]
        public static partial void NotRecorded(ILogger logger, Exception exception, RequestId id);

        [LoggerMessage(EventIds.Metering + 5, LogLevel.Error, "The usage of request {Id} cannot be read off its answer; it is estimated")]
        public static partial void MeterFailed(ILogger logger, Exception exception, RequestId id);

        [LoggerMessage(EventIds.Metering + 4, LogLevel.Warning,
            "Request {Id} to {Model} ended well, but its answer carries no usage that can be read; it is estimated")]
        public static partial void UsageMissing(ILogger logger, RequestId id, string model);
    }
}
