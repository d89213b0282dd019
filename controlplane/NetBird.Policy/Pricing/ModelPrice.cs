namespace NetBird.Policy.Pricing;

/// <summary>The price of a model from a date on.</summary>
/// <param name="From">First moment it holds.</param>
/// <param name="Rates">Per token.</param>
/// <param name="Fast">In fast mode; null where the model has none that is known.</param>
/// <param name="AbovePromptTokens">Prompts longer than this are priced by <paramref name="Above"/>, output included.</param>
/// <param name="Above">Rates of long prompts; null where there is one band.</param>
public sealed record ModelPrice(
    DateTimeOffset From,
    ModelRates Rates,
    ModelRates? Fast = null,
    long AbovePromptTokens = long.MaxValue,
    ModelRates? Above = null)
{
    /// <summary>The rates of a prompt of this length.</summary>
    internal ModelRates For(long promptTokens) => promptTokens > AbovePromptTokens && Above is { } above ? above : Rates;

    /// <summary>The dearest rates of a prompt of at most this length.</summary>
    internal ModelRates DearestUpTo(long promptTokens) => ModelRates.Dearest(Rates, For(promptTokens));

    /// <summary>The whole factor, rounded up, by which fast mode is dearer in some bucket; 0 where there is none.</summary>
    internal long FastFactor()
    {
        if (Fast is not { } fast)
        {
            return 0;
        }

        return new[]
        {
            Factor(fast.Input, Rates.Input),
            Factor(fast.Output, Rates.Output),
            Factor(fast.CacheRead, Rates.CacheRead),
            Factor(fast.CacheWrite5m, Rates.CacheWrite5m),
            Factor(fast.CacheWrite1h, Rates.CacheWrite1h),
        }.Max();
    }

    private static long Factor(long fast, long plain) => plain == 0 ? 0 : (fast + plain - 1) / plain;
}
