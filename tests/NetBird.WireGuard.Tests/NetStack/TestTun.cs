using System.Runtime.InteropServices;
using System.Text;
using NetBird.WireGuard.Tests.Linux;

namespace NetBird.WireGuard.Tests.NetStack;

/// <summary>A bare TUN interface in a namespace: Linux's own TCP/IP on one side, packets on the other.</summary>
internal sealed partial class TestTun : IDisposable
{
    private const nuint SetInterface = 0x400454CA;
    private const int ReadWriteNonBlocking = 0x802;

    private readonly int _file;
    private readonly Thread _reader;
    private volatile bool _isStopping;

    public TestTun(TestNamespace inside, string name, int mtu, Action<byte[]> received, Action batchEnded)
    {
        Skip.IfNot(File.Exists("/dev/net/tun"), "needs /dev/net/tun");
        _file = inside.Run(() =>
        {
            var file = Open("/dev/net/tun", ReadWriteNonBlocking);
            var request = new byte[40];
            Encoding.ASCII.GetBytes(name, request);
            request[16] = 0x01; // IFF_TUN
            request[17] = 0x10; // IFF_NO_PI
            return file >= 0 && IoControl(file, SetInterface, request) == 0
                ? file
                : throw new InvalidOperationException($"TUN: errno {Marshal.GetLastPInvokeError()}");
        });
        inside.Execute("ip", "link", "set", name, "mtu", $"{mtu}", "up");
        inside.Execute("ip", "link", "set", "lo", "up");
        _reader = new Thread(() => Read(received, batchEnded)) { IsBackground = true };
        _reader.Start();
    }

    public void Write(ReadOnlySpan<byte> packet) => Write(_file, packet.ToArray(), (nuint)packet.Length);

    public void Dispose()
    {
        _isStopping = true;
        _reader.Join();
        _ = Close(_file);
    }

    private void Read(Action<byte[]> received, Action batchEnded)
    {
        var buffer = new byte[65536];
        while (!_isStopping)
        {
            var length = Read(_file, buffer, (nuint)buffer.Length);
            if (length > 0)
            {
                received(buffer[..(int)length]);
                continue;
            }

            batchEnded();
            var poll = new Poll { File = _file, Events = 1 };
            _ = Wait(ref poll, 1, 50);
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Poll
    {
        public int File;
        public short Events;
        public short Returned;
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int IoControl(int file, nuint request, byte[] argument);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint Read(int file, byte[] buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint Write(int file, byte[] buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "close")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Close(int file);

    [LibraryImport("libc", EntryPoint = "poll")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Wait(ref Poll poll, nuint count, int milliseconds);
}
