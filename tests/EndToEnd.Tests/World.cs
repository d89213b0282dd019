using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using FakeAnthropic;

namespace EndToEnd.Tests;

/// <summary>
/// The whole product up, as installers/quickstart.sh brings it up, before a fake upstream. Tests talk to the
/// endpoint as Claude Code does and to REST as an admin does.
/// </summary>
internal sealed class World : IAsyncDisposable
{
    /// <summary>In place of the quickstart's policy, whose cap of 20 dollars would refuse requests for tens of megabytes.</summary>
    public const string NoLimits = """
        policies:
          - name: Engineering
            enabled: true
            source_groups: [Engineering]
            destination_provider_ids: [Anthropic]
        """;

    private readonly Process _quickstart;
    private readonly Task<string> _errors;

    private World(FakeUpstream upstream, Process quickstart, Task<string> errors, IReadOnlyDictionary<string, string> variables)
    {
        Upstream = upstream;
        _quickstart = quickstart;
        _errors = errors;
        Endpoint = new Uri(variables["ANTHROPIC_BASE_URL"]);
        Url = new Uri(variables["NETBIRD_URL"]);
        Token = variables["NETBIRD_TOKEN"];
        State = variables["NETBIRD_STATE"];
        Client = new HttpClient { BaseAddress = Endpoint, Timeout = TimeSpan.FromMinutes(2) };
        Admin = new HttpClient { BaseAddress = Url };
        Admin.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", "Token " + Token);
    }

    public FakeUpstream Upstream { get; }

    /// <summary>The provider's key.</summary>
    public string Key => Upstream.Key;

    /// <summary>What Claude Code is pointed at.</summary>
    public Uri Endpoint { get; }

    public Uri Url { get; }

    public string Token { get; }

    public string State { get; }

    public HttpClient Client { get; }

    public HttpClient Admin { get; }

    public static async Task<World> StartAsync(string? configuration = null, string? tunnel = null, Uri? upstream = null, string? gatewayTunnel = null)
    {
        // Planted, so that tests can look for it where it must not be.
        var options = new FakeUpstreamOptions();
        options.Keys.Add("sk-ant-planted-" + Guid.NewGuid().ToString("N"));
        var fake = await FakeUpstream.StartAsync(options);
        string? file = null;
        try
        {
            List<string> arguments = ["--upstream", (upstream ?? fake.Url).ToString().TrimEnd('/'), "--tunnel", tunnel ?? Modes.Agent, "--gateway-tunnel", gatewayTunnel ?? tunnel ?? Modes.Gateway];
            if (configuration is not null)
            {
                file = Path.GetTempFileName();
                await File.WriteAllTextAsync(file, configuration);
                arguments.AddRange(["--config", file]);
            }

            // The command says what it was given and then lives until its input ends.
            arguments.AddRange(["--", "sh", "-c", "env -0 | base64 -w0; echo; cat >/dev/null"]);
            var quickstart = Command.Start(Checkout.Quickstart, arguments, new Dictionary<string, string?>
            {
                ["ANTHROPIC_API_KEY"] = fake.Key,
            });
            var errors = quickstart.StandardError.ReadToEndAsync();
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
            var line = await quickstart.StandardOutput.ReadLineAsync(limit.Token);
            if (line is null)
            {
                throw new InvalidOperationException("quickstart ended: " + await errors);
            }

            var variables = System.Text.Encoding.UTF8.GetString(Convert.FromBase64String(line))
                .Split('\0', StringSplitOptions.RemoveEmptyEntries)
                .Select(pair => pair.Split('=', 2))
                .ToDictionary(pair => pair[0], pair => pair[1]);
            return new World(fake, quickstart, errors, variables);
        }
        catch
        {
            await fake.DisposeAsync();
            throw;
        }
        finally
        {
            if (file is not null)
            {
                File.Delete(file);
            }
        }
    }

    public Task<HttpResponseMessage> MessageAsync(
        string text, string model = "claude-opus-5-5", bool stream = false, int maxTokens = 1024, CancellationToken cancellationToken = default)
        => SendAsync(new { model, max_tokens = maxTokens, stream, messages = new[] { new { role = "user", content = text } } }, cancellationToken);

    public Task<HttpResponseMessage> SendAsync(object body, CancellationToken cancellationToken = default)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/messages") { Content = JsonContent.Create(body) };
        request.Headers.Add("anthropic-version", "2023-06-01");
        request.Headers.Add("x-api-key", "none");
        return Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
    }

    public async Task<JsonElement> GetAsync(string path)
    {
        using var response = await Admin.GetAsync(path);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, $"GET {path}: {(int)response.StatusCode} {text}");
        return JsonDocument.Parse(text).RootElement.Clone();
    }

    public async Task<JsonElement> SendAdminAsync(HttpMethod method, string path, object? body = null)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body) };
        using var response = await Admin.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, $"{method} {path}: {(int)response.StatusCode} {text}");
        return text.Length == 0 ? default : JsonDocument.Parse(text).RootElement.Clone();
    }

    /// <summary>One more person, in a group, with an agent of their own.</summary>
    public async Task<AgentSession> AddPersonAsync(string email, string group, IEnumerable<string>? more = null)
    {
        var password = "pw-" + Guid.NewGuid().ToString("N");
        var created = await ControlPlaneAsync(["user", "create", email, "--name", email, "--group", group, "--password-stdin"], password);
        Assert.True(created.ExitCode == 0, created.ToString());
        return await AgentSession.StartAsync(Url, email, password, more);
    }

    public Task<CommandResult> ControlPlaneAsync(IEnumerable<string> arguments, string? input = null)
        => Command.RunAsync(Checkout.ControlPlane, [.. arguments, "--state-dir", Path.Combine(State, "controlplane")], input: input);

    /// <summary>Real Claude Code, in one of the two documented forms, with a home of its own.</summary>
    public Task<CommandResult> ClaudeAsync(ClaudeForm form, string prompt, IEnumerable<string>? more = null)
        => ClaudeAsync(Endpoint, form, prompt, more);

    /// <summary>The same, pointed at an endpoint of another agent.</summary>
    public static async Task<CommandResult> ClaudeAsync(Uri endpoint, ClaudeForm form, string prompt, IEnumerable<string>? more = null)
    {
        Skip.If(Checkout.Claude is null, "Claude Code is not installed (NETBIRD_CLAUDE)");
        var home = Directory.CreateTempSubdirectory("netbird-claude-").FullName;
        try
        {
            var environment = new Dictionary<string, string?>
            {
                ["HOME"] = home,
                ["IS_SANDBOX"] = "1",
                ["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] = "1",
            };
            if (form == ClaudeForm.Settings)
            {
                Directory.CreateDirectory(Path.Combine(home, ".claude"));
                await File.WriteAllTextAsync(Path.Combine(home, ".claude", "settings.json"), JsonSerializer.Serialize(new
                {
                    apiKeyHelper = "echo '-'",
                    env = new Dictionary<string, string> { ["ANTHROPIC_BASE_URL"] = endpoint.ToString().TrimEnd('/') },
                }));
            }
            else
            {
                environment["ANTHROPIC_BASE_URL"] = endpoint.ToString().TrimEnd('/');
                environment["ANTHROPIC_API_KEY"] = "none";
            }

            return await Command.RunAsync(Checkout.Claude!, ["-p", prompt, .. more ?? []], environment, folder: home);
        }
        finally
        {
            Directory.Delete(home, recursive: true);
        }
    }

    /// <summary>Ends the product as closing the command does and returns what quickstart wrote to standard error.</summary>
    public async Task<string> EndAsync()
    {
        if (!_quickstart.HasExited)
        {
            _quickstart.StandardInput.Close();
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(40));
            try
            {
                await _quickstart.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                _quickstart.Kill(entireProcessTree: true);
                throw new TimeoutException("quickstart did not end within 40 s of its command.");
            }
        }

        return await _errors;
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await EndAsync();
        }
        finally
        {
            Client.Dispose();
            Admin.Dispose();
            _quickstart.Dispose();
            await Upstream.DisposeAsync();
        }
    }
}

/// <summary>The two ways the documentation gives.</summary>
public enum ClaudeForm
{
    /// <summary>settings.json with apiKeyHelper.</summary>
    Settings,

    /// <summary>Shell variables.</summary>
    Shell,
}
