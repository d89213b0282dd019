using System.Text.Json;

namespace EndToEnd.Tests.Logins;

/// <summary>An agent that brings itself up rootless, and the link it prints for the browser.</summary>
internal sealed class LoginAgent(Uri url, string state) : IAsyncDisposable
{
    private readonly int _port = AgentSession.FreePort();

    /// <summary>Runs <c>up</c>; <paramref name="browse"/> gets the link that it prints.</summary>
    public async Task<CommandResult> UpAsync(Func<string, Task> browse, string command = "up")
    {
        List<string> arguments = [command, "--no-browser", "--management-url", url.ToString().TrimEnd('/'), "--state-dir", state, "--endpoint", $"127.0.0.1:{_port}"];
        if (command == "up")
        {
            arguments.AddRange(["--tunnel", "rootless"]);
        }

        using var process = Command.Start(Checkout.Agent, arguments);
        var output = process.StandardOutput.ReadToEndAsync();
        var said = new System.Text.StringBuilder();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(240));
        while (await process.StandardError.ReadLineAsync(limit.Token) is { } line)
        {
            said.AppendLine(line);
            if (line.StartsWith("http", StringComparison.Ordinal))
            {
                await browse(line);
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

    public async ValueTask DisposeAsync() => await Command.RunAsync(Checkout.Agent, ["down", "--state-dir", state]);
}
