namespace EndToEnd.Tests;

/// <summary>
/// A body far larger than any buffer on the way is refused before it was read: whoever still sends it reads our sentence,
/// and not a connection that was reset under him.
/// </summary>
public sealed class EarlyRefusalTests(WorldFixture fixture) : IClassFixture<WorldFixture>
{
    private const int BodyBytes = 33 * 1024 * 1024;

    private World World => fixture.World;

    [Theory]
    [InlineData("by the agent", "/v1/messages", "Origin: https://example.com", "not web pages")]
    [InlineData("by the gateway, for its path", "/v1/files", "x-test: 1", "policy_blocked")]
    [InlineData("by the gateway, for its size", "/v1/messages", "x-test: 1", "MB")]
    public async Task LargeBody_RefusedEarly_TheSentenceArrives(string where, string path, string header, string words)
    {
        var file = await BodyAsync();
        try
        {
            foreach (var expect in new[] { "Expect:", "Expect: 100-continue" })
            {
                var curl = await Command.RunAsync("curl",
                    ["-sS", "--noproxy", "*", "-H", header, "-H", expect, "-H", "content-type: application/json", "-H", "anthropic-version: 2023-06-01", "--data-binary", "@" + file, World.Endpoint + path.TrimStart('/')]);

                Assert.True(curl.ExitCode == 0, where + ": " + curl);
                Assert.Contains("\"type\":\"error\"", curl.Output, StringComparison.Ordinal);
                Assert.Contains(words, curl.Output, StringComparison.Ordinal);
            }

            // By fetch, the way of Claude Code and the SDKs.
            var fetch = await Command.RunAsync("node", ["-e", $$"""
                const fs = require('fs');
                fetch('{{World.Endpoint}}{{path.TrimStart('/')}}', { method: 'POST', body: fs.readFileSync('{{file}}'), headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01', '{{header.Split(':')[0]}}': '{{header[(header.IndexOf(':', StringComparison.Ordinal) + 2)..]}}' } })
                  .then(async answer => console.log(answer.status, await answer.text())).catch(e => { console.log('failed', e, e.cause); process.exit(1); });
                """]);
            Assert.True(fetch.ExitCode == 0, where + ": " + fetch);
            Assert.Contains(words, fetch.Output, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }

        // The connection after it is as good as any.
        using var after = await World.MessageAsync("hello");
        Assert.True(after.IsSuccessStatusCode);
    }

    /// <summary>Claude Code with 600 KB on its standard input (far more, and it refuses by itself), for somebody whom no policy lets in.</summary>
    [SkippableFact]
    public async Task ClaudeCode_LargePrompt_NoPolicy_ShowsTheSentence()
    {
        Skip.If(Checkout.Claude is null, "Claude Code is not installed (NETBIRD_CLAUDE)");
        await using var eve = await World.AddPersonAsync("eve@example.com", "Visitors");
        var home = Directory.CreateTempSubdirectory("netbird-claude-").FullName;
        try
        {
            var result = await Command.RunAsync(Checkout.Claude!, ["-p", "count these words"], new Dictionary<string, string?>
            {
                ["HOME"] = home, ["IS_SANDBOX"] = "1", ["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] = "1",
                ["ANTHROPIC_BASE_URL"] = eve.Endpoint.ToString().TrimEnd('/'), ["ANTHROPIC_API_KEY"] = "none",
            }, input: string.Concat(Enumerable.Repeat("word ", 120_000)), folder: home);

            Assert.Equal(1, result.ExitCode);
            Assert.Contains("polic", result.Output + result.Error, StringComparison.OrdinalIgnoreCase);
        }
        finally
        {
            Directory.Delete(home, recursive: true);
        }
    }

    private static async Task<string> BodyAsync()
    {
        var file = Path.GetTempFileName();
        await using var body = new StreamWriter(file);
        await body.WriteAsync("""{"model":"claude-opus-5-5","max_tokens":9,"messages":[{"role":"user","content":" """);
        var words = string.Concat(Enumerable.Repeat("word ", 20_000));
        for (var written = 0; written < BodyBytes; written += words.Length)
        {
            await body.WriteAsync(words);
        }

        await body.WriteAsync("\"}]}");
        return file;
    }
}
