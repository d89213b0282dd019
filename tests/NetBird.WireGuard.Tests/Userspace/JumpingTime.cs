using Microsoft.Extensions.Time.Testing;

namespace NetBird.WireGuard.Tests.Userspace;

/// <summary>Fake time whose wall clock can be set apart from the monotonic one.</summary>
internal sealed class JumpingTime(DateTimeOffset start) : FakeTimeProvider(start)
{
    private TimeSpan _lead;

    public void Jump(TimeSpan by) => _lead += by;

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + _lead;

    // The base's own comes from GetUtcNow, which here jumps.
    public override long GetTimestamp() => base.GetUtcNow().Ticks;
}
