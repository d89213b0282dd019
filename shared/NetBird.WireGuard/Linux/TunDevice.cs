using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Text;
using Microsoft.Win32.SafeHandles;
using NetBird.WireGuard.Userspace;

namespace NetBird.WireGuard.Linux;

/// <summary>
/// A TUN interface (Documentation/networking/tuntap.rst). It lives in the network namespace of the thread that opened it and
/// disappears with its descriptor, however the process ends; the descriptor works from any thread.
/// </summary>
[SupportedOSPlatform("linux")]
internal sealed unsafe class TunDevice : IBatchingPacketDevice
{
    private const string Clone = "/dev/net/tun";

    // linux/if_tun.h
    private const uint SetInterface = 0x400454CA;
    private const short Tun = 0x0001;
    private const short NoPacketInformation = 0x1000;

    /// <summary>Fails where the name exists, rather than joining another program's persistent device.</summary>
    private const short Exclusive = unchecked((short)0x8000);

    private readonly SafeFileHandle _handle;
    private readonly StopSignal _stop = new();
    private Thread? _reader;
    private int _disposed;

    private TunDevice(SafeFileHandle handle, string name, int mtu)
    {
        _handle = handle;
        Name = name;
        Mtu = mtu;
    }

    public string Name { get; }

    public int Mtu { get; }

    /// <summary>Creates the interface, down, in the calling thread's namespace.</summary>
    /// <exception cref="TunnelException">It cannot be had; the message says what to do.</exception>
    public static TunDevice Open(string name, int mtu)
    {
        var handle = Libc.OpenNonBlocking(Clone);
        if (handle.IsInvalid)
        {
            var error = Libc.LastError($"open {Clone}");
            throw new TunnelException(
                error.NativeErrorCode switch
                {
                    Libc.ENOENT or Libc.ENXIO or Libc.ENODEV =>
                        $"{Clone} is missing: load the kernel's TUN driver (modprobe tun), or in a container pass --device {Clone}.",
                    Libc.EPERM or Libc.EACCES =>
                        $"This process may not open {Clone}: run it as root, or use --tunnel rootless, which needs no privilege.",
                    _ => error.Message,
                },
                error);
        }

        // struct ifreq: the name in 16 bytes, then the flags.
        var request = stackalloc byte[40];
        new Span<byte>(request, 40).Clear();
        _ = Encoding.ASCII.GetBytes(name, new Span<byte>(request, 15));
        *(short*)(request + 16) = (short)(Tun | NoPacketInformation | Exclusive);
        if (Libc.IoControl(handle, SetInterface, request) < 0)
        {
            var error = Libc.LastError($"create the interface {name}");
            handle.Dispose();
            throw new TunnelException(
                error.NativeErrorCode switch
                {
                    Libc.EPERM =>
                        "This process may not create network interfaces (it lacks CAP_NET_ADMIN): run it as root, or use --tunnel "
                        + "rootless, which needs no privilege.",
                    Libc.EBUSY or Libc.EINVAL => $"An interface named {name} exists already: choose another name, or stop the program that has it.",
                    _ => error.Message,
                },
                error);
        }

        return new TunDevice(handle, name, mtu);
    }

    public void Start(OutboundPacket outbound)
        => throw new NotSupportedException("This device hands over trains.");

    public void Start(Func<OutboundTrain> open)
    {
        _reader = new Thread(() => ReadLoop(open())) { IsBackground = true, Name = "wg-tun" };
        _reader.Start();
    }

    public void Write(ReadOnlySpan<byte> packet)
    {
        // Held, so that the number cannot come to mean another file while we write.
        var held = false;
        try
        {
            _handle.DangerousAddRef(ref held);
            fixed (byte* bytes = packet)
            {
                // Full queue or interface down: the packet is lost, as on any wire.
                _ = Libc.Write((int)_handle.DangerousGetHandle(), bytes, (nuint)packet.Length);
            }
        }
        catch (ObjectDisposedException)
        {
            // Closing; lost likewise.
        }
        finally
        {
            if (held)
            {
                _handle.DangerousRelease();
            }
        }
    }

    public void Flush()
    {
    }

    public ValueTask DisposeAsync()
    {
        Close();
        return ValueTask.CompletedTask;
    }

    /// <summary>Removes the interface; returns when no thread of it runs.</summary>
    public void Close()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _stop.Set();
            _reader?.Join();
            _handle.Dispose();
            _stop.Dispose();
        }
    }

    private void ReadLoop(OutboundTrain train)
    {
        var fd = (int)_handle.DangerousGetHandle();
        while (true)
        {
            nint length;
            fixed (byte* slot = train.Slot)
            {
                length = Libc.Read(fd, slot, ushort.MaxValue);
            }

            if (length > 0)
            {
                train.Commit((int)length);
                continue;
            }

            train.Flush();
            var error = length < 0 ? Marshal.GetLastPInvokeError() : 0;
            if (error is not (Libc.EAGAIN or Libc.EINTR or Libc.EIO))
            {
                return;
            }

            if (!_stop.WaitReadable(_handle))
            {
                return;
            }
        }
    }
}
