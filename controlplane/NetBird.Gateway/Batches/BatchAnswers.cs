using System.Buffers;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using NetBird.Gateway.Forwarding;
using NetBird.Gateway.Metering;
using NetBird.Primitives;

namespace NetBird.Gateway.Batches;

/// <summary>
/// Carries the two answers about batches that matter: the one to a creation, whose id is registered before the caller can use
/// it, and the results, each metered before its last byte is passed on, so that nothing was read that is not recorded.
/// </summary>
internal sealed partial class BatchAnswers(BatchDesk desk, MeteringStage metering, ILogger<BatchAnswers> logger)
{
    /// <summary>Ours: a batch object has some 500 bytes.</summary>
    private const int MaxBatchBytes = 1 << 20;

    private const int ReadBytes = 64 * 1024;

    public async ValueTask<AnswerPump.End> RunAsync(GatewayCall call, Stream answer)
    {
        try
        {
            return call.Batch!.Call is BatchCall.Create
                ? await CreatedAsync(call, answer).ConfigureAwait(false)
                : await ResultsAsync(call, answer).ConfigureAwait(false);
        }
        catch (Exception) when (call.CutReason is not null)
        {
            return AnswerPump.End.Cut;
        }
        catch (Exception) when (call.CallerLeft)
        {
            return AnswerPump.End.CallerLeft;
        }
        catch (Exception broken) when (broken is IOException or HttpRequestException or OperationCanceledException)
        {
            return AnswerPump.End.ProviderBroke;
        }
    }

    private async ValueTask<AnswerPump.End> CreatedAsync(GatewayCall call, Stream answer)
    {
        using var body = new MemoryStream();
        var buffer = new byte[16 * 1024];
        int read;
        while ((read = await answer.ReadAsync(buffer, call.Stop).ConfigureAwait(false)) > 0 && body.Length < MaxBatchBytes)
        {
            body.Write(buffer, 0, read);
        }

        var whole = body.GetBuffer().AsMemory(0, (int)body.Length);
        if (IdOf(whole.Span) is { } id)
        {
            await desk.RegisterAsync(call, id).ConfigureAwait(false);
        }
        else
        {
            Log.NoId(logger, call.Id);
        }

        await PassAsync(call, whole).ConfigureAwait(false);
        return call.CallerLeft ? AnswerPump.End.CallerLeft : AnswerPump.End.Whole;
    }

    private async ValueTask<AnswerPump.End> ResultsAsync(GatewayCall call, Stream answer)
    {
        var batch = call.RegisteredBatch!;
        var reader = new BatchResultsReader(UsageEstimate.Of(batch.Bytes / Math.Max(1, batch.Requests)));
        var results = new List<BatchResult>();

        // What of a line has come and is not whole yet: who had it could leave, and nobody would have counted it.
        using var held = new MemoryStream();
        var buffer = ArrayPool<byte>.Shared.Rent(ReadBytes);
        while (true)
        {
            var read = await answer.ReadAsync(buffer, call.Stop).ConfigureAwait(false);
            if (read == 0)
            {
                reader.Finish(results);
            }
            else
            {
                call.TimeToFirstByte ??= call.Elapsed;
                reader.Feed(buffer.AsSpan(0, read), results);
            }

            if (results.Count > 0)
            {
                try
                {
                    await metering.AddResultsAsync(call, results).ConfigureAwait(false);
                }
                catch (IOException unrecorded)
                {
                    // What is not recorded is not passed on; the caller reads again once it can be.
                    Log.NotRecorded(logger, unrecorded, call.Id);
                    call.Http.Abort();
                    return AnswerPump.End.Cut;
                }

                results.Clear();
            }

            if (read == 0)
            {
                // Only here is no read pending.
                ArrayPool<byte>.Shared.Return(buffer);
                await PassAsync(call, Taken(held)).ConfigureAwait(false);
                return call.CallerLeft ? AnswerPump.End.CallerLeft : AnswerPump.End.Whole;
            }

            var whole = buffer.AsSpan(0, read).LastIndexOf((byte)'\n') + 1;
            if (whole > 0)
            {
                await PassAsync(call, Taken(held)).ConfigureAwait(false);
                await PassAsync(call, buffer.AsMemory(0, whole)).ConfigureAwait(false);
            }

            held.Write(buffer, whole, read - whole);
            if (held.Length > BatchResultsReader.MaxLineBytes)
            {
                // No result: what has no end would be held for ever.
                return AnswerPump.End.ProviderBroke;
            }
        }
    }

    private static ReadOnlyMemory<byte> Taken(MemoryStream held)
    {
        var bytes = held.Length == 0 ? [] : held.ToArray();
        held.SetLength(0);
        return bytes;
    }

    private static async ValueTask PassAsync(GatewayCall call, ReadOnlyMemory<byte> bytes)
    {
        if (!call.CallerLeft)
        {
            await call.Http.Response.BodyWriter.WriteAsync(bytes, call.Stop).ConfigureAwait(false);
            call.ResponseBytes += bytes.Length;
        }
    }

    private static string? IdOf(ReadOnlySpan<byte> json)
    {
        try
        {
            var reader = new Utf8JsonReader(json);
            using var document = JsonDocument.ParseValue(ref reader);
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("id", out var id)
                && id.ValueKind == JsonValueKind.String && id.GetString() is { Length: > 0 and <= 256 } text ? text : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Batches + 3, LogLevel.Error, "The answer to request {Id} created a batch and names none; nobody can read its results here")]
        public static partial void NoId(ILogger logger, RequestId id);

        [LoggerMessage(EventIds.Batches + 4, LogLevel.Error, "Results that request {Id} reads cannot be recorded and are not passed on")]
        public static partial void NotRecorded(ILogger logger, Exception exception, RequestId id);
    }
}
