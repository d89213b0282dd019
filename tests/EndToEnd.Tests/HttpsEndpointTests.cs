using System.Text.Json;
using System.Text.Json.Nodes;

namespace EndToEnd.Tests;

/// <summary>
/// The documented form, https under the account's endpoint name, with the real control plane's authority and the real
/// client. The hosts file is one of the test's own, mounted where only the test's commands see it.
/// </summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class HttpsEndpointTests(WorldFixture fixture) : IClassFixture<WorldFixture>
{
    private const string Name = "claude.acme.internal";

    private World World => fixture.World;

    [SkippableFact]
    public async Task ClaudeCode_UnderTheAccountsName_WorksAfterOneCommand()
    {
        Skip.If(Checkout.Claude is null, "Claude Code is not installed (NETBIRD_CLAUDE)");
        Skip.IfNot(Environment.IsPrivilegedProcess, "needs root to mount a hosts file");
        var status = await NamedAsync();
        var folder = Directory.CreateTempSubdirectory("netbird-https-").FullName;
        try
        {
            var hosts = Path.Combine(folder, "hosts");
            await File.WriteAllTextAsync(hosts, "127.0.0.1 localhost");

            var setup = await WithHostsAsync(hosts, folder, Checkout.Agent, "claude", "setup", "--https", "--state-dir", StateDir);
            var claude = await WithHostsAsync(hosts, folder, Checkout.Claude!, "-p", "say hi");
            var settings = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(folder, ".claude", "settings.json")))!;

            Assert.True(setup.ExitCode == 0, setup.ToString());
            Assert.True(claude.ExitCode == 0, claude.ToString());
            Assert.NotEmpty(claude.Output.Trim());
            Assert.Equal(status.GetProperty("endpoint_https_url").GetString(), settings["env"]!["ANTHROPIC_BASE_URL"]!.GetValue<string>());
            Assert.Equal("https://" + Name, settings["env"]!["ANTHROPIC_BASE_URL"]!.GetValue<string>());
            Assert.Equal($"127.0.0.1 localhost\n127.0.87.88 {Name} # netbird-agent\n", await File.ReadAllTextAsync(hosts));

            var unset = await WithHostsAsync(hosts, folder, Checkout.Agent, "claude", "unset", "--state-dir", StateDir);
            Assert.True(unset.ExitCode == 0, unset.ToString());
            Assert.Equal("127.0.0.1 localhost\n", await File.ReadAllTextAsync(hosts));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [SkippableFact]
    public async Task Setup_HostsFileNotOurs_SaysTheLineAndChangesNothing()
    {
        Skip.IfNot(Environment.IsPrivilegedProcess, "needs root to mount a hosts file");
        await NamedAsync();
        var folder = Directory.CreateTempSubdirectory("netbird-https-").FullName;
        try
        {
            var hosts = Path.Combine(folder, "hosts");
            await File.WriteAllTextAsync(hosts, "127.0.0.1 localhost\n");

            // Root may write whatever a mode says, so the mount is read-only.
            var setup = await Command.RunAsync("unshare", ["-m", "sh", "-c", "mount --bind \"$1\" /etc/hosts; mount -o remount,ro,bind /etc/hosts; shift; exec \"$@\"", "sh",
                hosts, Checkout.Agent, "claude", "setup", "--https", "--state-dir", StateDir], new Dictionary<string, string?> { ["HOME"] = folder });

            Assert.True(setup.ExitCode == 5, setup.ToString());
            Assert.Contains($"echo '127.0.87.88 {Name} # netbird-agent' | sudo tee -a /etc/hosts", setup.Error, StringComparison.Ordinal);
            Assert.False(Directory.Exists(Path.Combine(folder, ".claude")));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task Certificate_IsForTheNameAloneByAnAuthorityHeldToIt()
    {
        var status = await NamedAsync();
        var authority = status.GetProperty("endpoint_authority_file").GetString()!;

        var ours = await OpenSslAsync($"s_client -connect 127.0.87.88:443 -servername {Name} -verify_hostname {Name} -verify_return_error -CAfile {authority} </dev/null");
        var other = await OpenSslAsync($"s_client -connect 127.0.87.88:443 -verify_hostname api.anthropic.com -verify_return_error -CAfile {authority} </dev/null");
        var text = await OpenSslAsync($"x509 -in {authority} -noout -text");
        var leaf = await OpenSslAsync($"s_client -connect 127.0.87.88:443 -servername {Name} </dev/null 2>/dev/null | openssl x509 -noout -text -checkend 604800");

        Assert.Contains("Verify return code: 0 (ok)", ours, StringComparison.Ordinal);
        Assert.DoesNotContain("Verify return code: 0 (ok)", other, StringComparison.Ordinal);
        Assert.Contains("DNS:" + Name, text[text.IndexOf("Name Constraints: critical", StringComparison.Ordinal)..], StringComparison.Ordinal);
        Assert.Contains("Certificate will expire", leaf, StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(StateDir, "endpoint-certificate.pem")));
    }

    [SkippableFact]
    public async Task OtherAccounts_AndPagesOfTheName_AreRefused()
    {
        Skip.IfNot(Environment.IsPrivilegedProcess, "needs root to act as another uid");
        var status = await NamedAsync();
        var authority = await File.ReadAllTextAsync(status.GetProperty("endpoint_authority_file").GetString()!);
        var open = Path.GetTempFileName();
        await File.WriteAllTextAsync(open, authority);
        File.SetUnixFileMode(open, (UnixFileMode)0b110_100_100);
        var resolve = new[] { "--noproxy", "*", "-s", "--cacert", open, "--resolve", $"{Name}:443:127.0.87.88", $"https://{Name}/v1/models" };

        var mine = await Command.RunAsync("curl", resolve);
        var foreign = await Command.RunAsync("setpriv", ["--reuid", "65534", "--regid", "65534", "--clear-groups", "--", "curl", .. resolve]);
        var page = await Command.RunAsync("curl", ["-H", $"Origin: https://{Name}", .. resolve]);
        var otherHost = await Command.RunAsync("curl", ["-H", "Host: evil.example", .. resolve]);
        File.Delete(open);

        Assert.DoesNotContain("policy_blocked", mine.Output, StringComparison.Ordinal);
        Assert.Contains("another account", foreign.Output, StringComparison.Ordinal);
        Assert.Contains("not web pages", page.Output, StringComparison.Ordinal);
        Assert.Contains("not known by that Host", otherHost.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Name_ChangedByAnAdministrator_IsTheOneThatIsServed()
    {
        const string Other = "claude.other.internal";
        try
        {
            await NamedAsync();
            var status = await NamedAsync(Other);
            var url = $"https://{Other}/v1/models";
            var answer = await Command.RunAsync("curl",
                ["--noproxy", "*", "-sS", "--retry", "9", "--retry-connrefused", "--retry-delay", "1", "--cacert", status.GetProperty("endpoint_authority_file").GetString()!, "--resolve", $"{Other}:443:127.0.87.88", url]);

            Assert.True(answer.ExitCode == 0, answer.ToString());
            Assert.DoesNotContain("policy_blocked", answer.Output, StringComparison.Ordinal);
        }
        finally
        {
            await NamedAsync();
        }
    }

    private string StateDir => Path.Combine(World.State, "agent");

    private static Task<CommandResult> WithHostsAsync(string hosts, string home, params string[] command)
        => Command.RunAsync(
            "unshare", ["-m", "sh", "-c", "mount --bind \"$1\" /etc/hosts; shift; exec \"$@\"", "sh", hosts, .. command],
            new Dictionary<string, string?> { ["HOME"] = home, ["IS_SANDBOX"] = "1", ["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] = "1" }, folder: home);

    private static async Task<string> OpenSslAsync(string arguments)
    {
        var result = await Command.RunAsync("sh", ["-c", "openssl " + arguments]);
        return result.Output + result.Error;
    }

    /// <summary>The agent's status once the account has its name and the agent serves it.</summary>
    private async Task<JsonElement> NamedAsync(string name = Name)
    {
        var settings = JsonNode.Parse((await World.GetAsync("/api/agent-network/settings")).GetRawText())!;
        settings["endpoint_name"] = name;
        await World.SendAdminAsync(HttpMethod.Put, "/api/agent-network/settings", settings);
        var last = "";
        for (var i = 0; i < 60; i++)
        {
            var result = await Command.RunAsync(Checkout.Agent, ["status", "--json", "--state-dir", StateDir]);
            last = result.ToString();
            if (result.ExitCode == 0 && JsonDocument.Parse(result.Output).RootElement is var status
                && status.GetProperty("endpoint_https_url").GetString() == "https://" + name)
            {
                return status.Clone();
            }

            await Task.Delay(250);
        }

        throw new TimeoutException(last);
    }
}
