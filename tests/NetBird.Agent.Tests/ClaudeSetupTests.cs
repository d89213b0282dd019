using System.Diagnostics;
using NetBird.Agent.Tests.TestSupport;

namespace NetBird.Agent.Tests;

/// <summary><c>claude setup</c> and its kin, on real files with the real executable.</summary>
public sealed class ClaudeSetupTests : IAsyncLifetime
{
    private readonly AgentProcess _agent = new();

    private string Settings => Path.Combine(_agent.Root, ".claude", "settings.json");

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _agent.DisposeAsync();

    [Fact]
    public async Task Setup_NoSettings_WritesTheDocumentedForm()
    {
        var outcome = await _agent.RunAsync("claude", "setup");

        Assert.Equal(0, outcome.ExitCode);
        Assert.Equal(
            $$"""
            {
              "apiKeyHelper": "echo '-'",
              "env": {
                "ANTHROPIC_BASE_URL": "{{_agent.EndpointUrl}}"
              }
            }

            """,
            await File.ReadAllTextAsync(Settings));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Settings));
    }

    [Fact]
    public async Task SetupAndUnset_ExistingSettings_RestoreThemToTheLetter()
    {
        const string Mine = "{\n\t// mine\n\t\"model\": \"opus\",\n\t\"apiKeyHelper\": \"./key.sh\",\n\t\"env\": { \"X\": \"1\" }\n}\n";
        Write(Mine);

        await _agent.RunAsync("claude", "setup", "--gateway-mode", "--statusline");
        var during = await File.ReadAllTextAsync(Settings);
        await _agent.RunAsync("claude", "setup");
        var second = await _agent.RunAsync("claude", "setup");
        var outcome = await _agent.RunAsync("claude", "unset");

        Assert.Contains("\"CLAUDE_CODE_USE_GATEWAY\": \"1\"", during, StringComparison.Ordinal);
        Assert.Contains("// mine", during, StringComparison.Ordinal);
        Assert.Contains("statusline", during, StringComparison.Ordinal);
        Assert.Contains("already uses", second.Output, StringComparison.Ordinal);
        Assert.Equal(0, outcome.ExitCode);
        Assert.Equal(Mine, await File.ReadAllTextAsync(Settings));
        Assert.Single(Directory.GetFiles(Path.GetDirectoryName(Settings)!));
    }

    [Fact]
    public async Task Unset_SettingsWereMadeByUs_RemovesThem()
    {
        await _agent.RunAsync("claude", "setup");

        await _agent.RunAsync("claude", "unset");

        Assert.False(File.Exists(Settings));
    }

    [Fact]
    public async Task Setup_BrokenSettings_ChangesNothing()
    {
        Write("{ \"a\": ");

        var outcome = await _agent.RunAsync("claude", "setup");

        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains("not valid JSON", outcome.Error, StringComparison.Ordinal);
        Assert.Equal("{ \"a\": ", await File.ReadAllTextAsync(Settings));
    }

    [SkippableFact]
    public async Task Setup_SettingsOfSomebodyElse_IsRefused()
    {
        Skip.IfNot(Environment.IsPrivilegedProcess, "needs root to give a file away");
        Write("{}");
        Process.Start("chown", ["65534", Settings]).WaitForExit();

        var outcome = await _agent.RunAsync("claude", "setup");

        Assert.Equal(5, outcome.ExitCode);
        Assert.Equal("{}", await File.ReadAllTextAsync(Settings));
    }

    [SkippableFact]
    public async Task Setup_LinkIntoSomebodyElsesFolder_IsRefused()
    {
        Skip.IfNot(Environment.IsPrivilegedProcess, "needs root to give a file away");
        var trap = Directory.CreateTempSubdirectory("nbtrap").FullName;
        Process.Start("chown", ["65534", trap]).WaitForExit();
        Directory.CreateDirectory(Path.GetDirectoryName(Settings)!);
        File.CreateSymbolicLink(Settings, Path.Combine(trap, "settings.json"));

        var outcome = await _agent.RunAsync("claude", "setup");

        Assert.Equal(5, outcome.ExitCode);
        Assert.Empty(Directory.GetFiles(trap));
        Directory.Delete(trap);
    }

    [Fact]
    public async Task Setup_ShellHoldsACredential_WarnsOfIt()
    {
        _agent.Environment["ANTHROPIC_AUTH_TOKEN"] = "tok-12345";

        var outcome = await _agent.RunAsync("claude", "setup");

        Assert.Contains("ANTHROPIC_AUTH_TOKEN is set in this shell", outcome.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("tok-12345", outcome.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Managed_File_IsReadableByEveryone()
    {
        var file = Path.Combine(_agent.Root, "etc", "managed-settings.json");

        var outcome = await _agent.RunAsync("claude", "managed", "--file", file);

        Assert.Equal(0, outcome.ExitCode);
        Assert.True(File.GetUnixFileMode(file).HasFlag(UnixFileMode.OtherRead));
        await _agent.RunAsync("claude", "managed", "--file", file, "--remove");
        Assert.False(File.Exists(file));
    }

    [Fact]
    public async Task Env_ForASh_IsEvaluated()
    {
        var outcome = await _agent.RunAsync("claude", "env", "--socket");

        Assert.Equal(
            $"export ANTHROPIC_BASE_URL='{_agent.EndpointUrl}'\nexport ANTHROPIC_API_KEY='none'\nexport ANTHROPIC_UNIX_SOCKET='{_agent.StateDir}/endpoint.sock'\n",
            outcome.Output);
    }

    private void Write(string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Settings)!);
        File.WriteAllText(Settings, text);
    }
}
