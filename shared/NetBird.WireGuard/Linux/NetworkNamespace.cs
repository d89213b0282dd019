using System.Runtime.ExceptionServices;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace NetBird.WireGuard.Linux;

/// <summary>
/// A network namespace. One that is made here exists only in this process: nobody else can use what is in it, and the kernel
/// removes it with the last descriptor, however the process ends.
/// </summary>
/// <remarks>
/// A thread is in one namespace, and threads it starts inherit that. So work in the namespace is done on a thread made for
/// it, by system calls alone (a pool thread or .NET's socket engine started from there would stay inside), and the
/// thread is back outside before anyone learns that it is done.
/// </remarks>
[SupportedOSPlatform("linux")]
internal sealed class NetworkNamespace : IDisposable
{
    // sched.h, CLONE_NEWNET
    private const int NetworkKind = 0x40000000;

    // "thread-self" since "self" is the main thread, which is elsewhere.
    private const string ThisThread = "/proc/thread-self/ns/net";

    private readonly SafeFileHandle _handle;

    private NetworkNamespace(SafeFileHandle handle) => _handle = handle;

    /// <summary>An open /proc/.../ns/net of it.</summary>
    public SafeFileHandle Handle => _handle;

    /// <summary>Makes a namespace with a loopback device that is down.</summary>
    /// <exception cref="TunnelException">The process may not.</exception>
    public static NetworkNamespace Create() => OnThread(outside =>
    {
        if (Libc.Unshare(NetworkKind) < 0)
        {
            var error = Libc.LastError("make a network namespace");
            throw error.NativeErrorCode == Libc.EPERM
                ? new TunnelException(
                    "This process may not make a network namespace (it lacks CAP_SYS_ADMIN). Run it as root, keep the interface in the "
                    + "machine's own namespace with --tunnel-namespace host, or use --tunnel rootless, which needs no privilege.",
                    error)
                : new TunnelException(error.Message, error);
        }

        try
        {
            return new NetworkNamespace(OpenCurrent());
        }
        finally
        {
            Return(outside);
        }
    });

    /// <summary>One that exists already, by a file that names it, such as /run/netns/NAME or /proc/PID/ns/net.</summary>
    /// <exception cref="TunnelException">There is none, or the process may not enter it.</exception>
    public static NetworkNamespace Open(string path)
    {
        var handle = Libc.OpenReadOnly(path);
        if (handle.IsInvalid)
        {
            var error = Libc.LastError("open it");
            throw new TunnelException($"'{path}' is no network namespace: {error.Message}", error);
        }

        var space = new NetworkNamespace(handle);
        try
        {
            return space.Run(() => space);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            space.Dispose();
            throw new TunnelException(
                e.NativeErrorCode == Libc.EPERM
                    ? $"This process may not enter the network namespace {path} (it lacks CAP_SYS_ADMIN): run it as root, or start it inside."
                    : $"'{path}' is no network namespace: {e.Message}",
                e);
        }
    }

    /// <summary>Does something inside; <paramref name="work"/> may make system calls and nothing that starts threads.</summary>
    public T Run<T>(Func<T> work) => OnThread(outside =>
    {
        if (Libc.SetNamespace(_handle, NetworkKind) < 0)
        {
            throw Libc.LastError("enter the tunnel's network namespace");
        }

        try
        {
            return work();
        }
        finally
        {
            Return(outside);
        }
    });

    public void Dispose() => _handle.Dispose();

    private static T OnThread<T>(Func<SafeFileHandle, T> work)
    {
        var result = default(T);
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                using var outside = OpenCurrent();
                result = work(outside);
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        })
        {
            IsBackground = true,
            Name = "wg-namespace",
        };
        thread.Start();
        thread.Join();
        failure?.Throw();
        return result!;
    }

    private static SafeFileHandle OpenCurrent()
    {
        var handle = Libc.OpenReadOnly(ThisThread);
        return handle.IsInvalid ? throw Libc.LastError("open this thread's network namespace") : handle;
    }

    private static void Return(SafeFileHandle outside)
    {
        if (Libc.SetNamespace(outside, NetworkKind) < 0)
        {
            // The thread ends right after, so nothing of ours runs in the wrong place.
            throw Libc.LastError("leave the tunnel's network namespace");
        }
    }
}
