namespace NetBird.WireGuard.Userspace.Sessions;

/// <summary>
/// Which counters of a session were seen: a ring of bits (RFC 6479) of constant size. Not thread-safe; the session's lock guards it.
/// </summary>
internal sealed class ReplayWindow
{
    /// <summary>How far behind the greatest counter one may lie and still be taken (wireguard-go <c>replay.windowSize</c>).</summary>
    public const ulong Size = (Words - 1) * 64;

    // 128 words of 64 bits; one word is always being cleared, hence 8128 = 127 * 64.
    private const int Words = 128;

    private readonly ulong[] _ring = new ulong[Words];
    private ulong _next;

    /// <summary>Takes an authenticated counter; false when it was taken before or is too old.</summary>
    public bool TryTake(ulong counter)
    {
        if (counter >= Limits.RejectAfterMessages)
        {
            return false;
        }

        var word = counter / 64;
        if (counter >= _next)
        {
            var current = (_next == 0 ? 0 : _next - 1) / 64;
            var clear = Math.Min(word - current, Words);
            for (ulong i = 1; i <= clear; i++)
            {
                _ring[(current + i) % Words] = 0;
            }

            _next = counter + 1;
        }
        else if (_next - 1 - counter > Size)
        {
            return false;
        }

        var bit = 1UL << (int)(counter % 64);
        ref var slot = ref _ring[word % Words];
        if ((slot & bit) != 0)
        {
            return false;
        }

        slot |= bit;
        return true;
    }
}
