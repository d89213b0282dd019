using System.Text.Json;

namespace EndToEnd.Tests.Logins;

/// <summary>An agent that brings itself up rootless, and the link it prints for the browser.</summary>
/// <param name="environment">More of its processes' environment; to fake their clock.</param>
internal sealed class LoginAgent(Uri url, string state, IReadOnlyDictionary<string, string?>? environment = null) : IAsyncDisposable
{
    private readonly int _port = AgentSession.FreePort();

    /// <summary>Runs <c>up</c>; <paramref name="browse"/> gets the link that it prints.</summary>
    public async Task<CommandResult> UpAsync(Func<string, Task> browse, string command = "up", params string[] more)
    {
        List<string> arguments = [command, "--no-browser", "--management-url", url.ToString().TrimEnd('/'), "--state-dir", state, "--endpoint", $"127.0.0.1:{_port}", .. more];
        if (command == "up")
        {
            arguments.AddRange(["--tunnel", "rootless"]);
        }

        using var process = Command.Start(Checkout.Agent, arguments, environment);
        var output = process.StandardOutput.ReadToEndAsync();
        var said = new System.Text.StringBuilder();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(240));
        while (await process.StandardError.ReadLineAsync(limit.Token) is { } line)
        {
            said.AppendLine(line);
            const string WithCode = "Or open: ";
            if (line.StartsWith("http", StringComparison.Ordinal) || line.StartsWith(WithCode, StringComparison.Ordinal))
            {
                await browse(line.StartsWith(WithCode, StringComparison.Ordinal) ? line[WithCode.Length..] : line);
            }
        }

        await process.WaitForExitAsync(limit.Token);
        return new(process.ExitCode, await output, said.ToString(), default);
    }

    public async Task<JsonElement> StatusAsync()
    {
        var status = await Command.RunAsync(Checkout.Agent, ["status", "--json", "--state-dir", state]);
        return JsonDocument.Parse(status.Output).RootElement.Clone();
    }

    public Task<CommandResult> LogoutAsync() => Command.RunAsync(Checkout.Agent, ["logout", "--state-dir", state]);

    /// <summary>Waits until the daemon logged that, so often in all.</summary>
    public async Task UntilLogAsync(string words, int times)
    {
        var log = Path.Combine(state, "agent.log");
        for (var i = 0; ; i++)
        {
            var text = await File.ReadAllTextAsync(log);
            if (text.Split(words).Length > times)
            {
                return;
            }

            Assert.True(i < 240, text);
            await Task.Delay(250);
        }
    }

    public async ValueTask DisposeAsync() => await Command.RunAsync(Checkout.Agent, ["down", "--state-dir", state]);
}
