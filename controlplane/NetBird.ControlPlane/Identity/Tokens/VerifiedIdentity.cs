using System.Collections.Immutable;

namespace NetBird.ControlPlane.Identity.Tokens;

/// <summary>What a checked ID token says of a person.</summary>
/// <param name="Issuer">As stored: the token's <c>iss</c>, or the embedded IdP's fixed name.</param>
/// <param name="Subject">The token's <c>sub</c>; with the issuer, who it is.</param>
/// <param name="Name">Shown; empty where the token has none.</param>
/// <param name="Email">Shown; empty where the token has none. Not an identity.</param>
/// <param name="Groups">Names in the groups claim; null where groups do not come from the token.</param>
internal sealed record VerifiedIdentity(
    string Issuer, string Subject, string Name, string Email, ImmutableArray<string>? Groups);

/// <summary>What became of an ID token.</summary>
internal abstract record TokenOutcome
{
    private TokenOutcome()
    {
    }

    /// <summary>Genuine, for us, and in time.</summary>
    public sealed record Valid(VerifiedIdentity Identity) : TokenOutcome;

    /// <summary>Not to be believed; a sentence for the person.</summary>
    public sealed record Invalid(string Reason) : TokenOutcome;

    /// <summary>The IdP's keys cannot be had at the moment.</summary>
    public sealed record Unknown(string Reason) : TokenOutcome;
}
