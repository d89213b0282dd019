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
        await Expect(tab.Page.Locator("nav.mud-navmenu a")).ToHaveTextAsync(["My usage"]);

        await tab.Page.GetByText("My usage").First.ClickAsync();
        await tab.Page.Locator(".cards").WaitForAsync();
        await ChangeAsync(site, user => user with { Status = UserStatus.Disabled });
        await tab.Page.Locator("h1").SeesAsync("You are signed out");
        await Expect(tab.Page.Locator(".cards")).ToHaveCountAsync(0, new() { Timeout = 60_000 });
        Assert.Empty(tab.Complaints);
    }

    [SkippableFact]
    public async Task WhatIsChosen_StaysAfterAReload_AndOnTheWayBack()
    {
        await using var tab = await chromium.SignInAsync(chromium.Acme, Company.Owner);
        await tab.Page.GetByLabel("Range").SelectOptionAsync("Last 7 days");
        await tab.ChooseAsync("Tokens");
        await tab.ChooseAsync("Models");
        await tab.Page.Locator("h2", new() { HasText = "Tokens over time" }).WaitForAsync();
        await tab.KeptAsync("by=Models");
        await tab.Page.ReloadAsync();
        await tab.ReadyAsync();
        await tab.Page.Locator("h2", new() { HasText = "Tokens over time" }).WaitForAsync();
        await Expect(tab.Button("Models")).ToHaveAttributeAsync("aria-pressed", "true");
        await Expect(tab.Page.GetByLabel("Range")).ToHaveValueAsync("Last 7 days");

        await tab.GoAsync("/usage?range=Last%2030%20days");
        await tab.Page.GetByLabel("Person", new() { Exact = true }).FillAndLeaveAsync(Company.DeveloperName);
        await tab.Choice("Decision").SelectOptionAsync("allowed");
        await tab.KeptAsync("decision=allowed");
        await tab.ChooseAsync("Sessions");
        await tab.KeptAsync("view=sessions");
        await tab.Page.Locator("table.grid tbody tr a.link").First.ClickAsync();
        await tab.Page.Locator(".turns").WaitForAsync();
        await tab.Page.GoBackAsync();
        await tab.Page.Locator("h1").SeesAsync("Usage");
        await tab.ReadyAsync();
        await Expect(tab.Page.GetByLabel("Person", new() { Exact = true })).ToHaveValueAsync(Company.DeveloperName);
        await Expect(tab.Choice("Decision")).ToHaveValueAsync("allowed");
        await Expect(tab.Button("Sessions")).ToHaveAttributeAsync("aria-pressed", "true");

        // This page chosen again in the menu is this page from the start.
        await tab.Page.Locator("nav.mud-navmenu a", new() { HasText = "Usage" }).First.ClickAsync();
        await Expect(tab.Page.GetByLabel("Person", new() { Exact = true })).ToHaveValueAsync("");

        foreach (var path in (string[])["/people", "/groups", "/peers", "/audit", "/budgets"])
        {
            await tab.GoAsync(path);
            await tab.Page.Locator("input[type=search]").FillAsync("an");
            await tab.KeptAsync("search=an");
            await tab.Page.ReloadAsync();
            await tab.ReadyAsync();
            await Expect(tab.Page.Locator("input[type=search]")).ToHaveValueAsync("an");
        }

        Assert.Empty(tab.Complaints);
    }

    [SkippableFact]
    public async Task PageOfAList_AndItsOrder_StayAfterAReload_OnTheWayBack_AndInALink()
    {
        await using var tab = await chromium.SignInAsync(chromium.Acme, Company.Owner);
        await tab.GoAsync("/people");
        await tab.Button("Next page").ClickAsync();
        await tab.KeptAsync("page=2");
        await tab.Page.Locator(".pager").SeesAsync("26–");
        var second = await tab.Page.Locator("table.grid tbody tr").First.InnerTextAsync();
        await tab.Page.ReloadAsync();
        await tab.Page.Locator(".pager").SeesAsync("26–");
        Assert.Equal(second, await tab.Page.Locator("table.grid tbody tr").First.InnerTextAsync());

        // A link from when there were more leads to the last there is; a search starts at its first.
        await tab.GoAsync("/people?page=99&search=acme");
        await tab.Page.Locator(".pager").SeesAsync("26–");
        await tab.Page.Locator("input[type=search]").FillAsync("an");
        await tab.Page.Locator(".pager").SeesAsync("1–");
        Assert.DoesNotContain("page=", tab.Page.Url, StringComparison.Ordinal);

        await tab.GoAsync("/usage?range=Last%2030%20days&view=sessions");
        await tab.Button("Next page").ClickAsync();
        await tab.KeptAsync("page=2");
        await tab.Page.Locator(".pager").SeesAsync("26–");
        await tab.Page.Locator("table.grid tbody tr a.link").First.ClickAsync();
        await tab.Page.Locator(".turns").WaitForAsync();
        await tab.Page.GoBackAsync();
        await tab.Page.Locator(".pager").SeesAsync("26–");
        await Expect(tab.Button("Sessions")).ToHaveAttributeAsync("aria-pressed", "true");
        await tab.ChooseAsync("Requests");
        await tab.Page.Locator(".pager").SeesAsync("1–50");

        await tab.GoAsync("/?range=Last%2030%20days");
        await tab.Button("Requests", exact: true).Last.ClickAsync(); // the column
        await tab.KeptAsync("sort=Requests");
        await tab.Button("Next page").ClickAsync();
        await tab.KeptAsync("page=2");
        await tab.Page.ReloadAsync();
        await tab.Page.Locator(".pager").SeesAsync("13–");
        await Expect(tab.Page.Locator("th[aria-sort=descending]")).ToContainTextAsync("Requests");
        await tab.ChooseAsync("Models");
        await tab.Page.Locator(".pager").SeesAsync("1–");
        await Expect(tab.Page.Locator("th[aria-sort=descending]")).ToContainTextAsync("Requests");
        Assert.Empty(tab.Complaints);
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
                foreach (var width in (int[])[1440, 390])
                {
                    await tab.Page.SetViewportSizeAsync(width, 844);
                    await tab.ShootAsync($"lost-{width}-light", whole: false);
                    Assert.Empty((await tab.FaultsAsync()).Concat(await tab.CutTextAsync()));
                }

                await tab.Page.SetViewportSizeAsync(1440, 900);

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
