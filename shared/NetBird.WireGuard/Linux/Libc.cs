using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace NetBird.WireGuard.Linux;

/// <summary>The calls the packet path and namespaces make into libc. Numbers are those of x86-64 and arm64 alike.</summary>
[SupportedOSPlatform("linux")]
internal static unsafe partial class Libc
{
    private const string Library = "libc";

    // "System32" means here: by the system's own search only, never from the application's folder.
    private const DllImportSearchPath Trusted = DllImportSearchPath.System32;

    // asm-generic/errno-base.h, errno.h
    public const int EPERM = 1;
    public const int ENOENT = 2;
    public const int EINTR = 4;
    public const int EIO = 5;
    public const int ENXIO = 6;
    public const int EAGAIN = 11;
    public const int EACCES = 13;
    public const int EBUSY = 16;
    public const int ENODEV = 19;
    public const int EINVAL = 22;
    public const int EMSGSIZE = 90;
    public const int ECANCELED = 125;

    // fcntl.h
    private const int O_RDONLY = 0;
    private const int O_RDWR = 2;
    private const int O_NONBLOCK = 0x800;
    private const int O_CLOEXEC = 0x80000;

    /// <summary>Opens a file; the error is left for <see cref="Marshal.GetLastPInvokeError"/>.</summary>
    public static SafeFileHandle OpenReadOnly(string path) => new(Open(path, O_RDONLY | O_CLOEXEC), ownsHandle: true);

    public static SafeFileHandle OpenNonBlocking(string path)
        => new(Open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC), ownsHandle: true);

    /// <summary>The failure of the last call, with what we were doing.</summary>
    public static Win32Exception LastError(string doing)
    {
        var code = Marshal.GetLastPInvokeError();
        return new Win32Exception(code, $"Could not {doing}: {Marshal.GetPInvokeErrorMessage(code)} (errno {code}).");
    }

    [LibraryImport(Library, EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial int Open(string path, int flags);

    [LibraryImport(Library, EntryPoint = "ioctl", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    public static partial int IoControl(SafeFileHandle fd, nuint request, void* argument);

    [LibraryImport(Library, EntryPoint = "ioctl", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    public static partial int IoControlValue(SafeFileHandle fd, nuint request, nuint value);

    [LibraryImport(Library, EntryPoint = "read", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    public static partial nint Read(int fd, byte* buffer, nuint count);

    [LibraryImport(Library, EntryPoint = "write", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    public static partial nint Write(int fd, byte* buffer, nuint count);

    [LibraryImport(Library, EntryPoint = "poll", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    public static partial int Poll(PollDescriptor* descriptors, nuint count, int timeoutMs);

    [LibraryImport(Library, EntryPoint = "eventfd", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    public static partial int EventFd(uint initial, int flags);

    [LibraryImport(Library, EntryPoint = "timerfd_create", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    public static partial int TimerCreate(int clock, int flags);

    [LibraryImport(Library, EntryPoint = "timerfd_settime", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    public static partial int TimerSet(SafeFileHandle fd, int flags, TimerSpecification* specification, TimerSpecification* before);

    [LibraryImport(Library, EntryPoint = "unshare", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    public static partial int Unshare(int flags);

    [LibraryImport(Library, EntryPoint = "setns", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    public static partial int SetNamespace(SafeFileHandle fd, int kind);

    [LibraryImport(Library, EntryPoint = "socket", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    public static partial int Socket(int domain, int type, int protocol);

    [LibraryImport(Library, EntryPoint = "connect", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    public static partial int Connect(int fd, byte* address, uint addressBytes);

    /// <summary>struct itimerspec (bits/types/struct_itimerspec.h) of 64-bit systems.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct TimerSpecification
    {
        public long IntervalSeconds;
        public long IntervalNanoseconds;
        public long Seconds;
        public long Nanoseconds;
    }

    /// <summary>struct pollfd (poll.h).</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct PollDescriptor
    {
        public int Fd;
        public short Events;
        public short Returned;
    }

    /// <summary>POLLIN.</summary>
    public const short PollIn = 1;
}
