using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using NetBird.Agent.Tests.TestSupport;

namespace EndToEnd.Tests;

/// <summary>Codes that are used late, twice, or not at all: the real executables with a company's OpenID provider.</summary>
public sealed class ExpiredCodeTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("netbird-codes-").FullName;
    private OidcProvider? _idp;
    private Process? _controlPlane;
    private string _management = "";

    private string ControlPlaneState => Path.Combine(_folder, "controlplane");

    private string AgentState => Path.Combine(_folder, "agent");

    public Task InitializeAsync() => Task.CompletedTask;

    [SkippableFact]
    public async Task DeviceCode_ThatRunsOutBeforeItIsEntered_SaysSoAndLeavesNothing()
    {
        await StartAsync(codeSeconds: 3);

        var login = await LoginAsync("--device-code");

        Assert.Equal(4, login.ExitCode);
        Assert.Contains("The code ran out before it was used. Run the command again.", login.Error, StringComparison.Ordinal);
        await AssertNobodyAsync();
    }

    [SkippableFact]
    public async Task DeviceCode_EnteredTooLate_IsRefusedOnThePage_AndTheNextOneWorks()
    {
        await StartAsync(codeSeconds: 4);
        using var login = Start("--device-code");
        var url = await LinkOf(login, "Or open: ");

        var ended = await EndAsync(login);
        // The page asks for another code, again and again.
        var page = await Assert.ThrowsAsync<InvalidOperationException>(() => OidcProvider.WalkAsync(url, "ada"));

        Assert.Equal(4, ended.ExitCode);
        Assert.Contains("code you entered is incorrect", page.Message, StringComparison.OrdinalIgnoreCase);
        await AssertNobodyAsync();

        // A company's provider with a longer breath: the same state folder enrols, so nothing was left in the way.
        using var again = Start("--no-browser");
        await OidcProvider.WalkAsync(await LinkOf(again), "ada");
        Assert.Equal(0, (await EndAsync(again)).ExitCode);
        Assert.Equal(1, await PeersAsync());
    }

    [SkippableFact]
    public async Task AuthorizationCode_BroughtBackLate_SaysWhatFailedAndLeavesNothing()
    {
        await StartAsync(codeSeconds: 1);
        using var login = Start("--no-browser");

        var page = await OidcProvider.WalkAsync(await LinkOf(login), "ada", beforeReturn: _ => Task.Delay(2500));
        var ended = await EndAsync(login);

        Assert.Equal(4, ended.ExitCode);
        Assert.Contains(_idp!.Issuer, ended.Error, StringComparison.Ordinal);
        Assert.Contains("Run the command again", ended.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", ended.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("code=", ended.Error, StringComparison.Ordinal);
        Assert.NotEqual("", page);
        await AssertNobodyAsync();
    }

    [SkippableFact]
    public async Task AuthorizationCode_BroughtBackTwice_IsUsedOnce()
    {
        await StartAsync(codeSeconds: 60);
        using var login = Start("--no-browser");
        Uri? callback = null;

        await OidcProvider.WalkAsync(await LinkOf(login), "ada", beforeReturn: uri =>
        {
            callback ??= uri;
            return Task.CompletedTask;
        });
        // A browser that is told to load the page again: whoever is there may answer, nobody logs in again.
        using var second = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
        var answered = await Record.ExceptionAsync(() => second.GetAsync(callback));
        var ended = await EndAsync(login);
        var later = await Record.ExceptionAsync(() => second.GetAsync(callback));

        Assert.True(answered is null or HttpRequestException, answered?.ToString());
        Assert.IsType<HttpRequestException>(later);
        Assert.True(ended.ExitCode == 0, ended.ToString());
        Assert.Equal(1, await PeersAsync());
    }

    public async Task DisposeAsync()
    {
        await Command.RunAsync(Checkout.Agent, ["down", "--state-dir", AgentState]);
        await Command.RunAsync(Checkout.Agent, ["service", "stop", "--state-dir", AgentState]);
        if (_controlPlane is not null)
        {
            await Command.RunAsync("kill", ["-TERM", _controlPlane.Id.ToString(CultureInfo.InvariantCulture)]);
            await _controlPlane.WaitForExitAsync();
            _controlPlane.Dispose();
        }

        _idp?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task StartAsync(int codeSeconds)
    {
        _idp = await OidcProvider.StartAsync(codeSeconds: codeSeconds);
        var port = AgentSession.FreePort();
        _management = $"http://127.0.0.1:{port}";
        _controlPlane = Command.Start(Checkout.ControlPlane,
        [
            "serve", "--state-dir", ControlPlaneState, "--http", $"127.0.0.1:{port}", "--wireguard-port", "0", "--tunnel", "rootless",
            "--oidc-issuer", _idp.Issuer, "--oidc-client-id", "netbird-agent",
        ]);
        _ = _controlPlane.StandardOutput.ReadToEndAsync();
        _ = _controlPlane.StandardError.ReadToEndAsync();
        using var http = new HttpClient();
        for (var i = 0; ; i++)
        {
            try
            {
                if (File.Exists(Path.Combine(ControlPlaneState, "admin-token")) && (await http.GetAsync(_management + "/readyz")).IsSuccessStatusCode)
                {
                    return;
                }
            }
            catch (HttpRequestException)
            {
                // Not up yet.
            }

            Assert.True(i < 150 && !_controlPlane.HasExited, "the control plane did not start");
            await Task.Delay(200);
        }
    }

    private Process Start(string how)
        => Command.Start(Checkout.Agent, ["login", how, "--management-url", _management, "--state-dir", AgentState]);

    private Task<CommandResult> LoginAsync(string how)
        => Command.RunAsync(Checkout.Agent, ["login", how, "--management-url", _management, "--state-dir", AgentState]);

    private async Task AssertNobodyAsync()
    {
        Assert.Equal(0, await PeersAsync());
        var status = await Command.RunAsync(Checkout.Agent, ["status", "--json", "--state-dir", AgentState]);
        Assert.NotEqual(0, status.ExitCode);
        Assert.DoesNotContain("ada", status.Output, StringComparison.Ordinal);
    }

    private async Task<int> PeersAsync()
    {
        using var http = new HttpClient();
        http.DefaultRequestHeaders.TryAddWithoutValidation(
            "Authorization", "Token " + (await File.ReadAllTextAsync(Path.Combine(ControlPlaneState, "admin-token"))).Trim());
        return JsonDocument.Parse(await http.GetStringAsync(_management + "/api/peers")).RootElement.GetArrayLength();
    }

    private static async Task<CommandResult> EndAsync(Process process)
    {
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
        return new(process.ExitCode, await output.WaitAsync(TimeSpan.FromSeconds(5)), await error.WaitAsync(TimeSpan.FromSeconds(5)), TimeSpan.Zero);
    }

    private static async Task<string> LinkOf(Process login, string prefix = "")
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var seen = new List<string>();
        while (await login.StandardError.ReadLineAsync(limit.Token) is { } line)
        {
            seen.Add(line);
            var at = line.IndexOf(prefix + "http", StringComparison.Ordinal);
            if (at >= 0)
            {
                return line[(at + prefix.Length)..].Trim();
            }
        }

        throw new InvalidOperationException("No link: " + string.Join('\n', seen));
    }
}
