using System.Text;

namespace NetBird.Gateway.Metering;

/// <summary>Measures the model's words without decoding them.</summary>
internal static class Words
{
    /// <summary>Characters in the inside of a JSON string: an escape is one, a character of several bytes is one.</summary>
    public static long Count(ReadOnlySpan<byte> json)
    {
        if (!json.Contains((byte)'\\') && Ascii.IsValid(json))
        {
            return json.Length;
        }

        long chars = 0;
        for (var i = 0; i < json.Length; i++)
        {
            if (json[i] == (byte)'\\')
            {
                i += i + 1 < json.Length && json[i + 1] == (byte)'u' ? 5 : 1;
                chars++;
            }
            else if ((json[i] & 0xC0) != 0x80)
            {
                chars++;
            }
        }

        return chars;
    }
}
