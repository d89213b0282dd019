using System.Runtime.InteropServices;

namespace NetBird.WireGuard.Windows;

/// <summary>WIREGUARD_PEER, followed in memory by its allowed IPs.</summary>
[StructLayout(LayoutKind.Explicit, Size = 136)]
internal unsafe struct NtPeer
{
    [FieldOffset(0)]
    public NtFlags.Peer Flags;

    [FieldOffset(4)]
    public uint Reserved;

    [FieldOffset(8)]
    public fixed byte PublicKey[32];

    [FieldOffset(40)]
    public fixed byte PresharedKey[32];

    /// <summary>Seconds; zero for none.</summary>
    [FieldOffset(72)]
    public ushort PersistentKeepalive;

    /// <summary>SOCKADDR_INET, aligned to 4 in C.</summary>
    [FieldOffset(76)]
    public SocketAddressInet Endpoint;

    [FieldOffset(104)]
    public ulong TxBytes;

    [FieldOffset(112)]
    public ulong RxBytes;

    /// <summary>FILETIME: 100 ns since 1601-01-01 UTC; zero for never.</summary>
    [FieldOffset(120)]
    public ulong LastHandshake;

    [FieldOffset(128)]
    public uint AllowedIPsCount;
}
