using CsCheck;

namespace NetBird.Primitives.Tests;

public sealed class PublicKeyTests
{
    private static readonly Gen<byte[]> Bytes = Gen.Byte.Array[PublicKey.Size];

    [Fact]
    public void Text_OfAnyKey_ParsesBackToIt()
        => Bytes.Sample(bytes => PublicKey.TryParse(new PublicKey(bytes).ToString(), out var key)
            && key.ToArray().AsSpan().SequenceEqual(bytes) && key == new PublicKey(bytes));

    [Fact]
    public void Parse_AnyOtherText_IsFalseAndDoesNotThrow()
        => Gen.String.Sample(text => PublicKey.TryParse(text, out _) == (text.Length == 44 && IsKey(text)));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("!AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")]
    public void Parse_WrongText_IsFalse(string? text) => Assert.False(PublicKey.TryParse(text, out _));

    [Theory]
    [InlineData(0)]
    [InlineData(31)]
    [InlineData(33)]
    public void Constructor_WrongLength_Throws(int length)
        => Assert.Throws<ArgumentException>(() => new PublicKey(new byte[length]));

    private static bool IsKey(string text)
    {
        var bytes = new byte[36];
        return Convert.TryFromBase64String(text, bytes, out var written) && written == PublicKey.Size;
    }
}
