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
    [InlineData("rootless", "rootless", ClaudeForm.Settings)]
    [InlineData("rootless", "auto", ClaudeForm.Shell)]
    [InlineData("auto", "rootless", ClaudeForm.Shell)]
    public async Task MainScenarios_WorkWithEitherOrBothEndsRootless(string agent, string gateway, ClaudeForm form)
    {
        await using var world = await World.StartAsync(World.NoLimits, tunnel: agent, gatewayTunnel: gateway);
        await AssertModeAsync(agent, Path.Combine(world.State, "agent"));

        var tool = await world.ClaudeAsync(form, "run it [[scenario:tool]]", ["--allowedTools", "Bash(echo hi)"]);
        using var large = await world.MessageAsync(new string('x', 30_000_000) + " [[scenario:big:20000000]]", maxTokens: 20_000_000);
        var bytes = await large.Content.ReadAsByteArrayAsync();
        using var refused = await world.MessageAsync("[[scenario:error:400-prompt-too-long]]");
        var firstAndLast = await DripAsync(world);

        Assert.True(tool.ExitCode == 0, tool.ToString());
        Assert.Contains("TOOL SAID: hi", tool.Output, StringComparison.Ordinal);
        Assert.True(bytes.Length > 20_000_000, $"{bytes.Length} bytes came back");
        Assert.Equal(System.Net.HttpStatusCode.BadRequest, refused.StatusCode);
        Assert.True(firstAndLast.First < TimeSpan.FromSeconds(4), $"the first event came after {firstAndLast.First}");
        Assert.True(firstAndLast.Last > TimeSpan.FromSeconds(7), $"the last one after {firstAndLast.Last}");
    }

    /// <summary>The agent's own stack against wireguard-go, with Linux's TCP behind it, as the gateway's end.</summary>
    [SkippableFact]
    public async Task ClaudeCode_WorksWithARootlessAgentAndWireGuardGoAtTheGateway()
    {
        Skip.If(Checkout.Claude is null, "Claude Code is not installed (NETBIRD_CLAUDE)");
        await using var hosts = await TwoHosts.StartAsync("external");
        var (state, port) = await hosts.AddPersonAsync("ana@example.com", 8788, "rootless");

        var tool = await hosts.ClaudeAsync(port, "run it [[scenario:tool]]", ["--allowedTools", "Bash(echo hi)"]);
        var large = await hosts.ShellAsync(hosts.Developer, $$"""
            { printf '{"model":"claude-opus-5-5","max_tokens":20000000,"messages":[{"role":"user","content":"[[scenario:big:20000000]] '
              head -c 30000000 /dev/zero | tr '\0' x; printf '"}]}'; } \
            | curl -sS -m 80 http://127.0.0.1:{{port}}/v1/messages -H 'anthropic-version: 2023-06-01' -H 'content-type: application/json' \
              --data-binary @- | wc -c
            """);

        Assert.True(tool.ExitCode == 0, tool + hosts.ControlPlaneLog);
        Assert.Contains("TOOL SAID: hi", tool.Output, StringComparison.Ordinal);
        Assert.True(long.Parse(large.Output, System.Globalization.CultureInfo.InvariantCulture) > 20_000_000, large.ToString());
        Assert.Contains("ootless", (await hosts.InAsync(hosts.Developer, Checkout.Agent, ["status", "--json", "--state-dir", state])).Output, StringComparison.Ordinal);
    }

    /// <summary>
    /// A container as developers have them: no capability, no /dev/net/tun, nobody. Everything by the quickstart, with the tunnel left
    /// to be chosen, which says what it chose and why.
    /// </summary>
    [SkippableFact]
    public async Task InAContainerWithoutTunAndCapabilities_TheQuickstartAndRealClaudeCodeWork()
    {
        Skip.If(!Environment.IsPrivilegedProcess, "needs root to make the container");
        Skip.If(Checkout.Claude is null, "Claude Code is not installed (NETBIRD_CLAUDE)");
        var options = new FakeAnthropic.FakeUpstreamOptions();
        options.Keys.Add("sk-ant-container");
        await using var upstream = await FakeAnthropic.FakeUpstream.StartAsync(options);
        var folder = Directory.CreateTempSubdirectory("netbird-container-").FullName;
        try
        {
            await File.WriteAllTextAsync(Path.Combine(folder, "account.yaml"), World.NoLimits);
            await File.WriteAllTextAsync(Path.Combine(folder, "inside.sh"), InsideScript);
            await File.WriteAllTextAsync(Path.Combine(folder, "enter.sh"), EnterScript);
            await Command.RunAsync("sh", ["-c", $"touch {folder}/claude; chown -R 65534:65534 {folder}"]);
            var readable = await AsNobodyAsync(folder, ["test", "-x", Checkout.ControlPlane]);
            Skip.If(readable.ExitCode != 0, "the checkout is not readable to others");

            var result = await Command.RunAsync("unshare",
                ["--mount", "sh", Path.Combine(folder, "enter.sh"), folder, Checkout.Claude!, Checkout.Quickstart, upstream.Url.ToString().TrimEnd('/')],
                new Dictionary<string, string?> { ["ANTHROPIC_API_KEY"] = upstream.Key },
                limitSeconds: 560);

            Assert.True(result.ExitCode == 0, result.ToString());
            Assert.Contains("CapEff:\t0000000000000000", result.Output, StringComparison.Ordinal);
            Assert.Contains("no tun", result.Output, StringComparison.Ordinal);
            Assert.Contains("TOOL SAID: hi", result.Output, StringComparison.Ordinal);
            var seconds = Measured(result.Output, "first event after ");
            Assert.True(seconds < 4, $"the first event of a stream of 8 s came after {seconds} s");
            Assert.True(Measured(result.Output, "drip took ") > 7, result.Output);
            Assert.True(Measured(result.Output, "large answer ") > 200_000_000, result.Output);
            Assert.Contains(upstream.Requests.All, request => request.Body.Length > 31_000_000);
            // The status says which tunnel it is and why it is no better one.
            Assert.Matches("(?i)rootless", result.Output);
            Assert.Contains("No kernel tunnel:", result.Output, StringComparison.Ordinal);
            Assert.Contains("No userspace tunnel:", result.Output, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // What a container runtime does: a /dev of its own with the harmless devices, then another user without capabilities.
    private const string EnterScript = """
        set -e
        folder=$1 claude=$2 quickstart=$3 upstream=$4
        mkdir $folder/dev
        mount -t tmpfs none $folder/dev
        for device in null zero full random urandom; do touch $folder/dev/$device; mount --bind /dev/$device $folder/dev/$device; done
        mkdir -m 1777 $folder/dev/shm
        ln -s /proc/self/fd $folder/dev/fd
        mount --bind $claude $folder/claude
        mount --rbind $folder/dev /dev
        exec setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs \
          env HOME=$folder TMPDIR=$folder "$quickstart" --upstream "$upstream" --config $folder/account.yaml -- sh $folder/inside.sh $folder
        """;

    private const string InsideScript = """
        set -e
        grep CapEff /proc/self/status
        test -e /dev/net/tun || echo no tun
        folder=$1
        ask() { curl -sS -m 240 $ANTHROPIC_BASE_URL/v1/messages -H 'anthropic-version: 2023-06-01' -H 'content-type: application/json' --data-binary @- "$@"; }
        cd $folder
        IS_SANDBOX=1 CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 $folder/claude -p 'run it [[scenario:tool]]' --allowedTools 'Bash(echo hi)'
        began=$(date +%s)
        printf '{"model":"claude-opus-5-5","max_tokens":64,"stream":true,"messages":[{"role":"user","content":"[[scenario:drip:8]]"}]}' | ask -N | {
          read -r line; echo "first event after $(( $(date +%s) - began ))"; cat >/dev/null; }
        echo "drip took $(( $(date +%s) - began ))"
        { printf '{"model":"claude-opus-5-5","max_tokens":64,"messages":[{"role":"user","content":"'; head -c 32000000 /dev/zero | tr '\0' x; printf '"}]}'; } | ask >/dev/null
        printf '{"model":"claude-opus-5-5","max_tokens":60000000,"stream":true,"messages":[{"role":"user","content":"[[scenario:big:200000000]]"}]}' | ask >large; echo "large answer $(wc -c <large)"
        AGENT=$(tr '\0' '\n' </proc/$PPID/cmdline | head -1)
        "$AGENT" status --detail --state-dir $NETBIRD_STATE/agent
        """;

    private static double Measured(string output, string what)
        => double.Parse(output.Split('\n').Single(line => line.StartsWith(what, StringComparison.Ordinal))[what.Length..], System.Globalization.CultureInfo.InvariantCulture);

    private static async Task AssertModeAsync(string wanted, string state)
    {
        var status = await Command.RunAsync(Checkout.Agent, ["status", "--json", "--state-dir", state]);
        Assert.Equal(wanted == "rootless", status.Output.Contains("rootless", StringComparison.OrdinalIgnoreCase)
            && !status.Output.Contains("userspace", StringComparison.OrdinalIgnoreCase));
    }

    private static async Task<(TimeSpan First, TimeSpan Last)> DripAsync(World world)
    {
        var watch = System.Diagnostics.Stopwatch.StartNew();
        using var response = await world.MessageAsync("[[scenario:drip:8]]", stream: true);
        await using var stream = await response.Content.ReadAsStreamAsync();
        var buffer = new byte[4096];
        await stream.ReadExactlyAsync(buffer.AsMemory(0, 1));
        var first = watch.Elapsed;
        while (await stream.ReadAsync(buffer) > 0)
        {
        }

        return (first, watch.Elapsed);
    }

    private static Task<CommandResult> AsNobodyAsync(string home, string[] command)
        => Command.RunAsync("setpriv",
            ["--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--no-new-privs", "env", "HOME=" + home, "TMPDIR=" + home, .. command]);
}
