using System.Runtime.InteropServices;

namespace NetBird.WireGuard.Linux;

/// <summary>Sending and receiving datagrams with their control messages. Layouts are those of 64-bit Linux; a test holds them to it.</summary>
internal static unsafe partial class Libc
{
    public const int MSG_DONTWAIT = 0x40;

    [LibraryImport(Library, EntryPoint = "recvmmsg", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    public static partial int ReceiveMessages(int fd, MultiMessage* messages, uint count, int flags, void* timeout);

    [LibraryImport(Library, EntryPoint = "sendmsg", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    public static partial nint SendMessage(int fd, Message* message, int flags);

    [LibraryImport(Library, EntryPoint = "sendmmsg", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    public static partial int SendMessages(int fd, MultiMessage* messages, uint count, int flags);

    /// <summary>struct iovec.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Vector
    {
        public byte* Base;
        public nuint Length;
    }

    /// <summary>struct msghdr; 56 bytes.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Message
    {
        public SocketAddressV6* Name;
        public uint NameLength;
        public Vector* Vectors;
        public nuint VectorCount;
        public byte* Control;
        public nuint ControlLength;
        public int Flags;
    }

    /// <summary>struct mmsghdr; 64 bytes.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct MultiMessage
    {
        public Message Header;
        public uint Length;
    }

    /// <summary>struct sockaddr_in6; 28 bytes. Port and address in network order.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct SocketAddressV6
    {
        public ushort Family;
        public ushort Port;
        public uint FlowInformation;
        public fixed byte Address[16];
        public uint ScopeId;
    }

    /// <summary>struct cmsghdr; 16 bytes, and the data follows.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct ControlHeader
    {
        public nuint Length;
        public int Level;
        public int Type;
    }
}
