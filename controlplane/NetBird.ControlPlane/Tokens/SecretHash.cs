using System.Buffers;
using System.Security.Cryptography;
using System.Text;

namespace NetBird.ControlPlane.Tokens;

/// <summary>
/// Makes and recognises the secrets we hand out: personal access tokens and setup keys. They carry over 200 random
/// bits, so a plain SHA-256 is enough at rest; nobody can guess through it, and a lookup by hash leaks no timing.
/// </summary>
internal static class SecretHash
{
    /// <summary>Prefix of a personal access token, as NetBird's.</summary>
    public const string AccessTokenPrefix = "nbp_";

    /// <summary>Prefix of a setup key.</summary>
    public const string SetupKeyPrefix = "nbs_";

    private const int RandomCharacters = 36;

    private const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    private static readonly SearchValues<char> Allowed = SearchValues.Create(Alphabet);

    /// <summary>A fresh secret: the prefix and 36 characters, 214 random bits.</summary>
    public static string NewSecret(string prefix) => prefix + RandomNumberGenerator.GetString(Alphabet, RandomCharacters);

    /// <summary>Whether text has the form of a secret with this prefix, before anything is hashed.</summary>
    public static bool IsWellFormed(string text, string prefix)
        => text.Length == prefix.Length + RandomCharacters
            && text.StartsWith(prefix, StringComparison.Ordinal)
            && !text.AsSpan(prefix.Length).ContainsAnyExcept(Allowed);

    /// <summary>Lower-case hexadecimal SHA-256 of the whole secret.</summary>
    public static string Of(string secret) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(secret)));
}
