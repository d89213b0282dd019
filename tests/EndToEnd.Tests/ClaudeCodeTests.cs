using System.Diagnostics;

namespace EndToEnd.Tests;

/// <summary>Real Claude Code through the tunnel, in both documented forms.</summary>
public sealed class ClaudeCodeTests(WorldFixture fixture) : IClassFixture<WorldFixture>
{
    private World World => fixture.World;

    [SkippableTheory]
    [InlineData(ClaudeForm.Settings)]
    [InlineData(ClaudeForm.Shell)]
    public async Task Prompt_GetsTheUpstreamsAnswer(ClaudeForm form)
    {
        var result = await World.ClaudeAsync(form, "say hi");

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.NotEmpty(result.Output.Trim());
    }

    /// <summary>As <c>claude env</c> sets it up, but for an address beside it that leads nowhere: what answers came by the socket.</summary>
    [SkippableFact]
    public async Task Prompt_ByTheUnixSocket_GetsTheUpstreamsAnswer()
    {
        Skip.If(Checkout.Claude is null, "Claude Code is not installed (NETBIRD_CLAUDE)");
        var home = Directory.CreateTempSubdirectory("netbird-claude-").FullName;
        try
        {
            var result = await Command.RunAsync(Checkout.Claude!, ["-p", "say hi"], new Dictionary<string, string?>
            {
                ["HOME"] = home, ["IS_SANDBOX"] = "1", ["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] = "1",
                ["ANTHROPIC_UNIX_SOCKET"] = Path.Combine(World.State, "agent", "endpoint.sock"),
                ["ANTHROPIC_BASE_URL"] = $"http://127.0.0.1:{AgentSession.FreePort()}", ["ANTHROPIC_API_KEY"] = "none",
            }, folder: home);

            Assert.True(result.ExitCode == 0, result.ToString());
            Assert.NotEmpty(result.Output.Trim());
        }
        finally
        {
            Directory.Delete(home, recursive: true);
        }
    }

    /// <summary>What an administrator writes for every account works in an account that has nothing of its own.</summary>
    [SkippableFact]
    public async Task Prompt_ByManagedSettings_GetsTheUpstreamsAnswer()
    {
        Skip.If(Checkout.Claude is null, "Claude Code is not installed (NETBIRD_CLAUDE)");
        Skip.IfNot(Environment.IsPrivilegedProcess, "needs root to lay managed settings over /etc");
        var home = Directory.CreateTempSubdirectory("netbird-claude-").FullName;
        const string Script = """
            mount -t tmpfs none "$1" && mkdir "$1/up" "$1/work" "$1/home"
            mount -t overlay none -o "lowerdir=/etc,upperdir=$1/up,workdir=$1/work" /etc || exit 77
            "$2" claude managed --state-dir "$3" >&2 && cd "$1/home" && HOME="$1/home" exec "$4" -p 'say hi'
            """;
        try
        {
            var result = await Command.RunAsync(
                "unshare", ["--mount", "--propagation", "private", "sh", "-c", Script, "sh", home, Checkout.Agent, Path.Combine(World.State, "agent"), Checkout.Claude!],
                new Dictionary<string, string?> { ["IS_SANDBOX"] = "1", ["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] = "1" });

            Skip.If(result.ExitCode == 77, "this kernel has no overlay file system");
            Assert.True(result.ExitCode == 0, result.ToString());
            Assert.NotEmpty(result.Output.Trim());
        }
        finally
        {
            Directory.Delete(home, recursive: true);
        }
    }

    [SkippableTheory]
    [InlineData(ClaudeForm.Settings)]
    [InlineData(ClaudeForm.Shell)]
    public async Task ToolRound_RunsTheToolAndAnswers(ClaudeForm form)
    {
        var result = await World.ClaudeAsync(form, "run it [[scenario:tool]]", ["--allowedTools", "Bash(echo hi)"]);

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Contains("TOOL SAID: hi", result.Output, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData(ClaudeForm.Settings, "gzip", 0)]
    [InlineData(ClaudeForm.Shell, "gzip", 0)]
    [InlineData(ClaudeForm.Settings, "slow-first-byte:15", 15)]
    [InlineData(ClaudeForm.Shell, "slow-first-byte:15", 15)]
    [InlineData(ClaudeForm.Settings, "drip:8", 8)]
    [InlineData(ClaudeForm.Shell, "drip:8", 8)]
    public async Task DifficultAnswers_ArriveWhole(ClaudeForm form, string scenario, int atLeastSeconds)
    {
        World.Upstream.Requests.Clear();

        var result = await World.ClaudeAsync(form, $"say hi [[scenario:{scenario}]]");

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.True(result.Took >= TimeSpan.FromSeconds(atLeastSeconds), result.ToString());
        Assert.Single(World.Upstream.Requests.All, request => request.Method == "POST");
    }

    [Fact]
    public async Task DrippingStream_FirstEventArrivesAtOnce()
    {
        var watch = Stopwatch.StartNew();
        using var response = await World.MessageAsync("[[scenario:drip:8]]", stream: true);
        await using var body = await response.Content.ReadAsStreamAsync();

        var first = await body.ReadAsync(new byte[4096]);
        var firstAfter = watch.Elapsed;
        await body.CopyToAsync(Stream.Null);

        Assert.True(first > 0);
        Assert.True(firstAfter < TimeSpan.FromSeconds(2), $"first event after {firstAfter.TotalSeconds:F2} s");
        Assert.True(watch.Elapsed > TimeSpan.FromSeconds(7), $"the whole stream took only {watch.Elapsed.TotalSeconds:F2} s");
    }
}
