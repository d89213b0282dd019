namespace NetBird.Primitives.Tests;

public sealed class TokenUsageTests
{
    [Fact]
    public void Sums_CountEachBucketOnce()
    {
        var usage = new TokenUsage(Input: 1, Output: 10, CacheRead: 100, CacheWrite5m: 1_000, CacheWrite1h: 10_000);

        Assert.Equal(11_111, usage.Total);
        Assert.Equal(11_101, usage.Prompt);
        Assert.Equal(11_000, usage.CacheWrite);
        Assert.Equal(new TokenUsage(2, 20, 200, 2_000, 20_000), usage + usage);
    }

    [Fact]
    public void Sum_PastTheRange_Throws()
        => Assert.Throws<OverflowException>(() => new TokenUsage(long.MaxValue, 1).Total);
}
