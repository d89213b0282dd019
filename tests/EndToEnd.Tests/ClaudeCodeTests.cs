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
