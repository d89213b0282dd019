using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace NetBird.WireGuard.Linux;

/// <summary>
/// The runtime's finalizer thread looks every ten seconds whether a heap dump was asked for from outside; no switch ends that (coreclr,
/// finalizerthread.cpp, LINUX_HEAP_DUMP_TIME_OUT). Its timer is therefore told that it may be late: it then goes off beside another one and wakes
/// no machine by itself. What is to be finalized still wakes the thread at once.
/// </summary>
[SupportedOSPlatform("linux")]
public static partial class RuntimeTimer
{
    // linux/prctl.h
    private const int SetTimerSlack = 29;

    /// <summary>Ours, in nanoseconds: late at most.</summary>
    private static readonly nuint Slack = (nuint)Math.Min(600_000_000_000UL, nuint.MaxValue);

    /// <summary>Takes effect with the next collection.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void MayBeLate() => _ = new OnThatThread();

    [LibraryImport("libc", EntryPoint = "prctl")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int Prctl(int option, nuint value, nuint arg3, nuint arg4, nuint arg5);

    /// <summary>A thread's slack is its own to set (prctl(2)), and finalizers are all of ours that this thread runs.</summary>
    private sealed class OnThatThread
    {
        ~OnThatThread() => _ = Prctl(SetTimerSlack, Slack, 0, 0, 0);
    }
}
