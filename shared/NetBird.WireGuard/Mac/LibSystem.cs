using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace NetBird.WireGuard.Mac;

/// <summary>The calls that a utun interface needs of libSystem. Numbers are those of x86-64 and arm64 alike.</summary>
[SupportedOSPlatform("macos")]
internal static unsafe partial class LibSystem
{
    private const string Library = "libSystem.dylib";

    // "System32" means here: by the system's own search only, never from the application's folder.
    private const DllImportSearchPath Trusted = DllImportSearchPath.System32;

    // sys/errno.h
    public const int EPERM = 1;
    public const int EINTR = 4;

    // sys/poll.h
    public const short PollIn = 0x0001;

    /// <summary>What went wrong with the last call.</summary>
    public static Win32Exception LastError(string doing)
    {
        var code = Marshal.GetLastPInvokeError();
        return new Win32Exception(code, $"macOS could not {doing}: {Marshal.GetPInvokeErrorMessage(code)} (error {code}).");
    }

    public static SafeFileHandle Socket(int family, int type, int protocol) => new(SocketNative(family, type, protocol), ownsHandle: true);

    /// <summary>
    /// ioctl(2) takes its argument as one of a variable number: those are on the stack on Apple's arm64, behind the eight
    /// registers, and in the next register elsewhere.
    /// </summary>
    public static int IoControl(SafeHandle file, nuint request, void* argument)
        => RuntimeInformation.ProcessArchitecture == Architecture.Arm64
            ? IoControlArm64(file, request, 0, 0, 0, 0, 0, 0, argument)
            : IoControlX64(file, request, argument);

    [LibraryImport(Library, EntryPoint = "socket", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial int SocketNative(int family, int type, int protocol);

    [LibraryImport(Library, EntryPoint = "ioctl", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial int IoControlX64(SafeHandle file, nuint request, void* argument);

    [LibraryImport(Library, EntryPoint = "ioctl", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial int IoControlArm64(SafeHandle file, nuint request, nint x2, nint x3, nint x4, nint x5, nint x6, nint x7, void* argument);

    [LibraryImport(Library, EntryPoint = "connect", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    public static partial int Connect(SafeHandle socket, void* address, uint bytes);

    [LibraryImport(Library, EntryPoint = "getsockopt", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    public static partial int GetSocketOption(SafeHandle socket, int level, int option, void* value, uint* bytes);

    [LibraryImport(Library, EntryPoint = "pipe", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    public static partial int Pipe(int* ends);

    [LibraryImport(Library, EntryPoint = "poll", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    public static partial int Poll(PollDescriptor* descriptors, uint count, int timeoutMs);

    [LibraryImport(Library, EntryPoint = "read", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    public static partial nint Read(SafeHandle file, byte* buffer, nuint bytes);

    [LibraryImport(Library, EntryPoint = "write", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    public static partial nint Write(SafeHandle file, byte* buffer, nuint bytes);

    /// <summary>struct pollfd of sys/poll.h.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 8)]
    internal struct PollDescriptor
    {
        [FieldOffset(0)]
        public int Fd;

        [FieldOffset(4)]
        public short Events;

        [FieldOffset(6)]
        public short Returned;
    }
}
