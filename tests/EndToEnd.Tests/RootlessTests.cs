namespace EndToEnd.Tests;

/// <summary>Both ends without root: no TUN, no interface, no capability.</summary>
public sealed class RootlessTests
{
    [SkippableFact]
    public async Task AsNobodyWithoutCapabilities_TheQuickstartCarriesARequest()
    {
        Skip.If(!Environment.IsPrivilegedProcess, "needs root to become nobody");
        var folder = Directory.CreateTempSubdirectory("netbird-nobody-").FullName;
        try
        {
            await Command.RunAsync("chown", ["65534:65534", folder]);
            var readable = await AsNobodyAsync(folder, ["test", "-x", Checkout.ControlPlane]);
            Skip.If(readable.ExitCode != 0, "the checkout is not readable to others");

            var result = await AsNobodyAsync(folder,
            [
                Checkout.Quickstart, "--tunnel", "rootless", "--", "sh", "-c",
                "grep CapEff /proc/self/status; curl -sS $ANTHROPIC_BASE_URL/v1/messages -H 'anthropic-version: 2023-06-01' "
                    + """-d '{"model":"claude-haiku-4-5","max_tokens":64,"messages":[{"role":"user","content":"hi"}]}'""",
            ]);

            Assert.True(result.ExitCode == 0, result.ToString());
            Assert.Contains("CapEff:\t0000000000000000", result.Output, StringComparison.Ordinal);
            Assert.Contains("\"type\":\"message\"", result.Output, StringComparison.Ordinal);
            Assert.Contains("allowed", result.Error, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [SkippableTheory]
    [InlineData(ClaudeForm.Settings)]
    [InlineData(ClaudeForm.Shell)]
    public async Task ClaudeCode_WorksWithBothEndsRootless(ClaudeForm form)
    {
        await using var world = await World.StartAsync(World.NoLimits, tunnel: "rootless");

        var plain = await world.ClaudeAsync(form, "run it [[scenario:tool]]", ["--allowedTools", "Bash(echo hi)"]);
        using var large = await world.MessageAsync(new string('x', 30_000_000) + " [[scenario:big:20000000]]", maxTokens: 20_000_000);
        var bytes = await large.Content.ReadAsByteArrayAsync();

        Assert.True(plain.ExitCode == 0, plain.ToString());
        Assert.Contains("TOOL SAID: hi", plain.Output, StringComparison.Ordinal);
        Assert.True(bytes.Length > 20_000_000, $"{bytes.Length} bytes came back");
    }

    private static Task<CommandResult> AsNobodyAsync(string home, string[] command)
        => Command.RunAsync("setpriv",
            ["--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--no-new-privs", "env", "HOME=" + home, "TMPDIR=" + home, .. command]);
}
