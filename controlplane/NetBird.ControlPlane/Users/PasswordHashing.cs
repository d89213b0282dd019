using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace NetBird.ControlPlane.Users;

/// <summary>Passwords of the embedded IdP: the framework's hasher, PBKDF2 with HMAC-SHA512 and a random salt.</summary>
internal static class PasswordHashing
{
    /// <summary>Shortest password taken; NIST SP 800-63B section 3.1.1.2 asks for at least 8 beside a second factor.</summary>
    public const int MinLength = 10;

    /// <summary>Longest taken, so that hashing cannot be made to cost more than it should.</summary>
    public const int MaxLength = 256;

    // OWASP's password storage cheat sheet gives 210,000 rounds for PBKDF2-HMAC-SHA512.
    private static readonly PasswordHasher<User> Hasher = new(
        Options.Create(new PasswordHasherOptions { IterationCount = 210_000 }));

    private static readonly User Nobody = new() { Id = new("nobody") };

    /// <summary>A hash that holds its own salt and round count.</summary>
    public static string Hash(string password) => Hasher.HashPassword(Nobody, password);

    /// <summary>Whether the password is the hashed one; takes the same time either way.</summary>
    public static bool Verify(string hash, string password)
        => hash.Length > 0
            && password.Length <= MaxLength
            && Hasher.VerifyHashedPassword(Nobody, hash, password) != PasswordVerificationResult.Failed;

    /// <summary>Why a new password is not taken, as a sentence; null when it is.</summary>
    public static string? Objection(string password) => password.Length switch
    {
        < MinLength => $"A password has at least {MinLength} characters.",
        > MaxLength => $"A password has at most {MaxLength} characters.",
        _ when password.Distinct().Count() < 4 => "The password repeats too few characters.",
        _ => null,
    };
}
