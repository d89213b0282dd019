using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace NetBird.WireGuard.Linux;

/// <summary>
/// Is told by the kernel when the machine's clock was set or the machine woke from sleep, so that nobody has to look
/// again and again: a timer that never rings is cancelled then (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET).
/// </summary>
[SupportedOSPlatform("linux")]
public sealed unsafe class ClockWatch : IDisposable
{
    // bits/time.h; sys/timerfd.h
    private const int ClockRealtime = 0;
    private const int NonBlockingCloseOnExec = 0x80800;
    private const int AbsoluteCancelOnSet = 0x3;

    /// <summary>Ours: in the year 2242.</summary>
    private const long NeverSeconds = 1L << 33;

    private readonly SafeFileHandle _timer;
    private readonly StopSignal _stop = new();
    private readonly Action _jumped;
    private readonly Thread _thread;

    private ClockWatch(SafeFileHandle timer, Action jumped)
    {
        _timer = timer;
        _jumped = jumped;
        _thread = new Thread(Watch, maxStackSize: 128 * 1024) { IsBackground = true, Name = "clock" };
        _thread.Start();
    }

    /// <summary>Starts to watch.</summary>
    /// <param name="jumped">Called on a thread of the watch's own; must not throw.</param>
    /// <returns>Null where this kernel has no such timer.</returns>
    public static ClockWatch? TryStart(Action jumped)
    {
        ArgumentNullException.ThrowIfNull(jumped);
        var timer = new SafeFileHandle(Libc.TimerCreate(ClockRealtime, NonBlockingCloseOnExec), ownsHandle: true);
        if (timer.IsInvalid || !Arm(timer))
        {
            timer.Dispose();
            return null;
        }

        return new ClockWatch(timer, jumped);
    }

    /// <summary>Ends the watch; the callback is not called any more once this returns.</summary>
    public void Dispose()
    {
        _stop.Set();
        _thread.Join();
        _timer.Dispose();
        _stop.Dispose();
    }

    private static bool Arm(SafeFileHandle timer)
    {
        var never = new Libc.TimerSpecification { Seconds = NeverSeconds };
        return Libc.TimerSet(timer, AbsoluteCancelOnSet, &never, null) == 0;
    }

    private void Watch()
    {
        while (_stop.WaitReadable(_timer))
        {
            // ECANCELED tells of a jump, EAGAIN of a wait that a signal interrupted. Armed again first: the next jump may come at once.
            ulong rings;
            var read = Libc.Read((int)_timer.DangerousGetHandle(), (byte*)&rings, sizeof(ulong));
            var cancelled = read < 0 && Marshal.GetLastPInvokeError() == Libc.ECANCELED;
            if (cancelled)
            {
                if (!Arm(_timer))
                {
                    return;
                }

                _jumped();
            }
        }
    }
}
