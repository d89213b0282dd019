using System.Collections.Immutable;
using System.Text.Json;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.Gateway.Metering;

/// <summary>Reads usage off an answer as its bytes pass. Never changes, delays or refuses a byte.</summary>
internal abstract class UsageMeter
{
    private string? _model;

    /// <summary>The model that answered, where the answer named it: at its beginning, or where the provider fell back to another later.</summary>
    public virtual string? Model
    {
        get => Fields.FellBackTo ?? _model;
        protected set => _model = value;
    }

    /// <summary>The provider's figures so far.</summary>
    private protected UsageFields Fields;

    /// <summary>The answer is at a place where an event of ours may stand.</summary>
    public virtual bool AtEventBoundary => false;

    /// <summary>The provider has said how long the prompt is.</summary>
    public virtual bool TellsInput => Fields is { Input: not null, Malformed: false };

    /// <summary>Characters of the model's own words seen so far, where the figures have not come.</summary>
    protected virtual long SpokenChars => 0;

    /// <summary>For each time an advisor was asked within the answer: the model's own words until then, in tokens. It reads them with the prompt.</summary>
    private protected virtual IReadOnlyList<long> AskedAdvisor => [];

    /// <summary>The figures are the provider's last word.</summary>
    protected abstract bool Final { get; }

    /// <summary>Bytes of the body, in order, split anywhere.</summary>
    public abstract void Feed(ReadOnlySpan<byte> bytes);

    /// <summary>No more bytes come. Waits for decoders.</summary>
    public virtual ValueTask FinishAsync() => ValueTask.CompletedTask;

    /// <summary>What was used, and whether that is the provider's word.</summary>
    public virtual MeteredUsage Result(UsageEstimate estimate)
    {
        var told = Fields.Input is not null && Fields.Output is not null && !Fields.Malformed;
        if (Final && told)
        {
            return new(Fields.ToUsage(Fields.Input!.Value, Fields.Output!.Value), Completeness.Complete, Fields.Parts);
        }

        var input = Fields.Input ?? estimate.InputTokens;
        var output = Math.Max(Fields.Output ?? 0, UsageEstimate.Tokens(SpokenChars));
        var usage = Fields.ToUsage(input, Math.Max(1, output));
        return new(usage, Completeness.Interrupted, WithAdvice(usage.Tokens.Prompt));
    }

    /// <summary>What was told of other models' work, and an estimate for each call of an advisor that was seen beyond that.</summary>
    private ImmutableArray<PartUsage> WithAdvice(long prompt)
    {
        var told = Fields.Parts.IsDefault ? [] : Fields.Parts;
        var parts = told.AddRange(AskedAdvisor.Skip(told.Length).Select(
            spoken => new PartUsage(null, new(new TokenUsage(prompt + spoken, UsageEstimate.AdviceTokens)), IsAdvice: true)));
        return parts.IsEmpty ? default : parts;
    }

    private protected static bool TryParse(ReadOnlySpan<byte> json, ref UsageFields fields)
    {
        try
        {
            var reader = new Utf8JsonReader(json);
            reader.Read();
            fields.Merge(ref reader);
            return true;
        }
        catch (Exception unreadable) when (unreadable is JsonException or InvalidOperationException)
        {
            return false;
        }
    }
}

/// <summary>What a request used.</summary>
/// <param name="Usage">The answer's own.</param>
/// <param name="Completeness">Whether that is the provider's word.</param>
/// <param name="Parts">What is billed beside it. Default: nothing.</param>
internal readonly record struct MeteredUsage(RequestUsage Usage, Completeness Completeness, ImmutableArray<PartUsage> Parts = default);

/// <summary>
/// What is assumed where the provider did not say: four bytes of the request a token of input, four characters of the model's words a token of output.
/// Anthropic's own gateway bills a cut stream the same way.
/// </summary>
/// <param name="InputTokens">Of the prompt.</param>
internal readonly record struct UsageEstimate(long InputTokens)
{
    /// <summary>Of an advisor's answer, of which only the end tells: the page on the advisor tool names 1,400 to 1,800, thinking included.</summary>
    public const long AdviceTokens = 1_800;

    private const int PerToken = 4;

    public static UsageEstimate Of(long requestBytes) => new(Math.Max(1, Tokens(requestBytes)));

    public static long Tokens(long bytesOrChars) => (bytesOrChars + PerToken - 1) / PerToken;
}
