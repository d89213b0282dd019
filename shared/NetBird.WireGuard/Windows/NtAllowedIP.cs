using System.Runtime.InteropServices;

namespace NetBird.WireGuard.Windows;

/// <summary>WIREGUARD_ALLOWED_IP.</summary>
[StructLayout(LayoutKind.Explicit, Size = 24)]
internal unsafe struct NtAllowedIP
{
    /// <summary>IN_ADDR or IN6_ADDR, in network order.</summary>
    [FieldOffset(0)]
    public fixed byte Address[16];

    [FieldOffset(16)]
    public ushort AddressFamily;

    [FieldOffset(18)]
    public byte Cidr;
}
