using System.Collections.Immutable;
using System.Text.Json;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.Gateway.Metering;

/// <summary>
/// A provider's <c>usage</c> as far as it is known. Later objects are merged over earlier ones: <c>message_delta</c> is cumulative
/// and leaves out what <c>message_start</c> already told (split of cache writes, tier, place, speed).
/// </summary>
internal struct UsageFields
{
    /// <summary>Far above what a request can use; a larger figure is an error, and would overflow a sum one day.</summary>
    private const long Absurd = 1_000_000_000_000;

    private long? _cacheWrite;
    private long? _cacheWrite5m;
    private long? _cacheWrite1h;

    public long? Input { get; private set; }

    public long? Output { get; private set; }

    public long? CacheRead { get; private set; }

    public long? WebSearches { get; private set; }

    public long? CodeExecutions { get; private set; }

    public ServiceTier Tier { get; private set; }

    public bool Fast { get; private set; }

    public bool InferenceInUs { get; private set; }

    /// <summary>A known field had a value that is no count.</summary>
    public bool Malformed { get; private set; }

    /// <summary>What was run beside the model's own answer and is not in these figures. Default: nothing.</summary>
    public ImmutableArray<PartUsage> Parts { get; private set; }

    /// <summary>The model that the provider fell back to, whose figures these are; null: it did not.</summary>
    public string? FellBackTo { get; private set; }

    /// <summary>Reads one usage object; the reader stands on its first token. Unknown fields are skipped.</summary>
    /// <exception cref="JsonException">It is not JSON.</exception>
    public void Merge(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Null)
        {
            return;
        }

        if (reader.TokenType != JsonTokenType.StartObject)
        {
            Malformed = true;
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("input_tokens"u8))
            {
                Input = Count(ref reader, Input);
            }
            else if (reader.ValueTextEquals("output_tokens"u8))
            {
                Output = Count(ref reader, Output);
            }
            else if (reader.ValueTextEquals("cache_read_input_tokens"u8))
            {
                CacheRead = Count(ref reader, CacheRead);
            }
            else if (reader.ValueTextEquals("cache_creation_input_tokens"u8))
            {
                _cacheWrite = Count(ref reader, _cacheWrite);
            }
            else if (reader.ValueTextEquals("cache_creation"u8))
            {
                MergeCacheCreation(ref reader);
            }
            else if (reader.ValueTextEquals("server_tool_use"u8))
            {
                MergeServerTools(ref reader);
            }
            else if (reader.ValueTextEquals("iterations"u8))
            {
                MergeIterations(ref reader);
            }
            else if (reader.ValueTextEquals("service_tier"u8))
            {
                Tier = !ReadTold(ref reader) ? Tier
                    : IsText(ref reader, "batch"u8) ? ServiceTier.Batch
                    : IsText(ref reader, "priority"u8) ? ServiceTier.Priority : ServiceTier.Standard;
                reader.Skip();
            }
            else if (reader.ValueTextEquals("speed"u8))
            {
                Fast = ReadTold(ref reader) ? IsText(ref reader, "fast"u8) : Fast;
                reader.Skip();
            }
            else if (reader.ValueTextEquals("inference_geo"u8))
            {
                InferenceInUs = ReadTold(ref reader) ? IsText(ref reader, "us"u8) : InferenceInUs;
                reader.Skip();
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }
    }

    /// <summary>
    /// After figures that took back what had been told: cumulative ones only grow, so of each count the larger stands, and they are no longer
    /// the provider's last word.
    /// </summary>
    public void TakeBack(in UsageFields before)
    {
        Malformed = true;
        Input = Larger(before.Input, Input);
        Output = Larger(before.Output, Output);
        CacheRead = Larger(before.CacheRead, CacheRead);
        WebSearches = Larger(before.WebSearches, WebSearches);
        CodeExecutions = Larger(before.CodeExecutions, CodeExecutions);
        _cacheWrite = Larger(before._cacheWrite, _cacheWrite);
        _cacheWrite5m = Larger(before._cacheWrite5m, _cacheWrite5m);
        _cacheWrite1h = Larger(before._cacheWrite1h, _cacheWrite1h);
    }

    /// <summary>The usage, with what was not told taken as none; the caller has filled in estimates before.</summary>
    public readonly RequestUsage ToUsage(long input, long output)
    {
        // Where only the total is told, all of it is five minutes; where total and split disagree, the larger counts.
        var hour = _cacheWrite1h ?? 0;
        var fiveMinutes = Math.Max(_cacheWrite5m ?? 0, (_cacheWrite ?? 0) - hour);
        return new(
            new(input, output, CacheRead ?? 0, fiveMinutes, hour),
            (int)Math.Min(WebSearches ?? 0, int.MaxValue), Tier, Fast, InferenceInUs, (int)Math.Min(CodeExecutions ?? 0, int.MaxValue));
    }

    /// <summary>
    /// The provider's own turns. Those of the model that answered (<c>message</c>, <c>fallback_message</c>) are in the figures above; a
    /// <c>compaction</c> and the words of an advisor are not, and neither will be what comes later.
    /// </summary>
    private void MergeIterations(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            Malformed |= reader.TokenType != JsonTokenType.Null;
            reader.Skip();
            return;
        }

        var parts = ImmutableArray.CreateBuilder<PartUsage>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                Malformed = true;
                reader.Skip();
                continue;
            }

            var (kind, model) = NamesOf(reader);
            var fields = default(UsageFields);
            fields.Merge(ref reader);
            Malformed |= fields.Malformed;
            switch (kind)
            {
                case "message":
                    break;
                case "fallback_message":
                    FellBackTo = model ?? FellBackTo;
                    break;
                default:
                    var usage = fields.ToUsage(fields.Input ?? 0, fields.Output ?? 0);
                    if (usage.Tokens != default)
                    {
                        parts.Add(new(model, usage));
                    }

                    break;
            }
        }

        Parts = parts.DrainToImmutable();
    }

    /// <summary>The <c>type</c> and <c>model</c> of an object that the reader stands at the beginning of; it is a copy, so that it can be read again.</summary>
    private static (string? Kind, string? Model) NamesOf(Utf8JsonReader reader)
    {
        string? kind = null, model = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isType = reader.ValueTextEquals("type"u8);
            var isModel = reader.ValueTextEquals("model"u8);
            reader.Read();
            kind = isType ? ModelText.From(ref reader) : kind;
            model = isModel ? ModelText.From(ref reader) : model;
            reader.Skip();
        }

        return (kind, model);
    }

    private static long? Larger(long? a, long? b) => a is null || a < b ? b : a;

    /// <summary>Steps to the value; null is as good as nothing, and what was told before stands.</summary>
    private static bool ReadTold(ref Utf8JsonReader reader)
    {
        reader.Read();
        return reader.TokenType != JsonTokenType.Null;
    }

    private static bool IsText(ref Utf8JsonReader reader, ReadOnlySpan<byte> text)
        => reader.TokenType == JsonTokenType.String && reader.ValueTextEquals(text);

    private void MergeCacheCreation(ref Utf8JsonReader reader)
    {
        if (!EnterObject(ref reader))
        {
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("ephemeral_5m_input_tokens"u8))
            {
                _cacheWrite5m = Count(ref reader, _cacheWrite5m);
            }
            else if (reader.ValueTextEquals("ephemeral_1h_input_tokens"u8))
            {
                _cacheWrite1h = Count(ref reader, _cacheWrite1h);
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }
    }

    private void MergeServerTools(ref Utf8JsonReader reader)
    {
        if (!EnterObject(ref reader))
        {
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("web_search_requests"u8))
            {
                WebSearches = Count(ref reader, WebSearches);
            }
            else if (reader.ValueTextEquals("code_execution_requests"u8))
            {
                CodeExecutions = Count(ref reader, CodeExecutions);
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }
    }

    private bool EnterObject(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.StartObject)
        {
            return true;
        }

        Malformed |= reader.TokenType != JsonTokenType.Null;
        reader.Skip();
        return false;
    }

    /// <summary>A count, or what was known before where it is absent (null) or no count.</summary>
    private long? Count(ref Utf8JsonReader reader, long? before)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var count) && count is >= 0 and <= Absurd)
        {
            return count;
        }

        Malformed |= reader.TokenType != JsonTokenType.Null;
        reader.Skip();
        return before;
    }
}

/// <summary>What the provider ran within a request and bills beside it.</summary>
/// <param name="Model">Which model it was; null: the one that answered.</param>
/// <param name="Usage">What it used.</param>
/// <param name="IsAdvice">An advisor's, and an estimate: its call was seen and its figures never came. The request says which model it was.</param>
internal readonly record struct PartUsage(string? Model, RequestUsage Usage, bool IsAdvice = false);
