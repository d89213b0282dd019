using System.Collections.Immutable;

namespace NetBird.ControlPlane.Users;

/// <summary>What the embedded IdP checks a login against.</summary>
internal sealed record LocalCredential
{
    /// <summary>As <see cref="PasswordHashing"/> wrote it; empty: no password yet, no login.</summary>
    public string PasswordHash { get; init; } = "";

    /// <summary>The next login must choose a new one.</summary>
    public bool MustChange { get; init; }

    /// <summary>Sealed TOTP secret (RFC 6238), or null where there is no second factor.</summary>
    public string? SealedTotpSecret { get; init; }

    /// <summary>The last TOTP step used, so that no code works twice.</summary>
    public long LastTotpStep { get; init; }

    /// <summary>Hashes of the recovery codes that are left.</summary>
    public ImmutableArray<string> RecoveryCodes { get; init; } = [];

    /// <summary>Wrong passwords since the last right one.</summary>
    public int FailedAttempts { get; init; }

    /// <summary>No login before this, or null.</summary>
    public DateTimeOffset? LockedUntil { get; init; }

    /// <summary>The same with a password alone.</summary>
    public LocalCredential WithoutSecondFactor() => this with { SealedTotpSecret = null, LastTotpStep = 0, RecoveryCodes = [] };
}
