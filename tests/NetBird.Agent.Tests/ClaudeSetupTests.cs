using System.Diagnostics;
using System.Text.Json;
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

    /// <summary>As editors on Windows write it: a byte order mark, and two characters at the end of each line.</summary>
    [Theory]
    [InlineData("\uFEFF{\r\n  // mine\r\n  \"model\": \"opus\",\r\n  \"env\": {\r\n    \"X\": \"1\"\r\n  }\r\n}\r\n")]
    [InlineData("\uFEFF{}")]
    [InlineData("{\r\n}\r\n")]
    [InlineData("{ \"model\": \"h\u00e9\", /* \u4f60 */ }\n")]
    public async Task SetupAndUnset_MarksAndLineEnds_StayAsTheyAre(string mine)
    {
        Write("");
        var before = System.Text.Encoding.UTF8.GetBytes(mine);
        await File.WriteAllBytesAsync(Settings, before);

        var setup = await _agent.RunAsync("claude", "setup", "--gateway-mode", "--statusline");
        var during = System.Text.Encoding.UTF8.GetString(await File.ReadAllBytesAsync(Settings));
        var unset = await _agent.RunAsync("claude", "unset");

        Assert.True(setup.ExitCode == 0, setup.ToString());
        Assert.Contains("CLAUDE_CODE_USE_GATEWAY", during, StringComparison.Ordinal);
        Assert.Equal(mine.StartsWith('\uFEFF'), during.StartsWith('\uFEFF'));
        Assert.Equal(mine.Contains('\r', StringComparison.Ordinal), during.Contains('\r', StringComparison.Ordinal));
        Assert.DoesNotContain("\n", during.Contains('\r', StringComparison.Ordinal) ? during.Replace("\r\n", "", StringComparison.Ordinal) : "", StringComparison.Ordinal);
        Assert.True(unset.ExitCode == 0, unset.ToString());
        Assert.Equal(before, await File.ReadAllBytesAsync(Settings));
    }

    [Fact]
    public async Task Setup_SettingsThatAreNoUtf8_ChangesNothing()
    {
        Write("");
        byte[] latin1 = [.. "{ \"model\": \"h"u8, 0xE9, .. "\" }"u8];
        await File.WriteAllBytesAsync(Settings, latin1);

        var outcome = await _agent.RunAsync("claude", "setup");

        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains("Save it as UTF-8", outcome.Error, StringComparison.Ordinal);
        Assert.Equal(latin1, await File.ReadAllBytesAsync(Settings));
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

    [Fact]
    public async Task Setup_VariablesThatAreNoObject_SaysSoAndChangesNothing()
    {
        Write("""{ "env": 5 }""");

        var outcome = await _agent.RunAsync("claude", "setup");

        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains($"{Settings}: 'env' is not an object. Mend it first", outcome.Error, StringComparison.Ordinal);
        Assert.Equal("""{ "env": 5 }""", await File.ReadAllTextAsync(Settings));
    }

    [Fact]
    public async Task Unset_SettingsWereDeletedSince_PutsTheOldOnesBack()
    {
        Write("{ \"model\": \"opus\" }\n");
        await _agent.RunAsync("claude", "setup");
        File.Delete(Settings);

        var outcome = await _agent.RunAsync("claude", "unset");

        Assert.Equal(0, outcome.ExitCode);
        Assert.Equal("{ \"model\": \"opus\" }\n", await File.ReadAllTextAsync(Settings));
    }

    /// <summary>Each file that comes before the person's own, and what stands in that one beside us.</summary>
    [SkippableFact]
    public async Task Setup_OtherFilesThatBeatIt_AreNamed()
    {
        Skip.IfNot(Environment.IsPrivilegedProcess, "needs root to lay managed settings over /etc");
        Write("""{ "env": { "CLAUDE_CODE_USE_BEDROCK": "1" } }""");
        var project = Path.Combine(_agent.Root, "project", ".claude");
        Directory.CreateDirectory(project);
        await File.WriteAllTextAsync(Path.Combine(project, "settings.json"), """{ "env": { "ANTHROPIC_BASE_URL": "https://elsewhere.example" } }""");
        await File.WriteAllTextAsync(Path.Combine(project, "settings.local.json"), """{ "apiKeyHelper": "./mine.sh" }""");
        const string Script = """
            mkdir "$HOME/over" && mount -t tmpfs none "$HOME/over" && mkdir "$HOME/over/up" "$HOME/over/work"
            mount -t overlay none -o "lowerdir=/etc,upperdir=$HOME/over/up,workdir=$HOME/over/work" /etc || exit 77
            mkdir -p /etc/claude-code/managed-settings.d
            echo '{ "forceLoginMethod": "claudeai" }' >/etc/claude-code/managed-settings.json
            echo '{ "env": { "ANTHROPIC_AUTH_TOKEN": "tok-12345" } }' >/etc/claude-code/managed-settings.d/10-team.json
            cd "$HOME/project" && exec "$0" claude setup
            """;
        var start = new ProcessStartInfo("unshare", ["--mount", "--propagation", "private", "sh", "-c", Script, AgentProcess.Executable])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        };
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("ANTHROPIC_", StringComparison.Ordinal) || name.StartsWith("CLAUDE", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(name);
        }

        start.Environment["HOME"] = _agent.Root;
        start.Environment["NETBIRD_AGENT_STATE_DIR"] = _agent.StateDir;

        var outcome = await AgentProcess.EndAsync(Process.Start(start)!, TimeSpan.FromSeconds(60));

        Skip.If(outcome.ExitCode == 77, "this kernel has no overlay file system");
        Assert.Equal(0, outcome.ExitCode);
        Assert.Equal(
            [
                $"{Settings} also sets CLAUDE_CODE_USE_BEDROCK, which changes where or as whom Claude Code calls. Take it out.",
                $"/etc/claude-code/managed-settings.json sets forceLoginMethod and comes before {Settings}.",
                $"/etc/claude-code/managed-settings.d/10-team.json sets ANTHROPIC_AUTH_TOKEN and comes before {Settings}.",
                $"{project}/settings.local.json sets apiKeyHelper and comes before {Settings}.",
                $"{project}/settings.json sets ANTHROPIC_BASE_URL and comes before {Settings}.",
            ],
            outcome.Error.Split('\n').Where(line => line.StartsWith("Warning: ", StringComparison.Ordinal)).Select(line => line["Warning: ".Length..]));
        Assert.DoesNotContain("tok-12345", outcome.ToString(), StringComparison.Ordinal);
        Assert.Contains("Nothing listens there yet. Run: netbird-agent up", outcome.Error, StringComparison.Ordinal);
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

    /// <summary>What its parser takes is the last one.</summary>
    [Fact]
    public async Task SetupAndUnset_AVariableBlockTwice_TheOneThatCountsIsChanged()
    {
        const string Mine = """{"env": {"A": "1"}, "env": {"B": "2"}}""";
        Write(Mine);

        await _agent.RunAsync("claude", "setup");
        var written = JsonDocument.Parse(await File.ReadAllTextAsync(Settings)).RootElement.GetProperty("env");
        await _agent.RunAsync("claude", "unset");

        Assert.Equal("2", written.GetProperty("B").GetString());
        Assert.Equal(_agent.EndpointUrl, written.GetProperty("ANTHROPIC_BASE_URL").GetString());
        Assert.Equal(Mine, await File.ReadAllTextAsync(Settings));
    }

    [Fact]
    public async Task SetupAndUnset_SettingsOfBlanksAlone_ArePutBack()
    {
        Write("\n  \n");

        var setup = await _agent.RunAsync("claude", "setup");
        var written = JsonDocument.Parse(await File.ReadAllTextAsync(Settings));
        await _agent.RunAsync("claude", "unset");

        Assert.True(setup.ExitCode == 0, setup.ToString());
        Assert.Equal(_agent.EndpointUrl, written.RootElement.GetProperty("env").GetProperty("ANTHROPIC_BASE_URL").GetString());
        Assert.Equal("\n  \n", await File.ReadAllTextAsync(Settings));
    }

    [Theory]
    [InlineData("unset")]
    [InlineData("setup", "--statusline")]
    public async Task SetupAndUnset_CopyDamaged_SaysWhichAndChangesNothing(params string[] command)
    {
        Write("{}\n");
        await _agent.RunAsync("claude", "setup");
        var ours = await File.ReadAllTextAsync(Settings);
        await File.WriteAllTextAsync(Settings + ".before-netbird", "garbage{");

        var outcome = await _agent.RunAsync(["claude", .. command]);

        Assert.Equal(1, outcome.ExitCode);
        Assert.StartsWith($"{Settings}.before-netbird, the copy from before this agent, is no longer valid JSON.", outcome.Error, StringComparison.Ordinal);
        Assert.Equal(ours, await File.ReadAllTextAsync(Settings));
    }

    /// <summary>A pipe is never read to its end, and a device that is replaced by a file is gone.</summary>
    [SkippableTheory]
    [InlineData("mkfifo")]
    [InlineData("mkdir")]
    public async Task Setup_SettingsAreNoFile_SaysSo_AndDoesNotWait(string made)
    {
        Skip.If(OperatingSystem.IsWindows(), "a Unix file system's");
        Directory.CreateDirectory(Path.GetDirectoryName(Settings)!);
        using (var make = Process.Start(made, [Settings]))
        {
            await make.WaitForExitAsync();
        }

        var outcome = await _agent.RunAsync("claude", "setup");

        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains("a folder, a pipe or a device. Move it away first", outcome.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(Settings + ".before-netbird"));
    }

    [Fact]
    public async Task Managed_FileByARelativeName_IsWritten_AndTheWayBackNamesIt()
    {
        var name = Path.GetRelativePath(Environment.CurrentDirectory, Path.Combine(_agent.Root, "managed.json"));

        var written = await _agent.RunAsync("claude", "managed", "--file", name);
        var bare = await _agent.RunAsync("claude", "managed", "--file", "");

        Assert.True(written.ExitCode == 0, written.ToString());
        Assert.Contains($"claude managed --remove --file {name}", written.Output, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(_agent.Root, "managed.json")));
        Assert.Equal(2, bare.ExitCode);
    }
}
