namespace NetBird.Agent.Tunnel;

/// <summary>What our own connections say of a gateway, beside its handshakes.</summary>
internal sealed class LinkHealth
{
    private DateTimeOffset? _lastAnswer;
    private DateTimeOffset? _lastSilence;

    public void Answered(DateTimeOffset at) => _lastAnswer = at;

    /// <returns>True for the first silence after an answer, or ever: the rest of an outage is no news.</returns>
    public bool Silent(DateTimeOffset at)
    {
        var isNews = _lastSilence is not { } before || _lastAnswer > before;
        _lastSilence = at;
        return isNews;
    }

    /// <summary>
    /// True when the latest thing known of the gateway is a sign of life. A handshake counts for 180 s, after which
    /// WireGuard's session is dead (REJECT_AFTER_TIME); with a keepalive it is renewed every two minutes.
    /// </summary>
    public bool Answers(DateTimeOffset? lastHandshake, DateTimeOffset now)
    {
        var life = Later(lastHandshake, _lastAnswer);
        return life is { } sign && now - sign < TimeSpan.FromSeconds(180) && (_lastSilence is not { } silence || silence < sign);
    }

    private static DateTimeOffset? Later(DateTimeOffset? a, DateTimeOffset? b) => a is null ? b : b is null ? a : a > b ? a : b;
}
