using NetBird.Primitives;

namespace NetBird.Policy.Pricing;

/// <summary>Price of one token in each bucket, in whole nano-USD. One USD per million tokens is 1,000.</summary>
/// <param name="Input">Plain prompt tokens.</param>
/// <param name="Output">Generated tokens.</param>
/// <param name="CacheRead">Prompt tokens read from the cache.</param>
/// <param name="CacheWrite5m">Prompt tokens written to the cache for five minutes.</param>
/// <param name="CacheWrite1h">Prompt tokens written to the cache for one hour.</param>
public readonly record struct ModelRates(long Input, long Output, long CacheRead, long CacheWrite5m, long CacheWrite1h)
{
    /// <summary>Nano-USD per token in one USD per million tokens.</summary>
    public const long PerUsdPerMillion = NanoUsd.PerUsd / 1_000_000;

    /// <summary>
    /// Rates of a model of which only input and output are known: cache writes 1.25 and 2 times input, reads a tenth,
    /// as Anthropic prices nearly every model. Rounded up to a nano-dollar where input is not divisible.
    /// </summary>
    public static ModelRates FromInputAndOutput(long input, long output)
        => new(input, output, (input + 9) / 10, ((input * 5) + 3) / 4, input * 2);

    /// <summary>Converts a list price; false when it is negative, absurd (over USD 1 a token) or finer than a nano-dollar per token.</summary>
    public static bool TryPerToken(decimal usdPerMillionTokens, out long nanoUsd)
    {
        nanoUsd = 0;
        if (usdPerMillionTokens is < 0 or > 1_000_000)
        {
            return false;
        }

        var exact = usdPerMillionTokens * PerUsdPerMillion;
        if (exact != decimal.Truncate(exact))
        {
            return false;
        }

        nanoUsd = (long)exact;
        return true;
    }

    /// <summary>Each bucket at the dearer of two rates.</summary>
    internal static ModelRates Dearest(ModelRates a, ModelRates b) => new(
        Math.Max(a.Input, b.Input),
        Math.Max(a.Output, b.Output),
        Math.Max(a.CacheRead, b.CacheRead),
        Math.Max(a.CacheWrite5m, b.CacheWrite5m),
        Math.Max(a.CacheWrite1h, b.CacheWrite1h));

    internal ModelRates Times(long factor)
        => new(Input * factor, Output * factor, CacheRead * factor, CacheWrite5m * factor, CacheWrite1h * factor);

    /// <summary>The most a prompt token can cost.</summary>
    internal long DearestInput(bool oneHourWrites)
    {
        var dearest = Math.Max(Math.Max(Input, CacheRead), CacheWrite5m);
        return oneHourWrites ? Math.Max(dearest, CacheWrite1h) : dearest;
    }

    /// <summary>Cost of all tokens. 128 bits: no count that fits its field can overflow.</summary>
    internal Int128 Cost(in TokenUsage tokens)
        => ((Int128)tokens.Input * Input)
            + ((Int128)tokens.Output * Output)
            + ((Int128)tokens.CacheRead * CacheRead)
            + ((Int128)tokens.CacheWrite5m * CacheWrite5m)
            + ((Int128)tokens.CacheWrite1h * CacheWrite1h);
}
