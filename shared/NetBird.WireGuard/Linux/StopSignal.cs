using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace NetBird.WireGuard.Linux;

/// <summary>An eventfd that ends the waiting of threads which block on a descriptor.</summary>
[SupportedOSPlatform("linux")]
internal sealed unsafe class StopSignal : IDisposable
{
    // EFD_CLOEXEC | EFD_NONBLOCK
    private const int Flags = 0x80800;

    private readonly SafeFileHandle _event;

    public StopSignal()
    {
        _event = new SafeFileHandle(Libc.EventFd(0, Flags), ownsHandle: true);
        if (_event.IsInvalid)
        {
            throw Libc.LastError("make an eventfd");
        }
    }

    /// <summary>Waits until <paramref name="fd"/> can be read; false once <see cref="Set"/> was called.</summary>
    public bool WaitReadable(SafeHandle fd)
    {
        var both = stackalloc Libc.PollDescriptor[2];
        both[0] = new Libc.PollDescriptor { Fd = (int)fd.DangerousGetHandle(), Events = Libc.PollIn };
        both[1] = new Libc.PollDescriptor { Fd = (int)_event.DangerousGetHandle(), Events = Libc.PollIn };
        _ = Libc.Poll(both, 2, timeoutMs: -1);
        return both[1].Returned == 0;
    }

    /// <summary>Ends every wait, now and later.</summary>
    public void Set()
    {
        ulong one = 1;
        _ = Libc.Write((int)_event.DangerousGetHandle(), (byte*)&one, sizeof(ulong));
    }

    public void Dispose() => _event.Dispose();
}
