using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace NetBird.WireGuard.Windows;

/// <summary>Which process holds an end of a TCP connection of this machine; iphlpapi.h, in iphlpapi.dll.</summary>
[SupportedOSPlatform("windows")]
internal static unsafe partial class TcpTable
{
    private const string Library = "iphlpapi.dll";
    private const DllImportSearchPath Trusted = DllImportSearchPath.System32;

    // iprtrmib.h, TCP_TABLE_CLASS: TCP_TABLE_OWNER_PID_ALL.
    private const int OwnerPidAll = 5;

    // tcpmib.h: MIB_TCP_STATE_LISTEN.
    private const uint Listening = 2;

    // winerror.h: ERROR_INSUFFICIENT_BUFFER.
    private const uint InsufficientBuffer = 122;

    // Ours: a machine whose connections change all the time is asked a few times.
    private const int Attempts = 8;

    // MIB_TCPTABLE_OWNER_PID and its twin for IPv6: a count of 32 bits, then the rows.
    private const int RowsStart = 4;

    /// <summary>The process that holds <paramref name="local"/> of the connection to <paramref name="remote"/>.</summary>
    /// <returns>Null when there is no such connection, or its process closed it already (the table then says 0).</returns>
    public static uint? ProcessOf(IPEndPoint local, IPEndPoint remote)
        => Find((address, port, far, farPort, _) => port == local.Port && farPort == remote.Port && Same(address, local.Address) && Same(far, remote.Address));

    /// <summary>The process that listens there, on that address or on all of them; null when there is none.</summary>
    public static uint? ListenerOf(IPEndPoint place)
        => Find((address, port, _, _, state) => state == Listening && port == place.Port && (Same(address, place.Address) || !address.ContainsAnyExcept((byte)0)));

    private delegate bool Fits(ReadOnlySpan<byte> local, int localPort, ReadOnlySpan<byte> remote, int remotePort, uint state);

    private static uint? Find(Fits fits)
    {
        var v4 = Read(SocketAddressInet.V4);
        foreach (ref readonly var row in Rows<Row4>(v4))
        {
            if (fits(BytesOf(row.LocalAddress), Port(row.LocalPort), BytesOf(row.RemoteAddress), Port(row.RemotePort), row.State) && row.ProcessId != 0)
            {
                return row.ProcessId;
            }
        }

        var v6 = Read(SocketAddressInet.V6);
        foreach (ref readonly var row in Rows<Row6>(v6))
        {
            if (fits(row.LocalAddress, Port(row.LocalPort), row.RemoteAddress, Port(row.RemotePort), row.State) && row.ProcessId != 0)
            {
                return row.ProcessId;
            }
        }

        return null;
    }

    /// <summary>The table whole; empty when it is not given, which is as if nothing were found.</summary>
    private static byte[] Read(ushort family)
    {
        var buffer = new byte[16 * 1024];
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var size = (uint)buffer.Length;
            fixed (byte* start = buffer)
            {
                switch (GetExtendedTcpTable(start, &size, order: 0, family, OwnerPidAll, reserved: 0))
                {
                    case 0:
                        return buffer;
                    case InsufficientBuffer:
                        // A little more, for connections that come meanwhile.
                        buffer = new byte[checked((int)(size + (size / 8)))];
                        continue;
                    default:
                        return [];
                }
            }
        }

        return [];
    }

    private static ReadOnlySpan<T> Rows<T>(byte[] table)
        where T : unmanaged
    {
        if (table.Length < RowsStart)
        {
            return [];
        }

        var rows = MemoryMarshal.Cast<byte, T>(table.AsSpan(RowsStart));
        return rows[..(int)Math.Min((uint)rows.Length, MemoryMarshal.Read<uint>(table))];
    }

    private static bool Same(ReadOnlySpan<byte> bytes, IPAddress address)
    {
        // A socket for both families shows in either table, by the address it was given.
        Span<byte> wanted = stackalloc byte[16];
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        var shown = bytes.Length == 16 && plain.AddressFamily == AddressFamily.InterNetwork ? plain.MapToIPv6() : plain;
        return shown.TryWriteBytes(wanted, out var length) && bytes.SequenceEqual(wanted[..length]);
    }

    private static ReadOnlySpan<byte> BytesOf(in uint address) => MemoryMarshal.AsBytes(new ReadOnlySpan<uint>(in address));

    /// <summary>In network order in the lower half; the upper may hold anything (MIB_TCPROW_OWNER_PID's documentation).</summary>
    private static int Port(uint field) => BinaryPrimitives.ReverseEndianness((ushort)field);

    [LibraryImport(Library)]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial uint GetExtendedTcpTable(byte* table, uint* size, int order, uint family, int tableClass, uint reserved);

    /// <summary>MIB_TCPROW_OWNER_PID.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 24)]
    internal struct Row4
    {
        [FieldOffset(0)]
        public uint State;

        [FieldOffset(4)]
        public uint LocalAddress;

        [FieldOffset(8)]
        public uint LocalPort;

        [FieldOffset(12)]
        public uint RemoteAddress;

        [FieldOffset(16)]
        public uint RemotePort;

        [FieldOffset(20)]
        public uint ProcessId;
    }

    /// <summary>MIB_TCP6ROW_OWNER_PID.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 56)]
    internal struct Row6
    {
        [FieldOffset(0)]
        public Address6 LocalAddress;

        [FieldOffset(20)]
        public uint LocalPort;

        [FieldOffset(24)]
        public Address6 RemoteAddress;

        [FieldOffset(44)]
        public uint RemotePort;

        [FieldOffset(48)]
        public uint State;

        [FieldOffset(52)]
        public uint ProcessId;
    }

    [InlineArray(16)]
    internal struct Address6
    {
        private byte _first;
    }
}
