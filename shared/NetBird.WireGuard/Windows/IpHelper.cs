using System.ComponentModel;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace NetBird.WireGuard.Windows;

/// <summary>Addresses, routes and MTU of an adapter by its LUID; netioapi.h, in iphlpapi.dll.</summary>
[SupportedOSPlatform("windows")]
internal static unsafe partial class IpHelper
{
    private const string Library = "iphlpapi.dll";
    private const DllImportSearchPath Trusted = DllImportSearchPath.System32;

    // winerror.h: the address or route is there already, which is what was wanted.
    private const uint AlreadyExists = 5010;

    // nldef.h, NL_DAD_STATE: usable at once; a tunnel has no neighbours to ask.
    private const int DadPreferred = 4;

    public static void AddAddress(ulong luid, IPAddress address)
    {
        UnicastRow row;
        InitializeUnicastIpAddressEntry(&row);
        row.Luid = luid;
        row.Address = SocketAddressInet.From(new IPEndPoint(address, 0));
        row.OnLinkPrefixLength = address.AddressFamily == AddressFamily.InterNetworkV6 ? (byte)128 : (byte)32;
        row.DadState = DadPreferred;
        Check(CreateUnicastIpAddressEntry(&row), $"add address {address}");
    }

    public static void AddRoute(ulong luid, IPNetwork destination)
    {
        ForwardRow row;
        InitializeIpForwardEntry(&row);
        row.Luid = luid;
        row.Destination = SocketAddressInet.From(new IPEndPoint(destination.BaseAddress, 0));
        row.DestinationPrefixLength = (byte)destination.PrefixLength;

        // An unspecified next hop of the same family: straight into the adapter.
        row.NextHop = SocketAddressInet.From(new IPEndPoint(
            destination.BaseAddress.AddressFamily == AddressFamily.InterNetworkV6 ? IPAddress.IPv6Any : IPAddress.Any, 0));
        row.Metric = 0;
        Check(CreateIpForwardEntry2(&row), $"add route {destination}");
    }

    public static void SetMtu(ulong luid, AddressFamily family, int mtu)
    {
        InterfaceRow row = default;
        row.Family = family == AddressFamily.InterNetworkV6 ? SocketAddressInet.V6 : SocketAddressInet.V4;
        row.Luid = luid;
        Check(GetIpInterfaceEntry(&row), "read the adapter's IP settings");
        row.Mtu = (uint)mtu;

        // SetIpInterfaceEntry's documentation: must be zero for IPv4, though Get fills it.
        row.SitePrefixLength = 0;
        Check(SetIpInterfaceEntry(&row), $"set the MTU to {mtu}");
    }

    private static void Check(uint code, string doing)
    {
        if (code is not (0 or AlreadyExists))
        {
            throw new Win32Exception((int)code, $"Windows could not {doing}: {Marshal.GetPInvokeErrorMessage((int)code)} (error {code}).");
        }
    }

    [LibraryImport(Library)]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial void InitializeUnicastIpAddressEntry(UnicastRow* row);

    [LibraryImport(Library)]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial uint CreateUnicastIpAddressEntry(UnicastRow* row);

    [LibraryImport(Library)]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial void InitializeIpForwardEntry(ForwardRow* row);

    [LibraryImport(Library)]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial uint CreateIpForwardEntry2(ForwardRow* row);

    [LibraryImport(Library)]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial uint GetIpInterfaceEntry(InterfaceRow* row);

    [LibraryImport(Library)]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial uint SetIpInterfaceEntry(InterfaceRow* row);

    /// <summary>MIB_UNICASTIPADDRESS_ROW; the fields we set, at their places.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 80)]
    internal struct UnicastRow
    {
        [FieldOffset(0)]
        public SocketAddressInet Address;

        [FieldOffset(32)]
        public ulong Luid;

        [FieldOffset(60)]
        public byte OnLinkPrefixLength;

        [FieldOffset(64)]
        public int DadState;
    }

    /// <summary>MIB_IPFORWARD_ROW2.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 104)]
    internal struct ForwardRow
    {
        [FieldOffset(0)]
        public ulong Luid;

        [FieldOffset(12)]
        public SocketAddressInet Destination;

        [FieldOffset(40)]
        public byte DestinationPrefixLength;

        [FieldOffset(44)]
        public SocketAddressInet NextHop;

        [FieldOffset(84)]
        public uint Metric;
    }

    /// <summary>MIB_IPINTERFACE_ROW.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 168)]
    internal struct InterfaceRow
    {
        [FieldOffset(0)]
        public ushort Family;

        [FieldOffset(8)]
        public ulong Luid;

        [FieldOffset(144)]
        public uint SitePrefixLength;

        [FieldOffset(152)]
        public uint Mtu;
    }
}
