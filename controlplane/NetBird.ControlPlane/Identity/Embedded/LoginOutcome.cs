using NetBird.ControlPlane.Users;

namespace NetBird.ControlPlane.Identity.Embedded;

/// <summary>What became of a name and a password.</summary>
internal abstract record LoginOutcome
{
    private LoginOutcome()
    {
    }

    /// <summary>Signed in.</summary>
    public sealed record Passed(User User) : LoginOutcome;

    /// <summary>Right, and a second factor is to follow.</summary>
    public sealed record NeedsCode(User User) : LoginOutcome;

    /// <summary>Right, and a new password has to be chosen first.</summary>
    public sealed record MustChange(User User) : LoginOutcome;

    /// <summary>Too many failures; nothing was checked.</summary>
    public sealed record Locked(TimeSpan Wait) : LoginOutcome;

    /// <summary>Wrong, in whatever way.</summary>
    public sealed record Refused : LoginOutcome;
}
