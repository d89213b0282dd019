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

    private const short WithVirtioHeader = 0x4000;
    private const uint SetOffload = 0x400454D0;
    private const nuint OffloadChecksum = 0x01;
    private const nuint OffloadTcp = 0x02 | 0x04;
    private const nuint OffloadUdp = 0x20 | 0x40;

    private const string RunAsRoot = "run it as root, or use --tunnel rootless, which needs no privilege.";

    private readonly SafeFileHandle _handle;
    private readonly bool _hasHeader;
    private readonly StopSignal _stop = new();
    private readonly Lock _writing = new();
    private readonly TcpCoalescer? _coalescer;
    private Thread? _reader;
    private int _disposed;

    private TunDevice(SafeFileHandle handle, string name, int mtu, bool hasHeader)
    {
        _handle = handle;
        _hasHeader = hasHeader;
        Name = name;
        Mtu = mtu;
        if (hasHeader)
        {
            _coalescer = new TcpCoalescer(WriteFrame);

            // Large TCP packets, and UDP ones where the kernel knows how (Linux 6.2).
            OffloadsSegmentation = Libc.IoControlValue(handle, SetOffload, OffloadChecksum | OffloadTcp | OffloadUdp) >= 0
                || Libc.IoControlValue(handle, SetOffload, OffloadChecksum | OffloadTcp) >= 0;
        }
    }

    /// <summary>Whether the kernel hands over packets larger than the MTU, for us to cut.</summary>
    public bool OffloadsSegmentation { get; }

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
            var obstacle = ObstacleOf(error.NativeErrorCode);
            throw obstacle switch
            {
                TunnelObstacle.NoDriver => new TunnelException(
                    $"{Clone} is missing: load the kernel's TUN driver (modprobe tun), or in a container pass --device {Clone}.", error)
                {
                    Obstacle = obstacle,
                },
                TunnelObstacle.NotPermitted => new TunnelException($"This process may not open {Clone}", RunAsRoot, error) { Obstacle = obstacle },
                _ => new TunnelException(error.Message, error),
            };
        }

        if (Attach(handle, name, WithVirtioHeader))
        {
            return new TunDevice(handle, name, mtu, hasHeader: true);
        }

        // Kernels before 2.6.27 know no header; whatever else is wrong shows again here.
        if (Marshal.GetLastPInvokeError() == Libc.EINVAL && Attach(handle, name, 0))
        {
            return new TunDevice(handle, name, mtu, hasHeader: false);
        }

        var refusal = Libc.LastError($"create the interface {name}");
        handle.Dispose();
        throw refusal.NativeErrorCode switch
        {
            Libc.EPERM => new TunnelException("This process may not create network interfaces (it lacks CAP_NET_ADMIN)", RunAsRoot, refusal)
            {
                Obstacle = TunnelObstacle.NotPermitted,
            },
            Libc.EBUSY or Libc.EINVAL => new TunnelException(
                $"An interface named {name} exists already: choose another name, or stop the program that has it.", refusal),
            _ => new TunnelException(refusal.Message, refusal) { Obstacle = ObstacleOf(refusal.NativeErrorCode) },
        };
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
        if (_coalescer is null)
        {
            WriteFrame(packet);
            return;
        }

        lock (_writing)
        {
            _coalescer.Add(packet);
        }
    }

    public void Flush()
    {
        if (_coalescer is not null)
        {
            lock (_writing)
            {
                _coalescer.Flush();
            }
        }
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

    private static TunnelObstacle ObstacleOf(int errno) => errno switch
    {
        Libc.EPERM or Libc.EACCES => TunnelObstacle.NotPermitted,
        Libc.ENOENT or Libc.ENXIO or Libc.ENODEV => TunnelObstacle.NoDriver,
        _ => TunnelObstacle.Other,
    };

    private static bool Attach(SafeFileHandle handle, string name, short more)
    {
        // struct ifreq: the name in 16 bytes, then the flags.
        var request = stackalloc byte[40];
        new Span<byte>(request, 40).Clear();
        _ = Encoding.ASCII.GetBytes(name, new Span<byte>(request, 15));
        *(short*)(request + 16) = (short)(Tun | NoPacketInformation | Exclusive | more);
        return Libc.IoControl(handle, SetInterface, request) >= 0;
    }

    private void WriteFrame(ReadOnlySpan<byte> frame)
    {
        // Held, so that the number cannot come to mean another file while we write.
        var held = false;
        try
        {
            _handle.DangerousAddRef(ref held);
            fixed (byte* bytes = frame)
            {
                // Full queue or interface down: the packet is lost, as on any wire.
                _ = Libc.Write((int)_handle.DangerousGetHandle(), bytes, (nuint)frame.Length);
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

    private void ReadLoop(OutboundTrain train)
    {
        var fd = (int)_handle.DangerousGetHandle();
        var buffer = GC.AllocateUninitializedArray<byte>(VirtioHeader.Size + ushort.MaxValue + 1, pinned: true);
        var bytes = (byte*)Marshal.UnsafeAddrOfPinnedArrayElement(buffer, 0);
        while (true)
        {
            var length = (int)Libc.Read(fd, bytes, (nuint)buffer.Length);
            if (length > 0)
            {
                Take(buffer.AsSpan(0, length), train);
                continue;
            }

            var error = length < 0 ? Marshal.GetLastPInvokeError() : 0;
            train.Flush();
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

    private void Take(Span<byte> frame, OutboundTrain train)
    {
        if (!_hasHeader)
        {
            train.Add(frame);
        }
        else if (frame.Length > VirtioHeader.Size)
        {
            SegmentSplitter.Split(MemoryMarshal.Read<VirtioHeader>(frame), frame[VirtioHeader.Size..], train);
        }
    }
}
