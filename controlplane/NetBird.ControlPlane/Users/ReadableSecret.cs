using System.Security.Cryptography;

namespace NetBird.ControlPlane.Users;

/// <summary>Random letters that people read, dictate and type: a first password, a recovery code.</summary>
internal static class ReadableSecret
{
    /// <summary>32 of them, five bits each, none that looks like another.</summary>
    public const string Alphabet = "23456789abcdefghijkmnpqrstuvwxyz";

    /// <summary>120 bits.</summary>
    private const int PasswordLetters = 24;

    public static string New(int letters) => RandomNumberGenerator.GetString(Alphabet, letters);

    /// <summary>A password to be changed at the next login.</summary>
    public static string NewPassword() => New(PasswordLetters);
}
