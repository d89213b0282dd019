using System.Diagnostics;
using System.Globalization;
using System.Net;
using Grpc.Core;
using NetBird.Agent.Tests.TestSupport;

namespace NetBird.Agent.Tests;

/// <summary>Logins that end, by the clock, an administrator or an issuer that is away: each is renewed unseen, or says what to do.</summary>
public sealed class LoginFaultTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(20);

    [SkippableFact]
    public async Task PeerDeleted_SaysLogin_AndALoginMendsIt()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        using var client = world.Client();

        world.Plane.Peers.Clear();
        world.Plane.Refusal = new Status(StatusCode.NotFound, "This machine was removed from the account.");
        world.Plane.Push();
        FaultTable.Report("peer deleted, seen", await world.Agent.UntilStateAsync("login_needed", Soon));
        using var refused = await client.GetAsync("/v1/models");
        var text = await refused.Content.ReadAsStringAsync();
        var status = await world.Agent.RunAsync("status");
        world.Plane.Refusal = null;
        var watch = Stopwatch.StartNew();
        var up = await world.UpAsync();
        FaultTable.Report("peer deleted, connected by a new login", watch.Elapsed);

        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        Assert.Contains("removed from the account. Run: netbird-agent login", text, StringComparison.Ordinal);
        Assert.Equal(4, status.ExitCode);
        Assert.True(up.ExitCode == 0, up.ToString());
    }

    [SkippableFact]
    public async Task PersonDisabled_ThenEnabled_ReturnsByItself()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        using var client = world.Client();

        world.Plane.Refusal = new Status(StatusCode.PermissionDenied, "Your account is disabled.");
        world.Plane.Push();
        await world.Agent.UntilStateAsync("login_needed", Soon);
        using var refused = await client.GetAsync("/v1/models");
        world.Plane.Refusal = null;
        world.Plane.Push();
        FaultTable.Report("person enabled again", await world.Agent.UntilStateAsync("connected", TimeSpan.FromSeconds(30)));

        Assert.Contains("Your account is disabled.", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task LoginRunsOut_RefreshTokenRenewsItUnseen()
    {
        using var idp = await OidcProvider.StartAsync();
        await using var world = await AgentWorld.StartAsync(issuer: idp.Issuer);
        world.Plane.LoginLifetime = TimeSpan.FromSeconds(10);
        await LogInAsync(world);

        await Task.Delay(TimeSpan.FromSeconds(14));
        var status = await world.Agent.StatusAsync();

        Assert.True(world.Plane.Renewals >= 1, world.Agent.ReadLog());
        Assert.Equal("connected", status.GetProperty("state").GetString());
    }

    /// <summary>
    /// The provider keeps its tokens in memory: started again it has never heard of ours, which is what an expired or
    /// revoked refresh token looks like.
    /// </summary>
    [SkippableFact]
    public async Task LoginRunsOut_RefreshTokenDead_AsksForALogin()
    {
        using var idp = await OidcProvider.StartAsync();
        await using var world = await AgentWorld.StartAsync(issuer: idp.Issuer);
        world.Plane.LoginLifetime = TimeSpan.FromSeconds(6);
        await LogInAsync(world);
        idp.Stop();
        await idp.RestartAsync();

        while (DateTimeOffset.UtcNow < world.Plane.LoginExpiresAt)
        {
            await Task.Delay(50);
        }

        FaultTable.Report("refresh token dead, the login ends, said so", await world.Agent.UntilStateAsync("login_needed", Soon));
        using var client = world.Client();
        var refused = await (await client.GetAsync("/v1/models")).Content.ReadAsStringAsync();
        world.Plane.LoginLifetime = TimeSpan.FromHours(1);
        await LogInAsync(world);

        Assert.Contains("Run: netbird-agent login", refused, StringComparison.Ordinal);
        Assert.Equal("hello", await client.GetStringAsync("/v1/models"));
    }

    [SkippableFact]
    public async Task LoginRunsOut_IssuerDown_SaysSo_AndIsRenewedWhenItIsBack()
    {
        using var idp = await OidcProvider.StartAsync();
        await using var world = await AgentWorld.StartAsync(issuer: idp.Issuer);
        world.Plane.LoginLifetime = TimeSpan.FromSeconds(6);
        await LogInAsync(world);
        idp.Suspend();
        using var client = world.Client();
        await world.Agent.UntilStateAsync("login_needed", TimeSpan.FromSeconds(60));
        world.Plane.LoginLifetime = TimeSpan.FromHours(1);

        var watch = Stopwatch.StartNew();
        var refused = await (await client.GetAsync("/v1/models")).Content.ReadAsStringAsync();
        FaultTable.Report("issuer down, a request meanwhile", watch.Elapsed);
        var said = await UntilReasonSaysAsync(world.Agent, "tried again by itself");
        idp.Continue();
        FaultTable.Report("issuer down past the end of the login, connected after it is back", await world.Agent.UntilStateAsync("connected", TimeSpan.FromSeconds(60)));

        Assert.Contains("ended", refused, StringComparison.Ordinal);
        Assert.Contains(idp.Issuer, said, StringComparison.Ordinal);
        Assert.Equal("hello", await client.GetStringAsync("/v1/models"));
    }

    [SkippableFact]
    public async Task LoginRunsOut_IssuerDownThenWithoutOurRefreshToken_AsksForALogin()
    {
        using var idp = await OidcProvider.StartAsync();
        await using var world = await AgentWorld.StartAsync(issuer: idp.Issuer);
        world.Plane.LoginLifetime = TimeSpan.FromSeconds(8);
        await LogInAsync(world);

        idp.Stop();
        await UntilReasonSaysAsync(world.Agent, "tried again by itself");
        await idp.RestartAsync();
        FaultTable.Report("issuer back without our refresh token, said so", await UntilReasonSaysNoMoreAsync(world.Agent, "tried again by itself"));
        var status = await world.Agent.StatusAsync();

        Assert.Equal("login_needed", status.GetProperty("state").GetString());
        Assert.Contains("Run: netbird-agent login", status.GetProperty("reason").GetString(), StringComparison.Ordinal);
    }

    /// <summary>An issuer that gives no refresh token: nothing can renew the login, and whoever works is told in time.</summary>
    [SkippableFact]
    public async Task LoginWithoutARefreshToken_IsWarnedOfInItsLastHour()
    {
        using var idp = await OidcProvider.StartAsync();
        await using var world = await AgentWorld.StartAsync(issuer: idp.Issuer);
        world.Plane.Scope = "openid profile email groups";
        world.Plane.LoginLifetime = TimeSpan.FromHours(2);
        await LogInAsync(world);
        var early = await world.Agent.StatusAsync();

        world.Plane.LoginLifetime = TimeSpan.FromMinutes(50);
        await LogInAsync(world, "login");
        var watch = Stopwatch.StartNew();
        var late = await world.Agent.RunAsync("status");
        FaultTable.Report("no refresh token, said by the status after the login", watch.Elapsed);
        var line = await world.Agent.RunAsync("statusline");

        Assert.Equal("", early.GetProperty("reason").GetString());
        Assert.Equal(0, late.ExitCode);
        Assert.Matches("The login ends at [0-9:]+ and is not renewed by itself: .* gave no refresh token. Run: netbird-agent login", late.Output);
        Assert.Matches("login ends at [0-9:]+, run: netbird-agent login", line.Output);
    }

    private static async Task<string> UntilReasonSaysAsync(AgentProcess agent, string words)
    {
        var last = "";
        for (var watch = Stopwatch.StartNew(); watch.Elapsed < TimeSpan.FromSeconds(60);)
        {
            last = (await agent.StatusAsync()).GetProperty("reason").GetString()!;
            if (last.Contains(words, StringComparison.Ordinal))
            {
                return last;
            }

            await Task.Delay(100);
        }

        throw new TimeoutException($"The status does not say '{words}' but '{last}'.\n{agent.ReadLog()}");
    }

    private static async Task<TimeSpan> UntilReasonSaysNoMoreAsync(AgentProcess agent, string words)
    {
        var watch = Stopwatch.StartNew();
        while ((await agent.StatusAsync()).GetProperty("reason").GetString()!.Contains(words, StringComparison.Ordinal))
        {
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(60), agent.ReadLog());
            await Task.Delay(50);
        }

        return watch.Elapsed;
    }

    /// <summary>The issuer has put a new refresh token in the old one's place, and its answer is on its way when the agent is told to end.</summary>
    [SkippableFact]
    public async Task Renewal_UnderWayAtTheEnd_KeepsTheOnlyRefreshTokenThereIs()
    {
        using var idp = await OidcProvider.StartAsync();
        await using var world = await AgentWorld.StartAsync(issuer: idp.Issuer);
        world.Plane.LoginLifetime = TimeSpan.FromSeconds(10);
        await LogInAsync(world);
        idp.HoldTokens();
        await idp.TokensAreHeldAsync();

        var down = world.Agent.RunAsync("down");
        await Task.Delay(700);
        idp.LetTokensGo();
        Assert.True((await down).ExitCode == 0, (await down).ToString());
        var before = world.Plane.Renewals;
        await world.Agent.RunAsync("up");

        for (var watch = Stopwatch.StartNew(); world.Plane.Renewals <= before; await Task.Delay(100))
        {
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(40), world.Agent.ReadLog());
        }
    }

    /// <summary>Whoever logs out is logged out, whatever was on its way for the login before.</summary>
    [SkippableFact]
    public async Task Renewal_UnderWayAtALogout_BringsNobodyBack()
    {
        using var idp = await OidcProvider.StartAsync();
        await using var world = await AgentWorld.StartAsync(issuer: idp.Issuer);
        world.Plane.LoginLifetime = TimeSpan.FromSeconds(10);
        var (reached, goOn) = (new TaskCompletionSource(), new TaskCompletionSource());
        await LogInAsync(world);
        world.Plane.Renewed = () =>
        {
            reached.TrySetResult();
            return goOn.Task;
        };
        await reached.Task.WaitAsync(TimeSpan.FromSeconds(60));

        var logout = await world.Agent.RunAsync("logout");
        goOn.SetResult();
        await Task.Delay(1000);

        Assert.True(logout.ExitCode == 0, logout.ToString());
        Assert.Equal("logged_out", (await world.Agent.StatusAsync()).GetProperty("state").GetString());
        var kept = await File.ReadAllBytesAsync(Path.Combine(world.Agent.StateDir, "agent.db"));
        Assert.DoesNotContain("peer-1", System.Text.Encoding.Latin1.GetString(kept), StringComparison.Ordinal);
    }

    internal static async Task LogInAsync(AgentWorld world, string command = "up")
    {
        var up = world.Agent.Start(command, "--no-browser", "--management-url", world.Plane.Url);
        var said = new List<string>();
        while (await up.StandardError.ReadLineAsync() is { } line)
        {
            said.Add(line);
            if (line.StartsWith("http", StringComparison.Ordinal))
            {
                await OidcProvider.WalkAsync(line, "ada");
                break;
            }
        }

        var outcome = await AgentProcess.EndAsync(up, TimeSpan.FromSeconds(30));
        Assert.True(outcome.ExitCode == 0, string.Join('\n', said) + outcome);
    }
}
