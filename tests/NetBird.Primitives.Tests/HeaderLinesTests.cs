using System.Text;

namespace NetBird.Primitives.Tests;

public sealed class HeaderLinesTests
{
    [Fact]
    public void Join_TwoValues_AreTwoLinesOnTheWire()
        => Assert.Equal("1\r\nX-A: 2\r\nX-A: ", Written(HeaderLines.Join("X-A", ["1", "2", ""])));

    [Fact]
    public void Encoding_EveryLatin1Character_IsItsByte()
    {
        var all = string.Concat(Enumerable.Range(1, 255).Select(i => (char)i));

        Assert.Equal(Enumerable.Range(1, 255).Select(i => (byte)i), HeaderLines.Encoding.GetBytes(all));
        Assert.Equal(all, HeaderLines.Encoding.GetString(HeaderLines.Encoding.GetBytes(all)));
    }

    [Fact]
    public void Encoding_SaysHowLongItWillBe()
    {
        var text = HeaderLines.Join("X-A", ["1", "2"]);

        Assert.Equal(HeaderLines.Encoding.GetBytes(text).Length, HeaderLines.Encoding.GetByteCount(text));
        Assert.True(HeaderLines.Encoding.GetMaxByteCount(text.Length) >= HeaderLines.Encoding.GetByteCount(text));
        var room = new byte[64];
        Assert.Equal(HeaderLines.Encoding.GetByteCount(text), HeaderLines.Encoding.GetBytes(text.AsSpan(), room));
    }

    /// <summary>Each header of each request goes through it.</summary>
    [Fact]
    public void Encoding_IntoABuffer_AllocatesNothing()
    {
        var text = HeaderLines.Join("X-A", ["1", "2"]);
        var room = new byte[4096];
        HeaderLines.Encoding.GetBytes(text, room);
        var before = GC.GetAllocatedBytesForCurrentThread();

        HeaderLines.Encoding.GetBytes(text, room);

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    /// <summary>A value that could end a line by itself cannot have come in, and does not go out.</summary>
    [Theory]
    [InlineData("a\uE000X-Evil: 1")]
    [InlineData("a\r\nX-Evil: 1")]
    [InlineData("a\nb")]
    [InlineData("a\0b")]
    [InlineData("\u0100")]
    public void Join_AValueThatCannotHaveComeIn_Throws(string value)
        => Assert.Throws<ArgumentException>(() => HeaderLines.Join("X-A", ["1", value]));

    /// <summary>The bytes of U+E000 in UTF-8 are three Latin-1 characters, and pass as they are.</summary>
    [Fact]
    public void Encoding_TheMarksOwnUtf8Bytes_EndNoLine()
    {
        var came = Encoding.Latin1.GetString(Encoding.UTF8.GetBytes("a\uE000b"));

        Assert.Equal(Encoding.UTF8.GetBytes("a\uE000b"), HeaderLines.Encoding.GetBytes(HeaderLines.Join("X-A", [came, came]))[..5]);
    }

    private static string Written(string text) => Encoding.Latin1.GetString(HeaderLines.Encoding.GetBytes(text));
}
