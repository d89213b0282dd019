using System.Diagnostics.Metrics;

namespace NetBird.ControlPlane.Hosting;

/// <summary>The disk of the state directory. Full, nothing is let through any more, since no usage could be written: so it is told of before.</summary>
internal sealed class StateDisk : IDisposable
{
    /// <summary>Ours: thirty times what stores stop writing at, a month of a company of two hundred.</summary>
    public const long FewBytes = 256L * 1024 * 1024;

    private readonly Meter _meter;
    private readonly Func<long> _free;

    /// <param name="free">Bytes that are left to this process.</param>
    /// <param name="meters">Of the host.</param>
    public StateDisk(Func<long> free, IMeterFactory meters)
    {
        _free = free;
        _meter = meters.Create("NetBird.State");
        _meter.CreateObservableGauge("netbird.state.free", () => _free(), "By", "Room that is left on the disk of the state directory");
    }

    /// <summary>Bytes that are left where that is little; else null.</summary>
    public long? FreeIfLittle => _free() is var free && free < FewBytes ? free : null;

    public void Dispose() => _meter.Dispose();
}
