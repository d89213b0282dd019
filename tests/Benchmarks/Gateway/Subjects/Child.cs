using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Benchmarks.Gateway.Subjects;

/// <summary>A process of this benchmark, ended with it.</summary>
internal sealed class Child : IDisposable
{
    private readonly Process _process;

    private Child(Process process, int port) => (_process, Port) = (process, port);

    public int Port { get; }

    public long PeakMegabytes
    {
        get
        {
            _process.Refresh();
            return _process.HasExited ? 0 : _process.PeakWorkingSet64 / (1024 * 1024);
        }
    }

    /// <summary>
    /// Processor time of the process and its children so far: unlike requests a second, hardly touched by what else runs on the machine.
    /// </summary>
    public TimeSpan ProcessorTime()
    {
        long ticks = 0;
        foreach (var folder in Directory.EnumerateDirectories("/proc").Where(path => char.IsAsciiDigit(Path.GetFileName(path)[0])))
        {
            try
            {
                // proc(5): after the name in parentheses come state, ppid, ..., utime (14), stime (15).
                var stat = File.ReadAllText(Path.Combine(folder, "stat"));
                var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
                if (Path.GetFileName(folder) == $"{_process.Id}" || fields[1] == $"{_process.Id}")
                {
                    ticks += long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture);
                }
            }
            catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
            {
                // A process that just ended.
            }
        }

        return TimeSpan.FromMilliseconds(ticks * 10);
    }

    /// <summary>Starts a program and waits until it listens.</summary>
    /// <exception cref="InvalidOperationException">It ended or does not listen after a minute; with the last it said.</exception>
    public static async Task<Child> StartAsync(IPEndPoint at, string file, IEnumerable<string> arguments, Dictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(file) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var (name, value) in environment ?? [])
        {
            start.Environment[name] = value;
        }

        var said = "";
        var process = Process.Start(start) ?? throw new InvalidOperationException($"{file} does not start.");
        process.OutputDataReceived += (_, line) => said = line.Data ?? said;
        process.ErrorDataReceived += (_, line) => said = line.Data ?? said;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        for (var i = 0; i < 1_200; i++)
        {
            try
            {
                using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                await probe.ConnectAsync(at);
                return new(process, at.Port);
            }
            catch (SocketException) when (!process.HasExited)
            {
                await Task.Delay(50);
            }
            catch (SocketException)
            {
                break;
            }
        }

        process.Kill(entireProcessTree: true);
        throw new InvalidOperationException($"{file} does not listen on {at}: {said}");
    }

    public static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    public static bool IsInstalled(string tool)
        => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, tool)));

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit(2000);
        }

        _process.Dispose();
    }
}
