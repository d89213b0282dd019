using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.Policy.Limits;

/// <summary>
/// What a request will probably use, learned per provider and model from those before it: prompt tokens and their cost for each byte of the
/// body, tokens of the answer and their cost. Each is a running mean with its deviation, weighed as RFC 6298 section 2 weighs
/// round trips (an eighth and a quarter), and the estimate is their sum, so that it errs high when usage varies.
/// </summary>
/// <remarks>
/// Before the first answer of a model: four bytes a prompt token at list price, and an answer of 1,000 tokens, both ours.
/// Thread-safe. Integer arithmetic; figures per byte carry 16 bits of fraction.
/// </remarks>
public sealed class UsageEstimator
{
    private const int BytesPerPromptToken = 4;
    private const long FirstOutputTokens = 1_000;

    /// <summary>Model ids come from callers: past this many, new ones share one figure.</summary>
    private const int MostModels = 1_000;
    private const int FractionBits = 16;

    private readonly Lock _gate = new();
    private readonly Dictionary<(ProviderId, string), Learned> _learned = [];

    /// <summary>Tokens and cost a request will probably use, never above <paramref name="bound"/>.</summary>
    public (long Tokens, long NanoUsd) Estimate(
        ProviderId provider, ModelRequest request, ModelPrice listed, RequestBound bound)
    {
        var prompt = request.BodyBytes / BytesPerPromptToken;
        var promptCost = prompt * listed.Rates.Input;
        var most = request.MaxOutputTokens ?? PriceTable.LongestOutputTokens;
        var output = Math.Min(most, FirstOutputTokens);
        var outputCost = output * listed.Rates.Output;
        lock (_gate)
        {
            if (Find(provider, request.Model) is { } learned)
            {
                prompt = Scale(learned.PromptPerByte.High, request.BodyBytes);
                promptCost = Scale(learned.PromptCostPerByte.High, request.BodyBytes);
                (output, outputCost) = (learned.Output.High, learned.OutputCost.High);
                if (output > most)
                {
                    // The caller allows less than usual.
                    outputCost = (long)((Int128)outputCost * most / output);
                    output = most;
                }
            }
        }

        return (Math.Clamp(prompt + output, 1, Math.Max(1, bound.Tokens)),
            Math.Clamp(promptCost + outputCost, 1, Math.Max(1, bound.Cost.Value)));
    }

    /// <summary>Takes note of what a request used.</summary>
    /// <param name="provider">Where it went.</param>
    /// <param name="model">The model asked for.</param>
    /// <param name="bodyBytes">Bytes of its body.</param>
    /// <param name="tokens">What it used.</param>
    /// <param name="cost">The price of all of it.</param>
    /// <param name="outputRate">Nano-USD per output token, to tell the answer's part of the price.</param>
    public void Learn(ProviderId provider, string model, long bodyBytes, in TokenUsage tokens, NanoUsd cost, long outputRate)
    {
        if (bodyBytes <= 0 || tokens.Prompt <= 0 || tokens.Output < 0)
        {
            return;
        }

        var outputCost = Math.Min(cost.Value, (long)Int128.Min((Int128)tokens.Output * outputRate, long.MaxValue));
        lock (_gate)
        {
            var learned = Find(provider, model);
            if (learned is null)
            {
                var key = _learned.Count < MostModels ? (provider, model) : (default, "");
                if (!_learned.TryGetValue(key, out learned))
                {
                    _learned.Add(key, learned = new());
                }
            }

            learned.PromptPerByte.Note(PerByte(tokens.Prompt, bodyBytes));
            learned.PromptCostPerByte.Note(PerByte(cost.Value - outputCost, bodyBytes));
            learned.Output.Note(tokens.Output);
            learned.OutputCost.Note(outputCost);
        }
    }

    private Learned? Find(ProviderId provider, string model)
        => _learned.TryGetValue((provider, model), out var learned) ? learned
            : _learned.Count >= MostModels && _learned.TryGetValue((default, ""), out learned) ? learned
            : null;

    private static long PerByte(long amount, long bytes)
        => (long)Int128.Min(((Int128)amount << FractionBits) / bytes, long.MaxValue / 4);

    private static long Scale(long perByte, long bytes)
        => (long)Int128.Min((((Int128)perByte * bytes) + (1 << FractionBits) - 1) >> FractionBits, long.MaxValue / 4);

    /// <summary>A mean and its mean deviation.</summary>
    private sealed class Running
    {
        private long _mean = -1;
        private long _deviation;

        public long High => _mean + _deviation;

        public void Note(long value)
        {
            if (_mean < 0)
            {
                _mean = value;
                return;
            }

            _deviation += (Math.Abs(_mean - value) - _deviation) / 4;
            _mean += (value - _mean) / 8;
        }
    }

    private sealed class Learned
    {
        public Running PromptPerByte { get; } = new();

        public Running PromptCostPerByte { get; } = new();

        public Running Output { get; } = new();

        public Running OutputCost { get; } = new();
    }
}
