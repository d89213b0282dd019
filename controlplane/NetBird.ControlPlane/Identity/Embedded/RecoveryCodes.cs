using System.Collections.Immutable;
using System.Security.Cryptography;
using NetBird.ControlPlane.Tokens;

namespace NetBird.ControlPlane.Identity.Embedded;

/// <summary>
/// Codes for whoever lost the authenticator app, each good once in place of the six digits. 80 random bits, so a plain
/// hash keeps them; shown once.
/// </summary>
internal static class RecoveryCodes
{
    /// <summary>How many are made at a time; what GitHub and others give.</summary>
    public const int Count = 10;

    private const int Letters = 16;
    private const int Part = 4;

    // 32 of them, none that looks like another.
    private const string Alphabet = "23456789abcdefghijkmnpqrstuvwxyz";

    public static ImmutableArray<string> New()
        => [.. Enumerable.Range(0, Count).Select(_ => string.Join('-', RandomNumberGenerator.GetString(Alphabet, Letters).Chunk(Part).Select(part => new string(part))))];

    /// <summary>What is stored of a code, however it was typed; null when it has not the form of one.</summary>
    public static string? HashOf(string typed)
    {
        var letters = new string([.. typed.ToLowerInvariant().Where(letter => letter is not (' ' or '-'))]);
        return letters.Length == Letters && letters.All(letter => Alphabet.Contains(letter, StringComparison.Ordinal)) ? SecretHash.Of(letters) : null;
    }
}
