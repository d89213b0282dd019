namespace NetBird.WireGuard.Userspace;

/// <summary>
/// The protocol's figures (WireGuard paper, section 6.1; wireguard-go <c>device/constants.go</c>), in milliseconds
/// of the monotonic clock.
/// </summary>
internal static class Limits
{
    public const long RekeyAfterMs = 120_000;
    public const long RejectAfterMs = 180_000;
    public const long RekeyAttemptMs = 90_000;
    public const long RekeyTimeoutMs = 5_000;
    public const long KeepaliveTimeoutMs = 10_000;

    /// <summary>Jitter added to a retry, at most.</summary>
    public const int RekeyJitterMs = 333;

    /// <summary>Retries before giving up.</summary>
    public const int HandshakeAttempts = (int)(RekeyAttemptMs / RekeyTimeoutMs);

    public const ulong RekeyAfterMessages = 1UL << 60;
    public const ulong RejectAfterMessages = ulong.MaxValue - (1UL << 13);

    /// <summary>A peer's initiations are taken at most this often (1 / HandshakeInitationRate).</summary>
    public const long InitiationIntervalMs = 50;

    /// <summary>Packets kept for a peer while a handshake runs (Linux <c>MAX_STAGED_PACKETS</c>).</summary>
    public const int StagedPackets = 128;

    /// <summary>Keys are wiped after this long without a new session.</summary>
    public const long ZeroKeysAfterMs = 3 * RejectAfterMs;

    /// <summary>How long a cookie and the secret behind it live (<c>CookieRefreshTime</c>).</summary>
    public const long CookieLifetimeMs = 120_000;
}
