namespace NetBird.ControlPlane.Identity.Tokens;

/// <summary>Tells who an ID token is about: the embedded IdP's tokens, or an outside issuer's.</summary>
internal interface IIdTokens
{
    Task<TokenOutcome> VerifyAsync(string token, CancellationToken cancellationToken);
}
