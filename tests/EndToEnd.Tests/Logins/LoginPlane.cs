using System.Diagnostics;
using System.Text;

namespace EndToEnd.Tests.Logins;

/// <summary>A control plane whose people come from an issuer (or from its own), and the agents that log in to it.</summary>
internal sealed class LoginPlane : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("netbird-login-").FullName;
    private readonly Process _process;
    private readonly StringBuilder _log = new();

    private LoginPlane(string? issuer, IReadOnlyDictionary<string, string?>? environment)
    {
        Url = new Uri($"http://127.0.0.1:{AgentSession.FreePort()}");
        _process = Command.Start(
            Checkout.ControlPlane,
            [
                "serve", "--state-dir", StateDir, "--http", Url.Authority, "--wireguard-port", "0", "--tunnel", "rootless",
                .. issuer is null ? Array.Empty<string>() : ["--oidc-issuer", issuer, "--oidc-client-id", "netbird-agent", "--oidc-groups-claim", "groups"],
            ],
            environment);
        _process.OutputDataReceived += (_, line) => Keep(line.Data);
        _process.ErrorDataReceived += (_, line) => Keep(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public Uri Url { get; }

    public string StateDir => Path.Combine(_folder, "controlplane");

    /// <param name="issuer">Null for the embedded IdP.</param>
    /// <param name="environment">Of the control plane's process; to fake its clock.</param>
    public static async Task<LoginPlane> StartAsync(string? issuer, IReadOnlyDictionary<string, string?>? environment = null)
    {
        var plane = new LoginPlane(issuer, environment);
        using var http = new HttpClient { BaseAddress = plane.Url, Timeout = TimeSpan.FromSeconds(20) };
        for (var i = 0; i < 1200 && !plane._process.HasExited; i++)
        {
            try
            {
                using var answer = await http.GetAsync("/readyz");
                if (answer.IsSuccessStatusCode)
                {
                    return plane;
                }
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
            {
            }

            await Task.Delay(100);
        }

        throw new InvalidOperationException("The control plane is not ready.\n" + plane.Log);
    }

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

    public LoginAgent Agent() => new(Url, Path.Combine(_folder, Path.GetRandomFileName()));

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            Process.Start("kill", ["-TERM", _process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]).WaitForExit();
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
            try
            {
                await _process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                _process.Kill();
            }
        }

        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private void Keep(string? line)
    {
        lock (_log)
        {
            _log.AppendLine(line);
        }
    }
}
