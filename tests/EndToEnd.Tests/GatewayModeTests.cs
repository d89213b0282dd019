using System.Text.Json;
using System.Text.RegularExpressions;

namespace EndToEnd.Tests;

/// <summary>
/// Real Claude Code in gateway mode, in a terminal (tmux): it shows by itself what is used of the limit and, at the limit, our
/// sentence and nothing else.
/// </summary>
public sealed partial class GatewayModeTests
{
    private const string WeeklyCap = """
        policies:
          - name: Engineering
            enabled: true
            source_groups: [Engineering]
            destination_provider_ids: [Anthropic]
            limits:
              budget_limit: { enabled: true, user_cap_usd: 50, window_seconds: 604800 }
        """;

    [SkippableFact]
    public async Task Terminal_PersonWithACap_SeesWhatIsUsed_TheBarInDollars_AndAtTheLimitOurSentenceAlone()
    {
        Skip.If(Checkout.Claude is null, "Claude Code is not installed (NETBIRD_CLAUDE)");
        Skip.If(!File.Exists("/usr/bin/tmux"), "tmux is not installed");
        await using var world = await World.StartAsync(WeeklyCap);

        // Ten million tokens at four dollars and fifty thousand at twenty: 41 of 50 dollars.
        await UseAsync(world, "in=10000000,out=50000");
        await using var terminal = await Terminal.StartAsync(Path.Combine(world.State, "agent"));
        world.Upstream.Requests.Clear();
        await terminal.TypeAsync("say hi");
        await terminal.UntilAsync("of $50.00 left");
        var warned = await terminal.UntilAsync("You've used");
        Assert.Matches(@"You've used 8[234]% of your usage credits · resets", warned);

        // Gateway mode's own default is an older model (client-facts.md); what setup wrote sets the current one back.
        Assert.All(
            world.Upstream.Requests.All.Where(request => request.Method == "POST"),
            request => Assert.Equal("claude-opus-5-5", JsonDocument.Parse(request.Body).RootElement.GetProperty("model").GetString()));

        await terminal.TypeAsync("/usage");
        var usage = await terminal.UntilAsync("spent this week");
        Assert.Contains("Spend limit", usage, StringComparison.Ordinal);
        Assert.Matches(@"8[234]% used", usage);
        Assert.True(Spent().IsMatch(usage), usage);
        await terminal.LeaveAsync("Esc to close");

        await UseAsync(world, "in=2500000,out=1");
        await terminal.TypeAsync("say more");
        var refused = await terminal.UntilAsync("Your limit of $50.00 in any 7 days");
        Assert.DoesNotContain("API Error", refused, StringComparison.Ordinal);
        Assert.DoesNotContain("retrying", refused, StringComparison.Ordinal);
    }

    [GeneratedRegex(@"\$4\d(\.\d+)? / \$50(\.00)? spent this week")]
    private static partial Regex Spent();

    private static async Task UseAsync(World world, string figures)
    {
        using var response = await world.MessageAsync($"[[scenario:figures:{figures}]]", maxTokens: 60_000);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
        await response.Content.ReadAsByteArrayAsync();
    }

    /// <summary>Claude Code in a tmux server of its own.</summary>
    private sealed class Terminal : IAsyncDisposable
    {
        private readonly string _home = Directory.CreateTempSubdirectory("netbird-claude-tty-").FullName;
        private readonly string _server = "netbird-" + Guid.NewGuid().ToString("N")[..8];

        /// <param name="agent">State directory of the agent, whose <c>claude setup</c> writes the settings.</param>
        public static async Task<Terminal> StartAsync(string agent)
        {
            var terminal = new Terminal();
            var work = Path.Combine(terminal._home, "work");
            Directory.CreateDirectory(work);
            var setup = await Command.RunAsync(
                Checkout.Agent, ["claude", "setup", "--gateway-mode", "--statusline", "--state-dir", agent], new Dictionary<string, string?> { ["HOME"] = terminal._home });
            Assert.True(setup.ExitCode == 0, setup.ToString());

            // As after the first start: no choice of colours, and the folder is trusted.
            await File.WriteAllTextAsync(Path.Combine(terminal._home, ".claude.json"), JsonSerializer.Serialize(new
            {
                hasCompletedOnboarding = true,
                theme = "dark",
                projects = new Dictionary<string, object> { [work] = new { hasTrustDialogAccepted = true, hasCompletedProjectOnboarding = true } },
            }));
            await terminal.TmuxAsync(
                "new-session", "-d", "-s", "c", "-x", "150", "-y", "50",
                $"cd {work} && exec env -i PATH=\"$PATH\" TERM=xterm-256color LANG=C.UTF-8 HOME={terminal._home} IS_SANDBOX=1 CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 {Checkout.Claude}");
            await terminal.UntilAsync("❯");
            return terminal;
        }

        public async Task TypeAsync(string text)
        {
            await TmuxAsync("send-keys", "-t", "c", "-l", text);
            await UntilAsync(text);
            await PressAsync("Enter");
        }

        /// <summary>Presses Escape until a page that says so is gone: on a busy machine the first may come too early.</summary>
        public async Task LeaveAsync(string text)
        {
            for (var i = 0; i < 60; i++)
            {
                await PressAsync("Escape");
                await Task.Delay(1000);
                if (!(await TmuxAsync("capture-pane", "-p", "-t", "c")).Output.Contains(text, StringComparison.Ordinal))
                {
                    return;
                }
            }

            Assert.Fail($"The page that says \"{text}\" does not close.");
        }

        public Task PressAsync(string key) => TmuxAsync("send-keys", "-t", "c", key);

        /// <summary>The screen once it shows a text; fails with the screen when it does not within a minute.</summary>
        public async Task<string> UntilAsync(string text)
        {
            var screen = "";
            for (var i = 0; i < 240; i++)
            {
                // Lines that the terminal broke are one again.
                screen = (await TmuxAsync("capture-pane", "-p", "-J", "-t", "c")).Output;
                if (screen.Contains(text, StringComparison.Ordinal))
                {
                    return screen;
                }

                await Task.Delay(250);
            }

            Assert.Fail($"The terminal does not show \"{text}\":\n{screen}");
            return screen;
        }

        public async ValueTask DisposeAsync()
        {
            await TmuxAsync("kill-server");
            for (var i = 0; i < 20; i++)
            {
                try
                {
                    Directory.Delete(_home, recursive: true);
                    return;
                }
                catch (IOException)
                {
                    // It writes its state while it ends.
                    await Task.Delay(200);
                }
            }
        }

        private Task<CommandResult> TmuxAsync(params string[] arguments) => Command.RunAsync("tmux", ["-L", _server, .. arguments]);
    }
}
