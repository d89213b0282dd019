using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace NetBird.ControlPlane.Tests.Usage.Chaos;

/// <summary>A <see cref="GatewayNode"/> in a process that can be killed and started again on the same state and port.</summary>
internal sealed class NodeProcess(Uri upstream, string postgres = "-", int people = 30, int groups = 6, long cap = 0) : IDisposable
{
    private readonly Scratch _state = new();
    private Process? _process;

    public string Directory => _state.Path;

    public int Port { get; } = LoopbackPort.Free();

    /// <summary>Times between which it was killed or starting.</summary>
    public List<(DateTime From, DateTime To)> Away { get; } = [];

    /// <summary>As a service manager does: once more where the database did not answer in time.</summary>
    public async Task StartAsync()
    {
        for (var left = 60; ; left--)
        {
            if (await TryStartAsync() is not { } said)
            {
                return;
            }

            Assert.True(left > 0 && said.Contains("PostgreSQL cannot be used", StringComparison.Ordinal), $"The gateway does not start: {said}");
            await Task.Delay(500);
        }
    }

    /// <summary>kill -9, and up again at once.</summary>
    public async Task KillAsync()
    {
        var from = DateTime.UtcNow;
        _process!.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        await StartAsync();
        lock (Away)
        {
            Away.Add((from, DateTime.UtcNow));
        }
    }

    public async Task StopAsync()
    {
        _process!.StandardInput.Close();
        await _process.WaitForExitAsync();
    }

    /// <returns>Null: it serves; else what it said and ended.</returns>
    private async Task<string?> TryStartAsync()
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardInput = true, RedirectStandardError = true };
        foreach (var argument in (string[])[
            "exec", typeof(TestProcess).Assembly.Location, "gateway-node", Directory, $"{Port}", upstream.ToString(), postgres,
            $"{people}", $"{groups}", cap.ToString(CultureInfo.InvariantCulture)])
        {
            start.ArgumentList.Add(argument);
        }

        _process = Process.Start(start)!;
        var said = new StringBuilder();
        _process.ErrorDataReceived += (_, line) => said.AppendLine(line.Data);
        _process.BeginErrorReadLine();
        if (await _process.StandardOutput.ReadLineAsync() == "ready")
        {
            return null;
        }

        await _process.WaitForExitAsync();
        _process.Dispose();
        _process = null;
        return said.ToString();
    }

    public void Dispose()
    {
        if (_process is { HasExited: false })
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process?.Dispose();
        _state.Dispose();
    }
}
