using System.Text;

namespace NetBird.Primitives;

/// <summary>
/// Sends a header that came in several lines as the same lines. SocketsHttpHandler joins the values of a name with commas, which
/// says the same for lists (RFC 9110 section 5.3) but is not byte for byte, and is wrong where a header is no list.
/// </summary>
/// <remarks>
/// Header bytes that come in are read as Latin-1, so no character above U+00FF is ever among them. One character of the
/// private use area therefore can stand for the end of a line between two values of ours, and only for that:
/// <see cref="Join"/> puts it there, <see cref="Encoding"/> writes it as CR LF.
/// </remarks>
public static class HeaderLines
{
    private const char EndOfLine = '\uE000';

    /// <summary>Latin-1 on the wire, with the lines that <see cref="Join"/> marked. For <c>RequestHeaderEncodingSelector</c>.</summary>
    public static Encoding Encoding { get; } = new LineEncoding();

    /// <summary>One value that is sent as one line per value.</summary>
    /// <param name="name">The header's name, ASCII.</param>
    /// <param name="values">Two or more values, each as it came: Latin-1 and without line ends.</param>
    /// <exception cref="ArgumentException">A value holds a character that cannot have come in.</exception>
    public static string Join(string name, IReadOnlyList<string?> values)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(values);
        var text = new StringBuilder();
        for (var i = 0; i < values.Count; i++)
        {
            var value = values[i] ?? "";
            if (value.AsSpan().ContainsAny('\r', '\n', '\0') || value.AsSpan().ContainsAnyExceptInRange('\0', '\u00FF'))
            {
                throw new ArgumentException("A header value holds a character that none can hold.", nameof(values));
            }

            if (i > 0)
            {
                text.Append(EndOfLine).Append(name).Append(": ");
            }

            text.Append(value);
        }

        return text.ToString();
    }

    private sealed class LineEncoding : Encoding
    {
        public override int GetMaxByteCount(int charCount) => charCount * 2;

        public override int GetMaxCharCount(int byteCount) => byteCount;

        // The span forms are what SocketsHttpHandler calls; the base class would answer them by an array of the whole rest of its buffer for each value.
        public override int GetByteCount(ReadOnlySpan<char> chars) => chars.Length + chars.Count(EndOfLine);

        public override int GetBytes(ReadOnlySpan<char> chars, Span<byte> bytes)
        {
            var written = 0;
            while (chars.IndexOf(EndOfLine) is >= 0 and var end)
            {
                written += Latin1.GetBytes(chars[..end], bytes[written..]);
                bytes[written++] = (byte)'\r';
                bytes[written++] = (byte)'\n';
                chars = chars[(end + 1)..];
            }

            return written + Latin1.GetBytes(chars, bytes[written..]);
        }

        public override int GetByteCount(char[] chars, int index, int count) => GetByteCount(chars.AsSpan(index, count));

        public override int GetBytes(char[] chars, int charIndex, int charCount, byte[] bytes, int byteIndex)
            => GetBytes(chars.AsSpan(charIndex, charCount), bytes.AsSpan(byteIndex));

        public override int GetCharCount(byte[] bytes, int index, int count) => Latin1.GetCharCount(bytes, index, count);

        public override int GetChars(byte[] bytes, int byteIndex, int byteCount, char[] chars, int charIndex)
            => Latin1.GetChars(bytes, byteIndex, byteCount, chars, charIndex);
    }
}
