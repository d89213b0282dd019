using System.Text;

namespace NetBird.ControlPlane.Store;

/// <summary>Somebody else's text as every store takes it and gives it back: Unicode, without zero characters.</summary>
internal static class StorableText
{
    /// <summary>The same text where it is such already; half of a surrogate pair becomes U+FFFD.</summary>
    /// <param name="text">Anything.</param>
    /// <param name="most">UTF-16 units, of which whole characters are kept.</param>
    public static string Of(string text, int most = int.MaxValue)
    {
        if (text.Length <= most && Ascii.IsValid(text) && !text.Contains('\0', StringComparison.Ordinal))
        {
            return text;
        }

        var kept = new StringBuilder(Math.Min(text.Length, most));
        foreach (var rune in text.EnumerateRunes())
        {
            if (kept.Length + rune.Utf16SequenceLength > most)
            {
                break;
            }

            if (rune.Value != 0)
            {
                kept.Append(rune);
            }
        }

        return kept.ToString();
    }
}
