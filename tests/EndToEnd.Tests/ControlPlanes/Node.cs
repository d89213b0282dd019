using System.Diagnostics;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace EndToEnd.Tests.ControlPlanes;

/// <summary>One control plane process: the executable, with a state directory and ports of its own.</summary>
internal sealed class Node : IAsyncDisposable
{
    private readonly StringBuilder _log = new();
    private readonly Process _process;
    private readonly bool _ownsState;

    private Node(string stateDir, bool ownsState, Uri url, IEnumerable<string> arguments, IReadOnlyDictionary<string, string?>? environment)
    {
        (StateDir, _ownsState, Url) = (stateDir, ownsState, url);
        Admin = new HttpClient { BaseAddress = Url, Timeout = TimeSpan.FromMinutes(2) };
        _process = Command.Start(Checkout.ControlPlane, ["serve", "--state-dir", StateDir, "--http", Url.Authority, .. arguments], environment);
        _process.OutputDataReceived += (_, line) => Keep(line.Data);
        _process.ErrorDataReceived += (_, line) => Keep(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public Uri Url { get; }

    public string StateDir { get; }

    public int ProcessId => _process.Id;

    /// <summary>Null while it runs.</summary>
    public int? ExitCode => _process.HasExited ? _process.ExitCode : null;

    /// <summary>With the token of the first start, where this node made one.</summary>
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

    /// <summary>Starts one and waits until it is ready.</summary>
    /// <param name="arguments">Of <c>serve</c>, beside --state-dir and --http; the tunnel is rootless on a free port unless said otherwise.</param>
    /// <param name="environment">More of it.</param>
    /// <param name="stateDir">To go on with; null for a fresh one, which goes with the node.</param>
    /// <param name="url">Address to listen on; null for a free one.</param>
    public static async Task<Node> StartAsync(
        IEnumerable<string>? arguments = null, IReadOnlyDictionary<string, string?>? environment = null, string? stateDir = null, Uri? url = null)
    {
        var given = arguments?.ToList() ?? [];
        List<string> usual = given.Contains("--tunnel") ? [] : ["--tunnel", "rootless", "--wireguard-port", "0"];
        var node = new Node(
            stateDir ?? Path.Combine(Directory.CreateTempSubdirectory("netbird-node-").FullName, "state"), stateDir is null,
            url ?? new Uri($"http://127.0.0.1:{AgentSession.FreePort()}"), [.. usual, .. given], environment);
        try
        {
            await node.UntilReadyAsync();
            var token = Path.Combine(node.StateDir, "admin-token");
            if (File.Exists(token))
            {
                node.Admin.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", "Token " + (await File.ReadAllTextAsync(token)).Trim());
            }

            return node;
        }
        catch
        {
            await node.DisposeAsync();
            throw;
        }
    }

    public Task<CommandResult> RunAsync(IEnumerable<string> arguments, string? input = null, IReadOnlyDictionary<string, string?>? environment = null)
        => Command.RunAsync(Checkout.ControlPlane, [.. arguments, "--state-dir", StateDir], environment, input);

    /// <summary>A command that has to succeed; its standard output.</summary>
    public async Task<string> DoneAsync(IEnumerable<string> arguments, string? input = null, IReadOnlyDictionary<string, string?>? environment = null)
    {
        var result = await RunAsync(arguments, input, environment);
        Assert.True(result.ExitCode == 0, result.ToString());
        return result.Output;
    }

    /// <summary>Puts a document into force, as <c>apply -f</c>.</summary>
    public async Task ApplyAsync(string document, IReadOnlyDictionary<string, string?>? environment = null)
    {
        var file = Path.Combine(Path.GetDirectoryName(StateDir)!, Path.GetRandomFileName() + ".yaml");
        await File.WriteAllTextAsync(file, document);
        await DoneAsync(["apply", "-f", file], environment: environment);
    }

    public async Task<JsonElement> GetAsync(string path)
    {
        using var response = await Admin.GetAsync(path);
        return await ReadAsync("GET " + path, response);
    }

    public async Task<JsonElement> SendAsync(HttpMethod method, string path, object? body = null)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body) };
        using var response = await Admin.SendAsync(request);
        return await ReadAsync($"{method} {path}", response);
    }

    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>SIGTERM, and the end of it.</summary>
    public async Task StopAsync()
    {
        if (_process.HasExited)
        {
            return;
        }

        using var terminate = Process.Start("kill", ["-TERM", _process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        try
        {
            await _process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            _process.Kill();
            throw new TimeoutException("The control plane did not end within 20 s of SIGTERM.\n" + Log);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Admin.Dispose();
        try
        {
            await StopAsync();
        }
        finally
        {
            _process.Dispose();
            if (_ownsState)
            {
                Directory.Delete(Path.GetDirectoryName(StateDir)!, recursive: true);
            }
        }
    }

    private static async Task<JsonElement> ReadAsync(string what, HttpResponseMessage response)
    {
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, $"{what}: {(int)response.StatusCode} {text}");
        return text.Length == 0 ? default : JsonDocument.Parse(text).RootElement.Clone();
    }

    private async Task UntilReadyAsync()
    {
        using var http = new HttpClient { BaseAddress = Url, Timeout = TimeSpan.FromSeconds(20) };
        for (var i = 0; i < 1200 && !_process.HasExited; i++)
        {
            try
            {
                using var answer = await http.GetAsync("/readyz");
                if (answer.IsSuccessStatusCode)
                {
                    return;
                }
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
            {
            }

            await Task.Delay(100);
        }

        throw new InvalidOperationException("The control plane is not ready.\n" + Log);
    }

    private void Keep(string? line)
    {
        lock (_log)
        {
            _log.AppendLine(line);
        }
    }
}
