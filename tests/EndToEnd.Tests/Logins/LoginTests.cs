using System.Diagnostics;
using System.Runtime.Versioning;
using EndToEnd.Tests.Faults;

namespace EndToEnd.Tests.Logins;

/// <summary>
/// Login as a person does it, in a real browser, at the embedded IdP and at two providers that nobody here wrote, through
/// the real control plane; and what time, rotated keys and an issuer that is away do to it.
/// </summary>
[SupportedOSPlatform("linux")]
public sealed class LoginTests(Browser browser) : IClassFixture<Browser>
{
    private static readonly TimeSpan LastHour = TimeSpan.FromHours(23.5);

    [SkippableFact]
    public async Task EmbeddedIdp_InChromium_LogsInAndConnects()
    {
        await using var plane = await LoginPlane.StartAsync(issuer: null);
        var created = await Command.RunAsync(Checkout.ControlPlane,
            ["user", "create", "ana@example.com", "--name", "Ana", "--group", "Engineering", "--password-stdin", "--state-dir", plane.StateDir], input: "correct horse battery");
        Assert.True(created.ExitCode == 0, created.ToString());
        await using var agent = plane.Agent();
        var heading = "";

        var up = await agent.UpAsync(async link => heading = await browser.VisitAsync(link, async page =>
        {
            await page.Locator("input[name=username]").FillAsync("ana@example.com");
            await page.Locator("input[name=password]").FillAsync("correct horse battery");
            await page.Keyboard.PressAsync("Enter");
            await page.WaitForURLAsync("http://127.0.0.1:*/callback*");
        }));

        Assert.True(up.ExitCode == 0, up + plane.Log);
        Assert.Equal("You are logged in", heading);
        Assert.Contains("Engineering", GroupsOf(await agent.StatusAsync()));
        await LogsOutAsync(plane, agent);
    }

    [SkippableTheory]
    [InlineData("glewlwyd")]
    [InlineData("oidc-provider")]
    public async Task OutsideIssuer_InChromium_LogsInWithItsGroups(string name)
    {
        using var issuer = await StartAsync(name);
        await using var plane = await LoginPlane.StartAsync(issuer.Issuer);
        await using var agent = plane.Agent();
        var heading = "";

        var up = await agent.UpAsync(async link => heading = await browser.VisitAsync(link, issuer.LogInAsync));
        var status = await agent.StatusAsync();

        Assert.True(up.ExitCode == 0, up + plane.Log);
        Assert.Equal("You are logged in", heading);
        Assert.Equal("connected", status.GetProperty("state").GetString());
        Assert.Equal("Ada Example", status.GetProperty("user_name").GetString(), ignoreCase: true);
        Assert.Contains("Engineering", GroupsOf(status));
        await LogsOutAsync(plane, agent, notRevokedAt: name == "glewlwyd" ? issuer.Issuer : "");
    }

    [SkippableFact]
    public async Task OutsideIssuer_SigningKeyChanged_TheNextLoginPasses()
    {
        using var issuer = await Glewlwyd.StartAsync();
        await using var plane = await LoginPlane.StartAsync(issuer.Issuer);
        await using var agent = plane.Agent();
        var first = await agent.UpAsync(link => browser.VisitAsync(link, issuer.LogInAsync));

        await issuer.RotateKeysAsync();
        var watch = Stopwatch.StartNew();
        var second = await agent.UpAsync(link => browser.VisitAsync(link, issuer.LogInAsync), "login");
        NetworkFaultTests.Report("signing keys changed, logged in with the browser", watch.Elapsed);

        Assert.True(first.ExitCode == 0, first + plane.Log);
        Assert.True(second.ExitCode == 0, second + plane.Log);
    }

    [SkippableTheory]
    [InlineData("glewlwyd")]
    [InlineData("oidc-provider")]
    public async Task OutsideIssuer_DeviceCodeEnteredInChromium_LogsInAndConnects(string name)
    {
        using var issuer = await StartAsync(name);
        await using var plane = await LoginPlane.StartAsync(issuer.Issuer);
        await using var agent = plane.Agent();

        var up = await agent.UpAsync(link => browser.VisitAsync(link, issuer.LetDeviceInAsync), "up", "--device-code");

        Assert.True(up.ExitCode == 0, up + plane.Log);
        Assert.Contains("Engineering", GroupsOf(await agent.StatusAsync()));
    }

    /// <summary>The second renewal is by a token that the first one brought: this issuer takes each token once.</summary>
    [SkippableFact]
    public async Task OutsideIssuer_RotatesRefreshTokens_LoginIsRenewedUnseenTwice()
    {
        using var clock = new FakeClock();
        using var issuer = await OidcProvider.StartAsync();
        await using var plane = await LoginPlane.StartAsync(issuer.Issuer);
        await using var agent = plane.Agent(clock.Environment);
        var up = await agent.UpAsync(link => browser.VisitAsync(link, issuer.LogInAsync));
        Assert.True(up.ExitCode == 0, up + plane.Log);

        // A login is for a day, and renewed in its last hour; the agent alone believes that it is that late.
        clock.Set(LastHour);
        await agent.UntilLogAsync("The login is renewed until", times: 1);
        clock.Set(TimeSpan.FromHours(23.95));
        await agent.UntilLogAsync("The login is renewed until", times: 2);

        Assert.Equal("connected", (await agent.StatusAsync()).GetProperty("state").GetString());
    }

    /// <summary>OpenID Connect Core section 12.2 lets an issuer refresh without a new ID token, as Glewlwyd does: then a person is asked in time.</summary>
    [SkippableFact]
    public async Task OutsideIssuer_RefreshesWithoutAnIdToken_SaysInTheLastHourWhatToDo()
    {
        using var clock = new FakeClock();
        using var issuer = await Glewlwyd.StartAsync();
        await using var plane = await LoginPlane.StartAsync(issuer.Issuer);
        await using var agent = plane.Agent(clock.Environment);
        var up = await agent.UpAsync(link => browser.VisitAsync(link, issuer.LogInAsync));
        Assert.True(up.ExitCode == 0, up + plane.Log);

        clock.Set(LastHour);
        await agent.UntilLogAsync("The login is not renewed", times: 1);
        var status = await agent.StatusAsync();

        Assert.Equal("connected", status.GetProperty("state").GetString());
        Assert.Matches("The login ends at .* and is not renewed by itself: .* renews no ID tokens. Run: netbird-agent login", status.GetProperty("reason").GetString()!);
    }

    [SkippableTheory]
    [InlineData("glewlwyd", -5)]
    [InlineData("glewlwyd", 5)]
    [InlineData("oidc-provider", -5)]
    [InlineData("oidc-provider", 5)]
    public async Task OutsideIssuer_ClocksFiveMinutesApart_LogsIn(string name, int minutes)
    {
        using var clock = new FakeClock();
        clock.Set(TimeSpan.FromMinutes(minutes));
        using var issuer = await StartAsync(name);
        await using var plane = await LoginPlane.StartAsync(issuer.Issuer, clock.Environment);
        await using var agent = plane.Agent();

        var up = await agent.UpAsync(link => browser.VisitAsync(link, issuer.LogInAsync));

        Assert.True(up.ExitCode == 0, up + plane.Log);
    }

    [SkippableFact]
    public async Task OutsideIssuer_DownForAWhile_SaysSo_AndTheNextLoginPasses()
    {
        using var issuer = await Glewlwyd.StartAsync();
        await using var plane = await LoginPlane.StartAsync(issuer.Issuer);
        await using var agent = plane.Agent();

        issuer.Stop();
        var watch = Stopwatch.StartNew();
        var during = await agent.UpAsync(_ => Task.CompletedTask);
        NetworkFaultTests.Report("issuer down at a login, said", watch.Elapsed);
        await issuer.RestartAsync();
        watch.Restart();
        var after = await agent.UpAsync(link => browser.VisitAsync(link, issuer.LogInAsync));
        NetworkFaultTests.Report("issuer back, logged in with the browser", watch.Elapsed);

        Assert.Equal(1, during.ExitCode);
        Assert.Contains(issuer.Issuer, during.Error, StringComparison.Ordinal);
        Assert.True(after.ExitCode == 0, after + plane.Log);
    }

    /// <summary>The account let the machine go, and the issuer confirmed the revocation, or there are words: Glewlwyd takes none from a client without a secret.</summary>
    private static async Task LogsOutAsync(LoginPlane plane, LoginAgent agent, string notRevokedAt = "")
    {
        Assert.Equal(1, await plane.PeersAsync());
        var logout = await agent.LogoutAsync();
        Assert.True(logout is { ExitCode: 0, Output: "Logged out.\n" }, logout.ToString());
        Assert.Equal(notRevokedAt.Length == 0 ? "" : $"The refresh token is deleted here and was not revoked at {notRevokedAt}: Unauthorized.\n", logout.Error);
        Assert.Equal(0, await plane.PeersAsync());
    }

    private static async Task<IIdentityProvider> StartAsync(string name)
        => name == "glewlwyd" ? await Glewlwyd.StartAsync() : await OidcProvider.StartAsync();

    private static string GroupsOf(System.Text.Json.JsonElement status) => status.GetProperty("group_names").GetRawText();
}
