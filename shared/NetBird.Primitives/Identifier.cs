using System.Diagnostics.CodeAnalysis;

namespace NetBird.Primitives;

/// <summary>The one rule for every identifier: 1 to 64 characters of <c>A-Z a-z 0-9 _ - .</c></summary>
internal static class Identifier
{
    private const int MaxLength = 64;

    public static bool IsValid([NotNullWhen(true)] string? text)
    {
        if (string.IsNullOrEmpty(text) || text.Length > MaxLength)
        {
            return false;
        }

        foreach (var c in text)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('_' or '-' or '.'))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>20 characters of base 32 without look-alikes, 100 bits: unique without coordination.</summary>
    public static string New()
        => System.Security.Cryptography.RandomNumberGenerator.GetString("0123456789abcdefghjkmnpqrstvwxyz", 20);
}
