namespace NetBird.Agent.Tunnel;

/// <summary>What our own connections say of a gateway, beside its handshakes. Told and asked from any thread.</summary>
internal sealed class LinkHealth
{
    private readonly Lock _gate = new();
    private DateTimeOffset? _lastAnswer;
    private DateTimeOffset? _lastSilence;
    private bool _hung;

    /// <summary>
    /// It took a connection and answered nothing: its machine or tunnel lives, its program does not. Handshakes, which its
    /// kernel or another program goes on with, are no sign of life then.
    /// </summary>
    public bool Hangs
    {
        get
        {
            lock (_gate)
            {
                return _hung;
            }
        }
    }

    public void Answered(DateTimeOffset at)
    {
        lock (_gate)
        {
            _lastAnswer = at;
            _hung = false;
        }
    }

    /// <param name="hangs">It took a connection all the same.</param>
    /// <returns>True for the first silence after an answer, or ever, and when it hangs for the first time: the rest of an outage is no news.</returns>
    public bool Silent(DateTimeOffset at, bool hangs)
    {
        lock (_gate)
        {
            var isNews = _lastSilence is not { } before || _lastAnswer > before || (hangs && !_hung);
            _lastSilence = at;
            _hung = hangs;
            return isNews;
        }
    }

    /// <summary>
    /// True when the latest thing known of the gateway is a sign of life. A handshake counts for 180 s, after which
    /// WireGuard's session is dead (REJECT_AFTER_TIME); with a keepalive it is renewed every two minutes.
    /// </summary>
    public bool Answers(DateTimeOffset? lastHandshake, DateTimeOffset now)
    {
        lock (_gate)
        {
            var life = Later(_hung ? null : lastHandshake, _lastAnswer);
            return life is { } sign && now - sign < TimeSpan.FromSeconds(180) && (_lastSilence is not { } silence || silence < sign);
        }
    }

    private static DateTimeOffset? Later(DateTimeOffset? a, DateTimeOffset? b) => a is null ? b : b is null ? a : a > b ? a : b;
}
