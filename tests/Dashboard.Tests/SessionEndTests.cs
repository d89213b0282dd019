using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Dashboard.Tests;

/// <summary>A page that is open ends with its session: when the time of its cookie is over, and when it is signed out in another tab or with a copy of its cookie.</summary>
[Collection(InChromium.Name)]
public sealed class SessionEndTests(Chromium chromium)
{
    [SkippableFact]
    public async Task TimeOver_OpenPage_ShowsNothingMore_AndLeadsBack()
    {
        var time = new JumpingTime();
        await using var site = await Site.StartAsync(Company.Fill, time: time);
        await using var tab = await chromium.SignInAsync(site, Company.Owner);
        await tab.GoAsync("/budgets");
        await tab.Page.Locator(".counter").First.WaitForAsync();
        time.Jump(TimeSpan.FromHours(9.9));
        await tab.GoAsync("/budgets");
        await tab.Page.Locator(".counter").First.WaitForAsync();

        time.Jump(TimeSpan.FromHours(0.2));

        await SeesNothingAsync(tab);
        var found = new List<string>();
        await tab.LookAsync("signed-out-open", found);
        await tab.Page.SetViewportSizeAsync(390, 844);
        await tab.LookAsync("signed-out-open", found);
        Assert.Empty(found);
        await tab.LeaveAsync(() => tab.Button("Sign in again").ClickAsync());
        await tab.Page.Locator("h1").SeesAsync("Log in");
        await tab.Page.GetByLabel("E-mail").FillAsync(Company.Owner);
        await tab.Page.GetByLabel("Password").FillAsync(Company.Password);
        await tab.LeaveAsync(() => tab.Button("Log in").ClickAsync());
        await tab.Page.Locator(".counter").First.WaitForAsync();
        Assert.Equal("/budgets", new Uri(tab.Page.Url).AbsolutePath);
        Assert.Empty(tab.Complaints);
    }

    [SkippableFact]
    public async Task SignedOutInOneTab_OthersOfTheSession_ShowNothingMore_AndItsCookieIsOfNoUse()
    {
        await using var site = await Site.StartAsync(Company.Fill);
        await using var tab = await chromium.SignInAsync(site, Company.Owner);
        await using var stranger = await chromium.SignInAsync(site, Company.Auditor);
        await using var copied = await chromium.OpenAsync(site);
        await copied.Page.Context.AddCookiesAsync((await tab.Page.Context.CookiesAsync()).Where(one => one.Name.EndsWith("netbird", StringComparison.Ordinal)).Select(cookie => new Cookie
        {
            Name = cookie.Name, Value = cookie.Value, Domain = cookie.Domain, Path = cookie.Path,
        }));
        var second = await tab.Page.Context.NewPageAsync();
        second.SetDefaultTimeout(60_000);
        foreach (var page in (IPage[])[second, copied.Page, stranger.Page])
        {
            await page.GotoAsync("/budgets");
            await page.Locator(".counter").First.WaitForAsync();
        }

        await tab.Button("Account").ClickAsync();
        await tab.LeaveAsync(() => tab.Page.GetByText("Sign out").ClickAsync());

        await tab.Page.Locator("h1").SeesAsync("Signed out");
        await second.Locator("h1").SeesAsync("Log in"); // told by the tab, in this browser
        await SeesNothingAsync(copied); // told by the control plane
        await copied.LeaveAsync(() => copied.Button("Sign in again").ClickAsync());
        await copied.Page.Locator("h1").SeesAsync("Log in");
        await stranger.Page.Locator(".counter").First.WaitForAsync();
        await Expect(stranger.Page.Locator("h1")).ToHaveTextAsync("Budgets");
        Assert.Empty(tab.Complaints);
    }

    private static async Task SeesNothingAsync(Tab tab)
    {
        await tab.Page.Locator("h1").SeesAsync("You are signed out");
        await Expect(tab.Page.Locator(".counter")).ToHaveCountAsync(0);
        await Expect(tab.Button("Account")).ToHaveCountAsync(0);
        await Expect(tab.Page.Locator("nav.mud-navmenu a")).ToHaveTextAsync(["My usage"]);
    }
}
