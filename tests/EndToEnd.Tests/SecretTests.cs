using System.Text;

namespace EndToEnd.Tests;

/// <summary>The provider's key, the agent's private key and the admin's token, planted and then looked for everywhere.</summary>
public sealed class SecretTests(WorldFixture fixture) : IClassFixture<WorldFixture>
{
    private World World => fixture.World;

    [Fact]
    public async Task TheProvidersKey_IsNowhereInClear()
    {
        // Everything that could leak it: an answer, a refusal, an upstream that refuses the key, REST.
        using (await World.MessageAsync("hello"))
        using (await World.MessageAsync("[[scenario:error:500]]"))
        using (await World.MessageAsync("[[scenario:error:401]]"))
        {
        }

        var answers = new StringBuilder();
        foreach (var path in new[]
        {
            "/api/agent-network/providers", "/api/agent-network/access-logs", "/api/events/audit", "/api/agent-network/settings", "/metrics",
            "/openapi/v1.json", "/api/agent-network/catalog/providers",
        })
        {
            using var response = await World.Admin.GetAsync(path);
            answers.AppendLine(await response.Content.ReadAsStringAsync());
        }

        Assert.DoesNotContain(World.Upstream.Key, answers.ToString(), StringComparison.Ordinal);
        Assert.Equal("", await FilesWithAsync(World.Upstream.Key, World.State));
        Assert.Equal("", await ProcessesWithAsync(World.Upstream.Key, "cmdline"));
        var exported = await World.ControlPlaneAsync(["export"]);
        Assert.True(exported.ExitCode == 0, exported.ToString());
        Assert.DoesNotContain(World.Upstream.Key, exported.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("netbird-controlplane")]
    [InlineData("netbird-agent")]
    public async Task AProcessThatHoldsKeys_CannotBeDumped(string program)
    {
        var pid = await ProcessIdAsync(program);

        var limits = await File.ReadAllTextAsync($"/proc/{pid}/limits");

        Assert.Matches(@"Max core file size\s+0\s+0", limits);
    }

    [Fact]
    public async Task Secrets_AreFilesOfTheirOwnerAlone()
    {
        var modes = await Command.RunAsync("sh", ["-c", $"""
            cd {World.State}
            stat -c '%a %n' agent/private.key controlplane/admin-token
            find agent controlplane -type f -perm /077
            find agent controlplane -type d -perm /077
            """]);

        Assert.Equal("600 agent/private.key\n600 controlplane/admin-token\n", modes.Output);
    }

    [Fact]
    public async Task TheAgentsPrivateKey_NeverLeavesItsFile()
    {
        var key = (await File.ReadAllTextAsync(Path.Combine(World.State, "agent", "private.key"))).Trim();

        var files = await FilesWithAsync(key, World.State);

        Assert.Equal(Path.Combine(World.State, "agent", "private.key"), files.Trim());
        Assert.Equal("", await ProcessesWithAsync(key, "cmdline"));
        Assert.Equal("", await ProcessesWithAsync(key, "environ"));
    }

    private static async Task<string> FilesWithAsync(string secret, string folder)
        => (await Command.RunAsync("grep", ["-rlaF", "-f", "-", folder], input: secret + "\n")).Output;

    /// <summary>Our own processes that have the secret in a file of /proc; quickstart itself was given the provider's key.</summary>
    private static async Task<string> ProcessesWithAsync(string secret, string file)
    {
        var found = (await Command.RunAsync("pgrep", ["netbird-"])).Output
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(pid => File.ReadAllBytes($"/proc/{pid}/{file}").AsSpan().IndexOf(Encoding.UTF8.GetBytes(secret)) >= 0);
        return string.Join(' ', found);
    }

    private async Task<string> ProcessIdAsync(string name)
        => (await Command.RunAsync("pgrep", ["-o", "-f", $"/{name} .*--state-dir {World.State}"])).Output.Split('\n')[0];
}
