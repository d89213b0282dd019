namespace NetBird.Primitives.Tests;

public sealed class IdentifierTests
{
    [Theory]
    [InlineData("a", true)]
    [InlineData("A-b_c.9", true)]
    [InlineData("", false)]
    [InlineData(null, false)]
    [InlineData("a b", false)]
    [InlineData("a/../b", false)]
    [InlineData("naïve", false)]
    [InlineData("a\n", false)]
    public void Parse_TextFromOutside_TakesOnlyPlainNames(string? text, bool valid)
        => Assert.Equal(valid, PolicyId.TryParse(text, out _));

    [Fact]
    public void Parse_MoreThan64Characters_IsRefused()
    {
        Assert.True(UserId.TryParse(new string('a', 64), out _));
        Assert.False(UserId.TryParse(new string('a', 65), out _));
    }

    [Fact]
    public void New_ManyTimes_IsValidAndNeverTheSame()
    {
        var ids = Enumerable.Range(0, 10_000).Select(_ => PeerId.New()).ToHashSet();

        Assert.Equal(10_000, ids.Count);
        Assert.All(ids, id => Assert.True(PeerId.TryParse(id.Value, out _)));
    }
}
