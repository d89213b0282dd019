namespace NetBird.WireGuard.Userspace;

/// <summary>Message types, sizes and offsets (WireGuard paper, section 5.4); integers are little endian.</summary>
internal static class WireFormat
{
    public const uint Initiation = 1;
    public const uint Response = 2;
    public const uint CookieReply = 3;
    public const uint Data = 4;

    public const int InitiationSize = 148;
    public const int ResponseSize = 92;
    public const int CookieReplySize = 64;

    /// <summary>Type, receiver index and counter, before the sealed payload of a data message.</summary>
    public const int DataHeaderSize = 16;

    /// <summary>A data message without payload: a keepalive.</summary>
    public const int KeepaliveSize = DataHeaderSize + Noise.Sodium.TagSize;

    /// <summary>Bytes of mac1 and of mac2, the last two fields of a handshake message.</summary>
    public const int MacSize = 16;

    /// <summary>Payloads are padded to a multiple of this (section 5.4.6).</summary>
    public const int PaddingMultiple = 16;

    /// <summary>The length of a payload once padded: to a multiple of 16, but never past the MTU.</summary>
    public static int PaddedLength(int length, int mtu)
    {
        var padded = (length + PaddingMultiple - 1) & ~(PaddingMultiple - 1);
        return padded <= mtu ? padded : Math.Max(length, mtu);
    }
}
