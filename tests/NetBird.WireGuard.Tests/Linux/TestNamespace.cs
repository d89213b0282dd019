using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace NetBird.WireGuard.Tests.Linux;

/// <summary>
/// A network namespace that lives on one thread and has no name: it and all in it vanish with the thread and
/// the sockets opened there. Other tools enter it through /proc.
/// </summary>
internal sealed class TestNamespace : IDisposable
{
    private readonly BlockingCollection<Action> _work = [];
    private readonly Thread _thread;

    private TestNamespace()
    {
        using var ready = new ManualResetEventSlim();
        Exception? failure = null;
        _thread = new Thread(() =>
        {
            if (Tmds.Linux.LibC.unshare(Tmds.Linux.LibC.CLONE_NEWNET) < 0)
            {
                failure = new InvalidOperationException($"unshare: errno {Tmds.Linux.LibC.errno}");
            }

            Path = $"{File.ResolveLinkTarget("/proc/thread-self", returnFinalTarget: false)!.FullName}/ns/net";
            ready.Set();
            foreach (var action in _work.GetConsumingEnumerable())
            {
                action();
            }
        })
        { IsBackground = true };
        _thread.Start();
        ready.Wait();
        if (failure is not null)
        {
            Dispose();
            throw failure;
        }
    }

    /// <summary>The namespace's file while this lives.</summary>
    public string Path { get; private set; } = "";

    /// <summary>Makes one, or skips the test where this process may not.</summary>
    public static TestNamespace Create()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "needs Linux");
        Skip.IfNot(Environment.IsPrivilegedProcess, "needs root for a network namespace");
        return new TestNamespace();
    }

    /// <summary>Runs on the namespace's own thread.</summary>
    public T Run<T>(Func<T> action)
    {
        using var done = new ManualResetEventSlim();
        T? result = default;
        ExceptionDispatchInfo? failure = null;
        _work.Add(() =>
        {
            try
            {
                result = action();
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }

            done.Set();
        });
        done.Wait();
        failure?.Throw();
        return result!;
    }

    /// <summary>Runs a program inside and returns what it printed.</summary>
    public string Execute(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo("nsenter") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in (string[])[$"--net={Path}", program, .. arguments])
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0
            ? output
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {errors.GetAwaiter().GetResult()}");
    }

    public void Dispose()
    {
        _work.CompleteAdding();
        _thread.Join();
        _work.Dispose();
    }
}
