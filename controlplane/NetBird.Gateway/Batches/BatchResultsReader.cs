using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Text.Json;
using NetBird.Gateway.Metering;
using NetBird.Policy.Pricing;

namespace NetBird.Gateway.Batches;

/// <summary>
/// Reads results of a batch, a line of JSON each, fed with bytes split anywhere. Only results that succeeded cost anything; one that
/// cannot be read is taken to have, and estimated.
/// </summary>
internal sealed class BatchResultsReader(UsageEstimate estimate)
{
    /// <summary>Ours: sixteen times the longest answer there is, in characters.</summary>
    public const int MaxLineBytes = 16 << 20;

    private GrowingBuffer _line = new(MaxLineBytes);
    private long _lineBytes;
    private long _number;

    /// <summary>Adds what the bytes complete to <paramref name="results"/>.</summary>
    public void Feed(ReadOnlySpan<byte> bytes, List<BatchResult> results)
    {
        while (!bytes.IsEmpty)
        {
            var end = bytes.IndexOf((byte)'\n');
            var part = end < 0 ? bytes : bytes[..end];
            _line.Append(part);
            _lineBytes += part.Length;
            if (end < 0)
            {
                return;
            }

            EndLine(results);
            bytes = bytes[(end + 1)..];
        }
    }

    /// <summary>The last line may have no end.</summary>
    public void Finish(List<BatchResult> results)
    {
        EndLine(results);
        _line.Release();
    }

    private void EndLine(List<BatchResult> results)
    {
        _number++;
        if (!_line.IsEmpty && !(_lineBytes <= 2 && _line.Bytes.Trim(" \r\t"u8).IsEmpty))
        {
            try
            {
                if (_line.Overflowed || !TryRead(_line.Bytes, out var result))
                {
                    results.Add(Unreadable());
                }
                else if (result is not null)
                {
                    results.Add(result);
                }
            }
            catch (Exception unreadable) when (unreadable is JsonException or InvalidOperationException)
            {
                results.Add(Unreadable());
            }
        }

        _line.Clear();
        _lineBytes = 0;
    }

    /// <summary>False: no result as the API writes one. Null: one that costs nothing.</summary>
    private bool TryRead(ReadOnlySpan<byte> line, out BatchResult? result)
    {
        result = null;
        var reader = new Utf8JsonReader(line, new JsonReaderOptions { MaxDepth = 300 });
        using var document = JsonDocument.ParseValue(ref reader);
        var root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object
            || !root.TryGetProperty("custom_id", out var id) || id.GetString() is not { Length: > 0 } customId
            || !root.TryGetProperty("result", out var outcome) || outcome.ValueKind != JsonValueKind.Object
            || !outcome.TryGetProperty("type", out var type))
        {
            return false;
        }

        if (!type.ValueEquals("succeeded"u8))
        {
            // errored, canceled, expired: not billed.
            return true;
        }

        var hasMessage = outcome.TryGetProperty("message", out var message) && message.ValueKind == JsonValueKind.Object;
        var fields = default(UsageFields);
        if (hasMessage && message.TryGetProperty("usage", out var usage))
        {
            var inner = new Utf8JsonReader(JsonMarshal.GetRawUtf8Value(usage));
            inner.Read();
            fields.Merge(ref inner);
        }

        result = new(
            customId,
            fields.FellBackTo ?? Text(hasMessage, message, "model"),
            Text(hasMessage, message, "id"),
            UsageOf(fields, out var completeness),
            completeness,
            line.Length,
            fields.Parts);
        return true;
    }

    private RequestUsage UsageOf(in UsageFields fields, out Completeness completeness)
    {
        var told = fields.Input is not null && fields.Output is not null && !fields.Malformed;
        completeness = told ? Completeness.Complete : Completeness.Interrupted;
        var usage = fields.ToUsage(
            fields.Input ?? estimate.InputTokens, told ? fields.Output ?? 0 : Math.Max(fields.Output ?? 0, UsageEstimate.Tokens(_lineBytes)));
        return usage with { Tier = ServiceTier.Batch };
    }

    private BatchResult Unreadable() => new(
        $"line {_number}", null, null, UsageOf(default, out var completeness), completeness, _lineBytes);

    private static string? Text(bool has, JsonElement message, string name)
        => has && message.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            && value.GetString() is { Length: > 0 and <= 128 } text ? text : null;
}

/// <summary>One result that costs something.</summary>
/// <param name="CustomId">The caller's id of the request, unique in its batch; for a line that cannot be read, its place.</param>
/// <param name="Model">The model that answered, or null when it is not told.</param>
/// <param name="MessageId">The provider's id of the message, or null.</param>
/// <param name="Usage">What was used, at batch price.</param>
/// <param name="Completeness">Whether that is the provider's word.</param>
/// <param name="Bytes">Of the line.</param>
/// <param name="Parts">What is billed beside it. Default: nothing.</param>
internal sealed record BatchResult(
    string CustomId, string? Model, string? MessageId, RequestUsage Usage, Completeness Completeness, long Bytes, ImmutableArray<PartUsage> Parts = default);
