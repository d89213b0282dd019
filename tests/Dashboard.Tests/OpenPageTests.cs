using Microsoft.Playwright;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Users;
using static Microsoft.Playwright.Assertions;

namespace Dashboard.Tests;

/// <summary>A page that stays open: while the control plane is away and after, while its viewer's role changes, and when it is loaded anew.</summary>
[Collection(InChromium.Name)]
public sealed class OpenPageTests(Chromium chromium)
{
    [SkippableFact]
    public async Task RoleTakenAndPersonDisabled_OpenPage_ShowsNothingMore()
    {
        await using var site = await Site.StartAsync(Company.Fill);
        await using var tab = await chromium.SignInAsync(site, Company.Auditor);
        await tab.GoAsync("/budgets");
        await tab.Page.Locator(".counter").First.WaitForAsync();
        await ChangeAsync(site, user => user with { Role = Role.User });
        await tab.Page.Locator("h1").SeesAsync("Not for you");
        await Expect(tab.Page.Locator(".counter")).ToHaveCountAsync(0, new() { Timeout = 60_000 });
        Assert.Equal(["My usage"], await tab.Page.Locator("nav.mud-navmenu a").AllInnerTextsAsync());

        await tab.Page.GetByText("My usage").First.ClickAsync();
        await tab.Page.Locator(".cards").WaitForAsync();
        await ChangeAsync(site, user => user with { Status = UserStatus.Disabled });
        await tab.Page.Locator("h1").SeesAsync("Not for you");
        await Expect(tab.Page.Locator(".cards")).ToHaveCountAsync(0, new() { Timeout = 60_000 });
        Assert.Empty(tab.Complaints);
    }

    [SkippableFact]
    public async Task WhatIsChosen_StaysAfterAReload_AndOnTheWayBack()
    {
        await using var tab = await chromium.SignInAsync(chromium.Acme, Company.Owner);
        await tab.Page.GetByLabel("Range").SelectOptionAsync("Last 7 days");
        await tab.Button("Tokens").ClickAsync();
        await tab.Button("Models").ClickAsync();
        await tab.Page.Locator("h2", new() { HasText = "Tokens over time" }).WaitForAsync();
        await KeptAsync("by=Models");
        await tab.Page.ReloadAsync();
        await tab.ReadyAsync();
        await tab.Page.Locator("h2", new() { HasText = "Tokens over time" }).WaitForAsync();
        Assert.Equal("true", await tab.Button("Models").GetAttributeAsync("aria-pressed"));
        await Expect(tab.Page.GetByLabel("Range")).ToHaveValueAsync("Last 7 days");

        await tab.GoAsync("/usage?range=Last%2030%20days");
        await tab.Page.GetByLabel("Person", new() { Exact = true }).FillAndLeaveAsync(Company.DeveloperName);
        await tab.Choice("Decision").SelectOptionAsync("allowed");
        await tab.Button("Sessions").ClickAsync();
        await KeptAsync("view=sessions");
        await tab.Page.Locator("table.grid tbody tr a.link").First.ClickAsync();
        await tab.Page.Locator(".turns").WaitForAsync();
        await tab.Page.GoBackAsync();
        await tab.Page.Locator("h1").SeesAsync("Usage");
        await tab.ReadyAsync();
        await Expect(tab.Page.GetByLabel("Person", new() { Exact = true })).ToHaveValueAsync(Company.DeveloperName);
        await Expect(tab.Choice("Decision")).ToHaveValueAsync("allowed");
        Assert.Equal("true", await tab.Button("Sessions").GetAttributeAsync("aria-pressed"));

        // This page chosen again in the menu is this page from the start.
        await tab.Page.Locator("nav.mud-navmenu a", new() { HasText = "Usage" }).First.ClickAsync();
        await Expect(tab.Page.GetByLabel("Person", new() { Exact = true })).ToHaveValueAsync("");

        foreach (var path in (string[])["/people", "/groups", "/peers", "/audit", "/budgets"])
        {
            await tab.GoAsync(path);
            await tab.Page.Locator("input[type=search]").FillAsync("an");
            await KeptAsync("search=an");
            await tab.Page.ReloadAsync();
            await tab.ReadyAsync();
            await Expect(tab.Page.Locator("input[type=search]")).ToHaveValueAsync("an");
        }

        Assert.Empty(tab.Complaints);

        Task KeptAsync(string part) => tab.Page.WaitForFunctionAsync("part => location.search.includes(part)", part);
    }

    [SkippableFact]
    public async Task ControlPlaneRestarted_OpenPage_SaysSoCalmly_AndIsBackByItself()
    {
        var state = Directory.CreateTempSubdirectory("netbird-restarted-").FullName;
        try
        {
            int port;
            Tab tab;
            await using (var site = await Site.StartAsync(Company.Fill, state: state))
            {
                port = site.Url.Port;
                tab = await chromium.SignInAsync(site, Company.Owner);
                await tab.GoAsync("/people?search=ana");
            }

            await using (tab)
            {
                await tab.Page.Locator(".lost").First.SeesAsync("The connection to the control plane is lost. It is tried again by itself.");
                await Expect(tab.Page.Locator(".lost").First).ToBeVisibleAsync();
                await tab.Page.Locator("table.grid").SeesAsync("Ana Moreira"); // to be read meanwhile
                var found = new List<string>();
                found.AddRange(await tab.FaultsAsync());
                await tab.ShootAsync("lost-1440-light", whole: false);
                Assert.Empty(found);

                await using var again = await Site.StartAsync(state: state, port: port);
                await Expect(tab.Page.Locator(".lost").First).ToBeHiddenAsync(new() { Timeout = 90_000 });
                await tab.ReadyAsync();
                await Expect(tab.Page.Locator("input[type=search]")).ToHaveValueAsync("ana");
                await tab.Page.Locator("input[type=search]").FillAsync("björn");
                await tab.Page.Locator("table.grid").SeesAsync("Björn Lindqvist");
            }
        }
        finally
        {
            Directory.Delete(state, recursive: true);
        }
    }

    private static Task ChangeAsync(Site site, Func<User, User> change) => site.Store.CommitAsync(
        Actor.System,
        draft =>
        {
            draft.Users.Put(change(draft.Users[new("audrey")]));
            return true;
        },
        default);
}
