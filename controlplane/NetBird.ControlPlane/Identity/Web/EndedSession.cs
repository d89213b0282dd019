using System.Diagnostics.CodeAnalysis;
using NetBird.ControlPlane.Store;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Identity.Web;

/// <summary>A session in a browser that was signed out before its time: of no use any more, whoever has a copy of its cookie.</summary>
internal sealed record EndedSession : IDocument<SessionId>
{
    public required SessionId Id { get; init; }

    /// <summary>When it would have ended by itself, and need not be remembered any more.</summary>
    public required DateTimeOffset Until { get; init; }

    string IDocument.Label => "session";
}

/// <summary>One sign-in in one browser. Says nothing of itself: the cookie that carries it is sealed.</summary>
/// <param name="Value">32 characters of <c>0-9 a-f</c></param>
internal readonly record struct SessionId(string Value) : IIdentifier<SessionId>
{
    private const int Length = 32;

    /// <summary>A fresh identifier of 128 random bits.</summary>
    public static SessionId New() => new(Convert.ToHexStringLower(System.Security.Cryptography.RandomNumberGenerator.GetBytes(Length / 2)));

    public static bool TryParse([NotNullWhen(true)] string? text, out SessionId id)
    {
        var valid = text is { Length: Length } && text.All(char.IsAsciiHexDigitLower);
        id = valid ? new(text!) : default;
        return valid;
    }

    public int CompareTo(SessionId other) => string.CompareOrdinal(Value, other.Value);

    public override string ToString() => Value ?? "";
}
