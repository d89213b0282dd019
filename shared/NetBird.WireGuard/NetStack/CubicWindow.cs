namespace NetBird.WireGuard.NetStack;

/// <summary>
/// The congestion window: slow start (RFC 5681) with HyStart++'s exit (RFC 9406), then CUBIC (RFC 9438).
/// Bytes and microseconds. The connection's lock guards it.
/// </summary>
internal sealed class CubicWindow
{
    // RFC 9438 sections 4.1 and 4.6.
    private const double Scale = 0.4;
    private const double Decrease = 0.7;
    private const double RenoIncrease = 3 * (1 - Decrease) / (1 + Decrease);

    // RFC 9406 section 4.3.
    private const long MinimumDelayRise = 4_000;
    private const long MaximumDelayRise = 16_000;
    private const int SamplesPerRound = 8;

    private readonly long _ceiling;
    private int _mss;

    private double _lastMaximum;
    private double _plateauTime;
    private double _renoWindow;
    private long _epoch;

    private long _roundEnd;
    private long _roundMinimum = long.MaxValue;
    private long _lastRoundMinimum = long.MaxValue;
    private int _roundSamples;

    /// <param name="mss">Largest payload of a segment.</param>
    /// <param name="ceiling">More than this is never in flight.</param>
    public CubicWindow(int mss, long ceiling)
    {
        _mss = mss;
        _ceiling = Math.Max(ceiling, 10L * mss);
        Window = InitialWindow;
    }

    /// <summary>Bytes that may be in flight.</summary>
    public long Window { get; private set; }

    public long SlowStartThreshold { get; private set; } = long.MaxValue;

    /// <summary>RFC 6928 section 2.</summary>
    private long InitialWindow => Math.Min(10L * _mss, Math.Max(2L * _mss, 14_600));

    public bool IsInSlowStart => Window < SlowStartThreshold;

    /// <summary>The path's MTU fell.</summary>
    public void SetSegmentSize(int mss) => _mss = mss;

    /// <summary>New data was acknowledged while the window was what limited us, outside recovery.</summary>
    /// <param name="acked">Bytes.</param>
    /// <param name="smoothedRoundTrip">For CUBIC's look ahead.</param>
    /// <param name="now">The time.</param>
    public void OnAcknowledged(long acked, long smoothedRoundTrip, long now)
    {
        if (IsInSlowStart)
        {
            var step = Math.Min(acked, SlowStartThreshold - Window);
            Window = Math.Min(Window + step, _ceiling);
            acked -= step;
        }

        if (acked > 0 && !IsInSlowStart)
        {
            Grow(acked, smoothedRoundTrip, now);
        }
    }

    /// <summary>Watches for delay that rises during slow start and ends it before the queue overflows.</summary>
    public void OnRoundTrip(long sample, long acknowledged, long sentNext)
    {
        if (!IsInSlowStart)
        {
            return;
        }

        if (acknowledged >= _roundEnd)
        {
            _roundEnd = sentNext;
            _lastRoundMinimum = _roundMinimum;
            _roundMinimum = long.MaxValue;
            _roundSamples = 0;
        }

        _roundMinimum = Math.Min(_roundMinimum, sample);
        _roundSamples++;
        if (_roundSamples < SamplesPerRound || _lastRoundMinimum == long.MaxValue || Window < 16L * _mss)
        {
            return;
        }

        var rise = Math.Clamp(_lastRoundMinimum / 8, MinimumDelayRise, MaximumDelayRise);
        if (_roundMinimum >= _lastRoundMinimum + rise)
        {
            // Ours: straight to congestion avoidance, as HyStart; the conservative rounds of RFC 9406 left out.
            SlowStartThreshold = Window;
        }
    }

    /// <summary>A loss was found: the threshold for the recovery that starts (RFC 9438 sections 4.6 and 4.7).</summary>
    public void OnLoss()
    {
        var window = (double)Window / _mss;
        _lastMaximum = window < _lastMaximum ? window * (1 + Decrease) / 2 : window;
        SlowStartThreshold = Math.Max((long)(Window * Decrease), 2L * _mss);
        _epoch = 0;
    }

    /// <summary>The timer ran out: one segment, then slow start (RFC 5681 section 3.1).</summary>
    public void OnTimeout()
    {
        OnLoss();
        Window = _mss;
    }

    /// <summary>Sets what recovery computed.</summary>
    public void SetWindow(long bytes) => Window = Math.Clamp(bytes, _mss, _ceiling);

    /// <summary>Recovery is over.</summary>
    public void OnRecovered() => SetWindow(SlowStartThreshold);

    /// <summary>The loss was none (RFC 4015): what was taken comes back.</summary>
    public void Restore(long window, long threshold)
    {
        Window = Math.Max(Window, window);
        SlowStartThreshold = Math.Max(SlowStartThreshold, threshold);
        _epoch = 0;
    }

    /// <summary>Nothing was sent for a timeout's length: RFC 5681 section 4.1.</summary>
    public void OnIdle()
    {
        Window = Math.Min(Window, InitialWindow);
        _epoch = 0;
    }

    private void Grow(long acked, long smoothedRoundTrip, long now)
    {
        var window = (double)Window / _mss;
        if (_epoch == 0)
        {
            _epoch = now;
            _renoWindow = window;
            _lastMaximum = Math.Max(_lastMaximum, window);
            _plateauTime = Math.Cbrt((_lastMaximum - window) / Scale);
        }

        var segments = (double)acked / _mss;
        var seconds = (now - _epoch) / 1e6;
        _renoWindow += (_renoWindow >= _lastMaximum ? 1 : RenoIncrease) * segments / window;

        var current = CubicAt(seconds);
        if (current < _renoWindow)
        {
            window = Math.Max(window, _renoWindow);
        }
        else
        {
            var target = Math.Clamp(CubicAt(seconds + (smoothedRoundTrip / 1e6)), window, 1.5 * window);
            window += (target - window) / window * segments;
        }

        Window = Math.Min((long)(window * _mss), _ceiling);
    }

    private double CubicAt(double seconds)
    {
        var offset = seconds - _plateauTime;
        return (Scale * offset * offset * offset) + _lastMaximum;
    }
}
