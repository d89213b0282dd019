namespace NetBird.Agent.Identity;

/// <summary>What the issuer gave us.</summary>
/// <param name="IdToken">For the control plane, which verifies it; we never rely on what it says.</param>
/// <param name="RefreshToken">Null when the issuer gave none: the login then cannot be renewed silently.</param>
internal sealed record IssuedLogin(string IdToken, string? RefreshToken)
{
    public override string ToString() => "issued login";
}

/// <summary>A login did not happen. The message says why and what to do.</summary>
internal sealed class LoginException : Exception
{
    public LoginException(string message, bool final = true)
        : base(message) => IsFinal = final;

    public LoginException(string message, Exception inner, bool final = false)
        : base(message, inner) => IsFinal = final;

    /// <summary>False when the issuer could not be reached and trying again may help.</summary>
    public bool IsFinal { get; }
}
