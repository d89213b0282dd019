namespace NetBird.WireGuard.NetStack;

/// <summary>The retransmission timeout of RFC 6298, and the least round trip for RACK. Microseconds.</summary>
internal sealed class RoundTrip
{
    /// <summary>
    /// Ours, as Linux: RFC 6298 section 2.4 asks for one second, from before tail loss probes and from clocks
    /// that ticked in half seconds. Spurious timeouts are undone (RFC 4015).
    /// </summary>
    public const long MinimumTimeout = 200_000;

    /// <summary>RFC 6298 section 2.5 allows a ceiling of at least 60 s.</summary>
    public const long MaximumTimeout = 60_000_000;

    /// <summary>RFC 6298 section 2.1.</summary>
    public const long InitialTimeout = 1_000_000;

    // A windowed minimum (ours: 30 s), so that a path that grew longer is believed in time.
    private const long MinimumLifetime = 30_000_000;

    private long _variation;
    private long _minimumTaken;

    public bool HasSample { get; private set; }

    public long Smoothed { get; private set; }

    public long Minimum { get; private set; } = long.MaxValue;

    /// <summary>Before backing off.</summary>
    public long Timeout { get; private set; } = InitialTimeout;

    public void AddSample(long sample, long now)
    {
        sample = Math.Max(sample, 1);
        if (sample <= Minimum || now - _minimumTaken > MinimumLifetime)
        {
            Minimum = sample;
            _minimumTaken = now;
        }

        if (!HasSample)
        {
            HasSample = true;
            Smoothed = sample;
            _variation = sample / 2;
        }
        else
        {
            // RFC 6298 section 2.3: beta 1/4 and alpha 1/8, the variation first.
            _variation += (Math.Abs(Smoothed - sample) - _variation) / 4;
            Smoothed += (sample - Smoothed) / 8;
        }

        Timeout = Math.Clamp(Smoothed + Math.Max(1_000, 4 * _variation), MinimumTimeout, MaximumTimeout);
    }
}
