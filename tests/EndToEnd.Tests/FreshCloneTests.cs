namespace EndToEnd.Tests;

/// <summary>The README's first command on a clone that was never built.</summary>
public sealed class FreshCloneTests
{
    [SkippableFact]
    public async Task Quickstart_OnAFreshClone_BuildsAndRuns_AndChangesNothingThatGitSees()
    {
        Skip.If(Environment.GetEnvironmentVariable("NETBIRD_LONG") is not "1", "a whole build: tests/run.sh --long");
        var folder = Directory.CreateTempSubdirectory("netbird-clone-").FullName;
        try
        {
            var clone = await Command.RunAsync("git", ["clone", "-q", "--no-hardlinks", Checkout.Root, Path.Combine(folder, "c")]);
            Skip.If(clone.ExitCode != 0, "this is no git checkout: " + clone.Error);

            var result = await Command.RunAsync(Path.Combine(folder, "c", "installers", "quickstart.sh"),
                ["--", "sh", "-c", "curl -sS $ANTHROPIC_BASE_URL/v1/messages -H 'anthropic-version: 2023-06-01' "
                    + """-d '{"model":"claude-haiku-4-5","max_tokens":64,"messages":[{"role":"user","content":"hi"}]}'"""],
                limitSeconds: 1200);
            var status = await Command.RunAsync("git", ["-C", Path.Combine(folder, "c"), "status", "--porcelain"]);

            Assert.True(result.ExitCode == 0, result.ToString());
            Assert.Contains("\"type\":\"message\"", result.Output, StringComparison.Ordinal);
            Assert.Contains("Engineering", result.Error, StringComparison.Ordinal);
            Assert.Equal("", status.Output);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
