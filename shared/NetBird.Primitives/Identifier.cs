using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace NetBird.Primitives;

/// <summary>The one rule for every identifier: 1 to 64 characters of <c>A-Z a-z 0-9 _ - .</c></summary>
internal static class Identifier
{
    private const int MaxLength = 64;
    private const int NewLength = 20;
    private const string Alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

    [ThreadStatic]
    private static byte[]? _random;

    [ThreadStatic]
    private static int _randomLeft;

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

    /// <summary>20 characters of base 32 without look-alikes, 100 bits: unique without coordination. No secret: not for keys.</summary>
    public static string New()
        => string.Create(NewLength, 0, static (text, _) =>
        {
            foreach (ref var c in text)
            {
                c = Alphabet[NextRandom() & 31];
            }
        });

    /// <summary>A random byte, of many asked for at once: each request has an id, and asking costs a microsecond however few bytes it is for.</summary>
    private static byte NextRandom()
    {
        var bytes = _random ??= new byte[NewLength * 64];
        if (_randomLeft == 0)
        {
            RandomNumberGenerator.Fill(bytes);
            _randomLeft = bytes.Length;
        }

        return bytes[--_randomLeft];
    }
}
