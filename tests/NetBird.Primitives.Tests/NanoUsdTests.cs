using CsCheck;

namespace NetBird.Primitives.Tests;

public sealed class NanoUsdTests
{
    [Theory]
    [InlineData("0", 0)]
    [InlineData("0.000000001", 1)]
    [InlineData("1", 1_000_000_000)]
    [InlineData("-2.5", -2_500_000_000)]
    [InlineData("9223372036", 9_223_372_036_000_000_000)]
    public void FromUsd_WholeNanoDollars_IsExact(string usd, long nano)
    {
        Assert.True(NanoUsd.TryFromUsd(decimal.Parse(usd, System.Globalization.CultureInfo.InvariantCulture), out var amount));
        Assert.Equal(nano, amount.Value);
        Assert.Equal(usd, amount.ToString());
    }

    [Theory]
    [InlineData("0.0000000001")]
    [InlineData("9223372037")]
    [InlineData("-9223372037")]
    public void FromUsd_TooFineOrTooLarge_IsRefused(string usd)
        => Assert.False(NanoUsd.TryFromUsd(decimal.Parse(usd, System.Globalization.CultureInfo.InvariantCulture), out _));

    [Fact]
    public void Text_OfAnyAmount_ParsesBackToIt()
        => Gen.Long.Sample(nano => NanoUsd.TryFromUsd(new NanoUsd(nano).ToUsd(), out var back) ? back.Value == nano : Math.Abs((decimal)nano) > 9_223_372_036_000_000_000m);

    [Fact]
    public void Sum_PastTheRange_Throws()
        => Assert.Throws<OverflowException>(() => new NanoUsd(long.MaxValue) + new NanoUsd(1));
}
