using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Tokens;
using NetBird.ControlPlane.Users;

namespace NetBird.ControlPlane.AdminApi;

/// <summary>Who calls the admin API, proved by a token or a signed-in session.</summary>
/// <param name="User">The person or service user.</param>
/// <param name="Role">What they may do now.</param>
/// <param name="Token">The token they came by; null: a session.</param>
/// <param name="Address">Where they came from.</param>
internal sealed record AdminCaller(User User, Role Role, AccessToken? Token, string Address)
{
    /// <summary>As the audit log names them.</summary>
    public Actor Actor => Actor.Of(User, Token?.Name ?? "session", Address);

    /// <summary>Reads what is the account's, not only the own.</summary>
    public bool ReadsAll => Role >= Role.Auditor;
}
