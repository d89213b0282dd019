using System.Runtime.Versioning;
using System.ServiceProcess;
using Microsoft.Extensions.Hosting.WindowsServices;

namespace NetBird.Agent.Service;

/// <summary>
/// The daemon under Windows' service control manager, which ends a process that does not answer it. What goes wrong before
/// there is a log goes to the event log.
/// </summary>
[SupportedOSPlatform("windows")]
internal sealed class WindowsService : ServiceBase
{
    // winerror.h: ERROR_EXCEPTION_IN_SERVICE.
    private const int Failed = 1064;

    private readonly CancellationTokenSource _stop = new();
    private readonly Func<CancellationToken, Task<int>> _daemon;
    private Task<int> _running = Task.FromResult(0);

    private WindowsService(Func<CancellationToken, Task<int>> daemon)
    {
        _daemon = daemon;
        ServiceName = "netbird-agent";
        CanShutdown = true;
    }

    /// <summary>Whether the service control manager started this process.</summary>
    public static bool IsOne => WindowsServiceHelpers.IsWindowsService();

    /// <summary>Runs until the manager stops it or the daemon ends.</summary>
    /// <returns>The daemon's exit code.</returns>
    public static int Run(Func<CancellationToken, Task<int>> daemon)
    {
        var words = new StringWriter();
        Console.SetError(words);
        using var service = new WindowsService(daemon);
        Run(service);
        var code = service._running.GetAwaiter().GetResult();
        if (words.ToString() is { Length: > 0 } said)
        {
            service.EventLog.WriteEntry(said, code == 0 ? System.Diagnostics.EventLogEntryType.Information : System.Diagnostics.EventLogEntryType.Error);
        }

        return code;
    }

    protected override void OnStart(string[] args)
    {
        _running = _daemon(_stop.Token);
        _ = EndWithDaemonAsync();
    }

    protected override void OnStop() => End();

    protected override void OnShutdown() => End();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _stop.Dispose();
        }

        base.Dispose(disposing);
    }

    private void End()
    {
        _stop.Cancel();
        ((IAsyncResult)_running).AsyncWaitHandle.WaitOne(TimeSpan.FromSeconds(10));
    }

    private async Task EndWithDaemonAsync()
    {
        var code = await _running.ConfigureAwait(false);
        if (!_stop.IsCancellationRequested)
        {
            ExitCode = code == 0 ? 0 : Failed;
            Stop();
        }
    }
}
