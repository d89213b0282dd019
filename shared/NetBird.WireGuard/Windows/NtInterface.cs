using System.Runtime.InteropServices;

namespace NetBird.WireGuard.Windows;

/// <summary>
/// WIREGUARD_INTERFACE, followed in memory by its peers. Aligned to 8 in C, so 80 bytes where the fields end at 76.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = 80)]
internal unsafe struct NtInterface
{
    [FieldOffset(0)]
    public NtFlags.Interface Flags;

    [FieldOffset(4)]
    public ushort ListenPort;

    [FieldOffset(6)]
    public fixed byte PrivateKey[32];

    [FieldOffset(38)]
    public fixed byte PublicKey[32];

    [FieldOffset(72)]
    public uint PeersCount;
}
