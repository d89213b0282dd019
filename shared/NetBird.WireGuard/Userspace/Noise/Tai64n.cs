using System.Buffers.Binary;

namespace NetBird.WireGuard.Userspace.Noise;

/// <summary>TAI64N labels (cr.yp.to/libtai/tai64.html): 8 bytes of seconds, 4 of nanoseconds, big endian.</summary>
internal static class Tai64n
{
    public const int Size = 12;

    // 2^62 labels the second that 1970-01-01 TAI began, which was 10 s ahead of UTC. The leap seconds since are
    // left out, as in every WireGuard: only the order counts.
    private const ulong Epoch = 0x400000000000000AUL;

    // Whitened so that an observer who owns the peer's key learns our clock no finer than about 16 ms
    // (wireguard-go tai64n.whitenerMask: the low 24 bits of the nanoseconds).
    private const uint WhitenerMask = 0x1000000 - 1;

    /// <summary>Writes the whitened label of an instant.</summary>
    public static void Write(DateTimeOffset instant, Span<byte> label)
    {
        var ticks = instant.UtcTicks - DateTimeOffset.UnixEpoch.Ticks;
        var seconds = Math.DivRem(ticks, TimeSpan.TicksPerSecond, out var rest);
        BinaryPrimitives.WriteUInt64BigEndian(label, Epoch + (ulong)seconds);
        BinaryPrimitives.WriteUInt32BigEndian(label[8..], (uint)(rest * 100) & ~WhitenerMask);
    }

    /// <summary>The label after <paramref name="label"/>, one whitening step on, in place.</summary>
    public static void Increment(Span<byte> label)
    {
        var nanoseconds = (BinaryPrimitives.ReadUInt32BigEndian(label[8..]) & ~WhitenerMask) + WhitenerMask + 1;
        if (nanoseconds >= 1_000_000_000)
        {
            nanoseconds = 0;
            BinaryPrimitives.WriteUInt64BigEndian(label, BinaryPrimitives.ReadUInt64BigEndian(label) + 1);
        }

        BinaryPrimitives.WriteUInt32BigEndian(label[8..], nanoseconds);
    }

    /// <summary>True when <paramref name="label"/> is strictly later than <paramref name="other"/>.</summary>
    public static bool IsAfter(ReadOnlySpan<byte> label, ReadOnlySpan<byte> other) => label.SequenceCompareTo(other) > 0;
}
