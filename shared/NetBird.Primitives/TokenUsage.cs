namespace NetBird.Primitives;

/// <summary>Tokens of one request by the buckets that are priced apart; each token is in exactly one bucket.</summary>
/// <param name="Input">Prompt tokens neither read from nor written to the cache (<c>input_tokens</c>).</param>
/// <param name="Output">Generated tokens, thinking included (<c>output_tokens</c>).</param>
/// <param name="CacheRead">Prompt tokens read from the cache (<c>cache_read_input_tokens</c>).</param>
/// <param name="CacheWrite5m">Prompt tokens written to the cache for five minutes.</param>
/// <param name="CacheWrite1h">Prompt tokens written to the cache for one hour.</param>
public readonly record struct TokenUsage(
    long Input, long Output, long CacheRead = 0, long CacheWrite5m = 0, long CacheWrite1h = 0)
{
    /// <summary>What a token cap counts: every bucket once.</summary>
    public long Total => checked(Input + Output + CacheRead + CacheWrite5m + CacheWrite1h);

    /// <summary>Prompt length, by which price bands are chosen: input, cache reads and cache writes.</summary>
    public long Prompt => checked(Input + CacheRead + CacheWrite5m + CacheWrite1h);

    /// <summary>Both cache-write buckets, as <c>cache_creation_input_tokens</c> reports them.</summary>
    public long CacheWrite => checked(CacheWrite5m + CacheWrite1h);

    /// <summary>Sums bucket by bucket.</summary>
    /// <exception cref="OverflowException">A bucket would pass 2^63 - 1.</exception>
    public static TokenUsage operator +(TokenUsage left, TokenUsage right)
        => checked(new(
            left.Input + right.Input,
            left.Output + right.Output,
            left.CacheRead + right.CacheRead,
            left.CacheWrite5m + right.CacheWrite5m,
            left.CacheWrite1h + right.CacheWrite1h));

    /// <summary>The named form of <c>+</c>.</summary>
    public static TokenUsage Add(TokenUsage left, TokenUsage right) => left + right;
}
