using System.Net;
using System.Net.Http.Headers;
using Microsoft.Playwright;

namespace Dashboard.Tests;

/// <summary>What an administrator does now and then, in pages, and what REST then says of it.</summary>
[Collection(InChromium.Name)]
public sealed class AdministrationTests(Chromium chromium)
{
    [SkippableFact]
    public async Task Raise_GivenAndEndedInPages_IsWhatRestSays()
    {
        await using var site = await Site.StartAsync(Company.Fill);
        await using var tab = await chromium.SignInAsync(site, Company.Owner);
        await tab.GoAsync("/budgets");
        await tab.Page.GetByPlaceholder("Search").FillAsync(Company.Developer);
        await tab.Button($"Raise for a while: {Company.DeveloperName}, Engineering may use Claude Code").ClickAsync();
        await tab.Dialog().GetByLabel("USD more").FillAndLeaveAsync("12.5");
        await tab.Dialog().Locator("select").SelectOptionAsync("28800");
        await tab.Dialog().GetByLabel("Why").FillAndLeaveAsync("release week");
        await tab.Dialog().Button("Give it").Last.ClickAsync();
        await tab.ClosedAsync();

        await tab.Page.GetByLabel("Temporary raises").SeesAsync("$12.50 more for " + Company.DeveloperName);
        await tab.Page.GetByLabel("Temporary raises").SeesAsync("release week");
        await tab.Page.Locator(".counter", new() { HasText = "Engineering may use Claude Code" }).First.SeesAsync("of $172.50");
        var given = Assert.Single((await site.GetAsync("/api/agent-network/limit-raises")).EnumerateArray());
        Assert.Equal(12.5m, given.GetProperty("amount").GetDecimal());

        await tab.Page.GetByRole(AriaRole.Button, new() { NameRegex = new("^End the raise") }).ClickAsync();
        await tab.Page.GetByRole(AriaRole.Button, new() { NameRegex = new("^Yes, end the raise") }).ClickAsync();
        await Assertions.Expect(tab.Page.GetByLabel("Temporary raises")).ToHaveCountAsync(0, new() { Timeout = 60_000 });
        await tab.Page.Locator(".counter", new() { HasText = "Engineering may use Claude Code" }).First.SeesAsync("of $160.00");
        Assert.Empty(tab.Complaints);
    }

    [SkippableFact]
    public async Task BudgetRule_ThatWarnsOnly_IsMadeChangedAndDeleted()
    {
        await using var site = await Site.StartAsync(Company.Fill);
        await using var tab = await chromium.SignInAsync(site, Company.Owner);
        await tab.GoAsync("/budgets");
        await tab.Button("New budget rule").ClickAsync();
        await tab.Dialog().GetByLabel("Name").FillAndLeaveAsync("Platform watch");
        await tab.Dialog().GetByLabel("Platform").CheckAsync();
        await tab.Dialog().GetByLabel("Each group together, USD").FillAndLeaveAsync("300");
        await tab.Dialog().GetByLabel("When it is reached (money)").SelectOptionAsync(new SelectOptionValue { Label = "Warn only, refuse nobody" });
        await tab.Dialog().Button("Save").Last.ClickAsync();
        await tab.ClosedAsync();

        var panel = tab.Page.GetByLabel("Budget rules", new() { Exact = true });
        await panel.SeesAsync("Whatever policies allow, for Platform: Each group together up to $300.00 in any 30 days, beyond which there is a warning and no refusal.");
        await tab.Page.GetByPlaceholder("Search").Last.FillAsync("Platform watch");
        await tab.Page.Locator(".counter", new() { HasText = "Platform watch" }).First.SeesAsync("warns only");
        var rule = (await site.GetAsync("/api/agent-network/budget-rules")).EnumerateArray().Single(one => one.GetProperty("name").GetString() == "Platform watch");
        var money = rule.GetProperty("limits").GetProperty("budget_limit");
        Assert.Equal((300m, true, false), (money.GetProperty("group_cap_usd").GetDecimal(), money.GetProperty("soft").GetBoolean(), money.GetProperty("strict").GetBoolean()));

        await tab.Button("Change Platform watch").ClickAsync();
        await Assertions.Expect(tab.Dialog().GetByLabel("When it is reached (money)")).ToHaveValueAsync("WarnOnly");
        await tab.Dialog().GetByLabel("When it is reached (money)").SelectOptionAsync("NeverPassed");
        await tab.Dialog().Button("Save").Last.ClickAsync();
        await tab.ClosedAsync();
        await panel.SeesAsync("in any 30 days, never exceeded");

        await tab.Button("Change Platform watch").ClickAsync();
        await tab.Dialog().Button("Delete").ClickAsync();
        await tab.Dialog().Button("Yes, delete").ClickAsync();
        await tab.ClosedAsync();
        await Assertions.Expect(panel).Not.ToContainTextAsync("Platform watch", new() { Timeout = 60_000 });
        Assert.Empty(tab.Complaints);
    }

    [SkippableFact]
    public async Task SoftLimitOfAPolicy_ChosenInTheEditor_IsKeptWhenSomethingElseChanges()
    {
        await using var site = await Site.StartAsync(Company.Fill);
        await using var tab = await chromium.SignInAsync(site, Company.Owner);
        await tab.GoAsync("/policies");
        await tab.Button("Change Engineering may use Claude Code").ClickAsync();
        await tab.Dialog().GetByLabel("When it is reached (money)").SelectOptionAsync("WarnOnly");
        await tab.Dialog().Locator(".says").SeesAsync("beyond which there is a warning and no refusal");
        await tab.Dialog().Button("Save").Last.ClickAsync();
        await tab.ClosedAsync();
        await tab.Button("Change Engineering may use Claude Code").ClickAsync();
        await tab.Dialog().GetByLabel("Each person, USD").FillAndLeaveAsync("170");
        await tab.Dialog().Button("Save").Last.ClickAsync();
        await tab.ClosedAsync();

        var money = (await site.GetAsync($"/api/agent-network/policies/{Company.EngineeringPolicy.Value}")).GetProperty("limits").GetProperty("budget_limit");
        Assert.True(money.GetProperty("soft").GetBoolean());
        Assert.Equal(170m, money.GetProperty("user_cap_usd").GetDecimal());
    }

    [SkippableFact]
    public async Task Token_MadeInThePage_WorksUntilItIsRevokedThere()
    {
        await using var site = await Site.StartAsync(Company.Fill);
        await using var tab = await chromium.SignInAsync(site, Company.Owner);
        await tab.GoAsync("/tokens");
        await tab.Button("New token").ClickAsync();
        await tab.Dialog().Button("Create").Last.ClickAsync();
        await tab.Dialog().Locator("[role=alert]").First.SeesAsync("Name: This must not be empty.");
        await tab.Dialog().GetByLabel("Name").FillAndLeaveAsync("nightly report");
        await tab.Dialog().Button("Create").Last.ClickAsync();
        await tab.Dialog().SeesAsync("Shown this once");
        var secret = (await tab.Dialog().Locator("pre").InnerTextAsync()).Trim();
        await tab.Page.Keyboard.PressAsync("Escape");
        await tab.ClosedAsync();

        Assert.Equal(HttpStatusCode.OK, await CallAsync(site, secret));
        Assert.DoesNotContain(secret, await tab.Page.ContentAsync(), StringComparison.Ordinal);
        await tab.Button("Revoke nightly report").ClickAsync();
        await tab.Button("Yes, revoke nightly report").ClickAsync();
        await Assertions.Expect(tab.Button("Revoke nightly report")).ToHaveCountAsync(0, new() { Timeout = 60_000 });
        Assert.Equal(HttpStatusCode.Unauthorized, await CallAsync(site, secret));
    }

    [SkippableFact]
    public async Task ForgottenPasswordAndLostApp_AreMendedInThePage_AndAServiceUserIsMadeThere()
    {
        await using var site = await Site.StartAsync((draft, now) =>
        {
            Company.Fill(draft, now);
            var ana = draft.Users[Company.Developers[0].Id];
            draft.Users.Put(ana with { Credential = ana.Credential! with { SealedTotpSecret = "sealed", FailedAttempts = 9, LockedUntil = now.AddHours(1) } });
            return true;
        });
        await using var tab = await chromium.SignInAsync(site, Company.Owner);
        await tab.GoAsync("/people?search=ana.m");
        await tab.Button("Change " + Company.DeveloperName).ClickAsync();
        await tab.Dialog().GetByLabel("Asked for an authenticator app's code").UncheckAsync();
        await tab.Dialog().Button("Save").Last.ClickAsync();
        await tab.ClosedAsync();
        Assert.Null(site.Store.Current.Users[Company.Developers[0].Id].Credential!.SealedTotpSecret);

        await tab.Button("Change " + Company.DeveloperName).ClickAsync();
        await Assertions.Expect(tab.Dialog().GetByLabel("Asked for an authenticator app's code")).ToHaveCountAsync(0);
        await tab.Dialog().Button("New password").DblClickAsync(); // the second of it is the way out
        await tab.Dialog().Button("New password").ClickAsync();
        await tab.Dialog().Button("Yes, a new password").ClickAsync();
        await tab.Dialog().SeesAsync("First password of " + Company.Developer);
        var password = (await tab.Dialog().Locator("pre").InnerTextAsync()).Trim();
        await tab.Page.Keyboard.PressAsync("Escape");
        await tab.ClosedAsync();
        await using var ana = await chromium.OpenAsync(site);
        await ana.LogInAsync(Company.Developer);
        await ana.Page.GetByRole(AriaRole.Alert).SeesAsync("wrong");
        await ana.LogInAsync(Company.Developer, password);
        await ana.Page.Locator("h1").SeesAsync("Choose a new password");

        await tab.GoAsync("/people");
        await tab.Button("New person").ClickAsync();
        await tab.Dialog().Button("A service user").ClickAsync();
        await tab.Dialog().GetByLabel("Name").FillAndLeaveAsync("Nightly build");
        await tab.Dialog().GetByLabel("Platform").CheckAsync();
        await tab.Dialog().Button("Save").Last.ClickAsync();
        await tab.ClosedAsync();
        var robot = site.Store.Current.Users.Values.Single(user => user.Name == "Nightly build");
        Assert.True(robot.IsServiceUser);
        Assert.Equal([Company.Groups[1]], robot.AutoGroups);
        Assert.Empty(tab.Complaints);
    }

    private static async Task<HttpStatusCode> CallAsync(Site site, string secret)
    {
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(site.Url, "/api/groups"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Token", secret);
        using var response = await client.SendAsync(request);
        return response.StatusCode;
    }
}
