using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace EndToEnd.Tests;

/// <summary>One more person's agent on this machine, logged in and connected.</summary>
internal sealed partial class AgentSession : IAsyncDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _log = new();

    private AgentSession(Process process, string state, Uri endpoint)
    {
        _process = process;
        State = state;
        Endpoint = endpoint;
        Client = new HttpClient { BaseAddress = endpoint, Timeout = TimeSpan.FromMinutes(2) };
    }

    public string State { get; }

    public Uri Endpoint { get; }

    public HttpClient Client { get; }

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

    /// <summary>Runs <c>up --foreground</c> and, where it asks for one, logs in through the form.</summary>
    public static async Task<AgentSession> StartAsync(
        Uri management, string? user = null, string? password = null, IEnumerable<string>? more = null, string? state = null, Func<Uri, Task>? logIn = null)
    {
        var (session, link) = Launch(management, more, state);
        logIn ??= user is null ? null : address => LoginForm.SubmitAsync(address, user, password!);
        if (logIn is not null)
        {
            var found = await Task.WhenAny(link, Task.Delay(TimeSpan.FromSeconds(30)));
            Assert.True(found == link, "The agent printed no login link: " + session.Log);
            await logIn(await link);
        }

        await session.UntilConnectedAsync();
        return session;
    }

    /// <summary>The same with nobody there to log in: an agent that is not enrolled, its endpoint listening.</summary>
    public static async Task<AgentSession> StartWithoutLoginAsync(Uri management)
    {
        var (session, link) = Launch(management, more: null, state: null);
        await Task.WhenAny(link, Task.Delay(TimeSpan.FromSeconds(30)));
        for (var i = 0; ; i++)
        {
            try
            {
                using var hello = await session.Client.GetAsync("/api/hello");
                return session;
            }
            catch (HttpRequestException) when (i < 60)
            {
                await Task.Delay(250);
            }
        }
    }

    private static (AgentSession Session, Task<Uri> Link) Launch(Uri management, IEnumerable<string>? more, string? state)
    {
        state ??= Directory.CreateTempSubdirectory("netbird-agent-e2e-").FullName;
        var port = FreePort();
        var process = Command.Start(Checkout.Agent,
        [
            "up", "--management-url", management.ToString().TrimEnd('/'), "--state-dir", state,
            "--endpoint", $"127.0.0.1:{port}", "--no-browser", "--foreground",
            "--tunnel", Modes.Agent, .. more ?? [],
        ]);
        var session = new AgentSession(process, state, new Uri($"http://127.0.0.1:{port}"));
        var link = new TaskCompletionSource<Uri>(TaskCreationOptions.RunContinuationsAsynchronously);
        _ = session.ReadAsync(process.StandardOutput, link);
        _ = session.ReadAsync(process.StandardError, link);
        return (session, link.Task);
    }

    public async Task UntilConnectedAsync()
    {
        CommandResult? status = null;
        for (var i = 0; i < 60; i++)
        {
            status = await StatusAsync();
            if (status.ExitCode == 0)
            {
                return;
            }

            if (_process.HasExited)
            {
                break;
            }

            await Task.Delay(250);
        }

        throw new InvalidOperationException($"The agent did not connect.\n{status}\n{Log}");
    }

    /// <summary>One request as Claude Code sends it; the answer's headers are there, its body is still to be read.</summary>
    public async Task<HttpResponseMessage> AskAsync(string text, bool stream = false, string model = "claude-haiku-4-5", int maxTokens = 64, CancellationToken cancellationToken = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/messages")
        {
            Content = JsonContent.Create(new { model, max_tokens = maxTokens, stream, messages = new[] { new { role = "user", content = text } } }),
        };
        request.Headers.Add("anthropic-version", "2023-06-01");
        return await Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
    }

    /// <summary>Waits until a request is let through again, and no longer than a minute and a half.</summary>
    public async Task UntilAnsweredAsync()
    {
        var last = "";
        for (var i = 0; i < 180; i++)
        {
            using var answer = await AskAsync("are you there");
            if (answer.IsSuccessStatusCode)
            {
                return;
            }

            last = await answer.Content.ReadAsStringAsync();
            await Task.Delay(500);
        }

        Assert.Fail($"No request is let through: {last}\n{Log}");
    }

    public Task<CommandResult> StatusAsync() => Command.RunAsync(Checkout.Agent, ["status", "--state-dir", State]);

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        if (!_process.HasExited)
        {
            using var terminate = Process.Start("kill", ["-TERM", _process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
            try
            {
                await _process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                _process.Kill(entireProcessTree: true);
            }
        }

        _process.Dispose();
        Directory.Delete(State, recursive: true);
    }

    private async Task ReadAsync(StreamReader reader, TaskCompletionSource<Uri> link)
    {
        while (await reader.ReadLineAsync() is { } line)
        {
            lock (_log)
            {
                _log.AppendLine(line);
            }

            if (Link().Match(line) is { Success: true } match)
            {
                link.TrySetResult(new Uri(match.Value));
            }
        }
    }

    [GeneratedRegex(@"https?://\S*(?:authorize|/auth)\?\S*")]
    private static partial Regex Link();
}
