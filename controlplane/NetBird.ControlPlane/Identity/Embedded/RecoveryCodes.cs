using System.Collections.Immutable;
using NetBird.ControlPlane.Tokens;
using NetBird.ControlPlane.Users;

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

    public static ImmutableArray<string> New()
        => [.. Enumerable.Range(0, Count).Select(_ => string.Join('-', ReadableSecret.New(Letters).Chunk(Part).Select(part => new string(part))))];

    /// <summary>What is stored of a code, however it was typed; null when it has not the form of one.</summary>
    public static string? HashOf(string typed)
    {
        var letters = new string([.. typed.ToLowerInvariant().Where(letter => letter is not (' ' or '-'))]);
        return letters.Length == Letters && letters.All(letter => ReadableSecret.Alphabet.Contains(letter, StringComparison.Ordinal)) ? SecretHash.Of(letters) : null;
    }
}
