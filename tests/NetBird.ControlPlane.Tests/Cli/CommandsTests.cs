using System.Diagnostics;
using System.Text.Json.Nodes;
using NetBird.ControlPlane.AdminApi;
using NetBird.ControlPlane.Tests.AdminApi;
using NetBird.ControlPlane.Users;

namespace NetBird.ControlPlane.Tests.Cli;

/// <summary>The verbs as people run them: the executable, against a server over HTTP.</summary>
public sealed class CommandsTests : IAsyncLifetime
{
    private AdminServer _server = null!; // set by InitializeAsync

    public async Task InitializeAsync() => _server = await AdminServer.StartAsync();

    public Task DisposeAsync() => _server.DisposeAsync().AsTask();

    [Fact]
    public async Task UserCreate_NewGroup_MakesBoth()
    {
        var run = await RunAsync(
            "correct horse battery\n", "user", "create", "ana@example.com", "--name", "Ana", "--group", "Engineering", "--password-stdin");

        Assert.Equal((0, 0), (run.Code, run.Output.Count(c => c == ' ')));
        var ana = _server.Store.Current.FindEmbeddedUser("ana@example.com")!;
        Assert.True(PasswordHashing.Verify(ana.Credential!.PasswordHash, "correct horse battery"));
        Assert.Contains(_server.Store.Current.FindGroup("Engineering")!.Id, ana.AutoGroups);
        Assert.Equal(0, (await RunAsync("", "user", "disable", "ana@example.com")).Code);
        Assert.Contains("disabled", (await RunAsync("", "user", "list")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Apply_KeyFromAFile_ConnectsTheProvider()
    {
        var folder = _server.State.Path;
        await File.WriteAllTextAsync(Path.Combine(folder, "key"), "sk-planted-cli\n");
        await File.WriteAllTextAsync(
            Path.Combine(folder, "doc.yaml"),
            "providers:\n  - { name: A, provider_id: anthropic_api, api_key_file: key }\n");

        var run = await RunAsync("", "apply", "-f", Path.Combine(folder, "doc.yaml"));
        var again = await RunAsync("", "apply", "-f", Path.Combine(folder, "doc.yaml"));

        Assert.Equal("+ provider 'A'\n", run.Output);
        Assert.Equal("Nothing to change.\n", again.Output);
    }

    [Fact]
    public async Task Json_WithLettersOfAnyLanguage_ShowsThemAsTheyAre()
    {
        await RunAsync("", "user", "create", "zoltan@example.com", "--name", "Zoltán Kovács \u65e5\u672c", "--json");

        var run = await RunAsync("", "user", "list", "--json");

        Assert.Contains("Zoltán Kovács \u65e5\u672c", run.Output, StringComparison.Ordinal);
        Assert.Contains("+00:00\"", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SetupKeyCreate_Json_PrintsTheKey()
    {
        var run = await RunAsync("", "setup-key", "create", "ci", "--group", "CI", "--uses", "3", "--expires", "2d", "--json");

        var key = JsonNode.Parse(run.Output)!;
        Assert.StartsWith("nbs_", (string)key["key"]!, StringComparison.Ordinal);
        Assert.Equal(3, (int)key["usage_limit"]!);
    }

    [Fact]
    public async Task Raise_CreatedListedAndEnded()
    {
        await _server.PostAsync("/api/agent-network/policies", new
        {
            name = "Engineering", enabled = true, limits = new { budget_limit = new { enabled = true, user_cap_usd = 10, window_seconds = 86400 } },
        });

        var made = await RunAsync("", "raise", "create", "engineering", "--usd", "25.5", "--for", "3d", "--reason", "Release week", "--json");

        Assert.True(made.Code == 0, made.Error);
        Assert.Equal(25.5m, (decimal)JsonNode.Parse(made.Output)!["amount"]!);
        Assert.Contains("Release week", (await RunAsync("", "raise", "list")).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await RunAsync("", "raise", "end", (string)JsonNode.Parse(made.Output)!["id"]!)).Code);
        Assert.Empty(_server.Store.Current.LimitRaises);
    }

    [Fact]
    public async Task Webhook_CreatedListedAndDeleted_ShowsItsSecretOnce()
    {
        var made = await RunAsync("", "webhook", "create", "Chat", "https://chat.example.com/hook");

        Assert.StartsWith("whsec_", made.Output, StringComparison.Ordinal);
        var list = (await RunAsync("", "webhook", "list")).Output;
        Assert.Contains("https://chat.example.com/hook", list, StringComparison.Ordinal);
        Assert.DoesNotContain(made.Output.Trim(), list, StringComparison.Ordinal);
        Assert.Equal(0, (await RunAsync("", "webhook", "delete", "chat")).Code);
        Assert.Empty(_server.Store.Current.Webhooks);
    }

    [Theory]
    [InlineData(2, "--usd or --tokens", "raise", "create", "x", "--for", "1d")]
    [InlineData(2, "--for or --until", "raise", "create", "x", "--usd", "1")]
    [InlineData(1, "no policy and no budget rule", "raise", "create", "x", "--usd", "1", "--for", "1d")]
    [InlineData(1, "no webhook", "webhook", "test", "nobody")]
    [InlineData(1, "no person", "user", "disable", "nobody@example.com")]
    [InlineData(2, "duration", "setup-key", "create", "x", "--expires", "soon")]
    [InlineData(2, "no file", "apply", "-f", "/nonexistent/file")]
    [InlineData(2, "--bogus", "user", "list", "--bogus")]
    [InlineData(3, "No control plane answers", "user", "list", "--url", "http://127.0.0.1:1")]
    [InlineData(4, "no token", "user", "list", "--token-file", "/nonexistent/token")]
    public async Task Verb_Wrong_SaysSoWithItsExitCode(int code, string words, params string[] arguments)
    {
        var run = await RunAsync("", arguments);

        Assert.Equal(code, run.Code);
        Assert.Contains(words, run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Output);
    }

    [Fact]
    public async Task Verb_TokenOfAnAuditor_IsNotPermittedToChange()
    {
        var file = Path.Combine(_server.State.Path, "auditor-token");
        await File.WriteAllTextAsync(file, _server.TokenOf(Role.Auditor));

        var run = await RunAsync("", "setup-key", "create", "x", "--token-file", file);

        Assert.Equal(5, run.Code);
    }

    private async Task<(int Code, string Output, string Error)> RunAsync(string input, params string[] arguments)
    {
        ServeFile.Write(_server.State.Path, _server.Http.BaseAddress!);
        var start = new ProcessStartInfo("dotnet")
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "netbird-controlplane.dll"));
        Array.ForEach(arguments, start.ArgumentList.Add);
        start.Environment["NETBIRD_CP_STATE_DIR"] = _server.State.Path;
        using var process = Process.Start(start)!; // a process that cannot start throws
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, await error);
    }
}
