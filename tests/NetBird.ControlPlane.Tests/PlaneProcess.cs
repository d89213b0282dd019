using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace NetBird.ControlPlane.Tests;

/// <summary>The control plane's executable with a state directory and an address that outlive it.</summary>
internal sealed class PlaneProcess : IAsyncDisposable
{
    private readonly string _state;
    private readonly string[] _options;
    private readonly StringBuilder _log = new();
    private Process? _process;

    private PlaneProcess(string state, string[] options)
    {
        (_state, _options, Url) = (state, options, new($"http://127.0.0.1:{LoopbackPort.Free()}"));
        Admin = new() { BaseAddress = Url, Timeout = TimeSpan.FromMinutes(2) };
    }

    public Uri Url { get; }

    public HttpClient Admin { get; }

    public string Log
    {
        get
        {
            lock (_log)
            {
                return _log.ToString();
            }
        }
    }

    /// <summary>Resident, in bytes.</summary>
    public long Memory
    {
        get
        {
            _process!.Refresh(); // running
            return _process.WorkingSet64;
        }
    }

    public TimeSpan Processor
    {
        get
        {
            _process!.Refresh(); // running
            return _process.TotalProcessorTime;
        }
    }

    public static async Task<PlaneProcess> StartAsync(string state, params string[] options)
    {
        var plane = new PlaneProcess(state, options);
        await plane.StartAsync();
        return plane;
    }

    public async Task StartAsync()
    {
        // Another build's executable may be named, to compare with.
        var program = Environment.GetEnvironmentVariable("NETBIRD_PLANE") ?? Path.Combine(AppContext.BaseDirectory, "../../NetBird.ControlPlane/release/netbird-controlplane");
        var start = new ProcessStartInfo(program) { RedirectStandardError = true, RedirectStandardOutput = true };
        Array.ForEach(
            ["serve", "--state-dir", _state, "--http", Url.Authority, "--tunnel", "rootless", "--wireguard-port", "0", .. _options], start.ArgumentList.Add);
        _process = Process.Start(start)!; // a process that cannot start throws
        _process.ErrorDataReceived += (_, line) => Keep(line.Data);
        _process.OutputDataReceived += (_, line) => Keep(line.Data);
        _process.BeginErrorReadLine();
        _process.BeginOutputReadLine();
        for (var i = 0; !await IsReadyAsync(); i++)
        {
            Assert.True(i < 1200 && !_process.HasExited, "The control plane is not ready.\n" + Log);
            await Task.Delay(100);
        }

        if (Admin.DefaultRequestHeaders.Authorization is null && File.Exists(Path.Combine(_state, "admin-token")))
        {
            Admin.DefaultRequestHeaders.Authorization = new("Token", (await File.ReadAllTextAsync(Path.Combine(_state, "admin-token"))).Trim());
        }
    }

    /// <summary>SIGKILL.</summary>
    public async Task KillAsync()
    {
        _process!.Kill(); // running
        await _process.WaitForExitAsync();
    }

    /// <summary>SIGTERM, and the end of it; its exit code.</summary>
    public async Task<int> StopAsync()
    {
        using var terminate = Process.Start("kill", ["-TERM", _process!.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]); // running
        await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
        return _process.ExitCode;
    }

    public Task<JsonElement> GetAsync(string path) => SendAsync(HttpMethod.Get, path, null);

    public async Task<JsonElement> SendAsync(HttpMethod method, string path, object? body)
    {
        while (true)
        {
            using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body) };
            using var answer = await Admin.SendAsync(request);
            if (answer.StatusCode == HttpStatusCode.TooManyRequests)
            {
                await Task.Delay(1000);
                continue;
            }

            var text = await answer.Content.ReadAsStringAsync();
            Assert.True(answer.IsSuccessStatusCode, $"{method} {path}: {(int)answer.StatusCode} {text}");
            return JsonDocument.Parse(text).RootElement;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false })
        {
            await KillAsync();
        }

        _process?.Dispose();
        Admin.Dispose();
    }

    private void Keep(string? line)
    {
        lock (_log)
        {
            _log.AppendLine(line);
        }
    }

    private async Task<bool> IsReadyAsync()
    {
        try
        {
            return (await Admin.GetAsync("/readyz")).IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}
