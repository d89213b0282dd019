using Microsoft.Playwright;
using NetBird.ControlPlane.Users;

namespace Dashboard.Tests;

/// <summary>
/// What pages show at some times only (one session, what is made and shown once, nothing yet, what cannot be read as an address or a
/// field says it), on a desk and on a phone, in both colours.
/// </summary>
[Collection(InChromium.Name)]
public sealed class StateTests(Chromium chromium)
{
    [SkippableTheory]
    [InlineData(1440)]
    [InlineData(390)]
    public async Task SessionOwnPageAndFaultyInput_HaveNoFault(int width)
    {
        var found = new List<string>();
        var sessions = (await chromium.Acme.GetAsync("/api/agent-network/access-log-sessions?page_size=200")).GetProperty("data").EnumerateArray();
        var session = sessions.First(one => one.GetProperty("turns").GetInt64() is > 6 and < 14);
        await using var tab = await chromium.SignInAsync(chromium.Acme, Company.Owner, width);
        await tab.GoAsync($"/session?id={session.GetProperty("session_id").GetString()}");
        await tab.Page.Locator(".turns").WaitForAsync();
        await tab.LookAsync("session", found);
        await tab.GoAsync("/session?id=none");
        await tab.Page.Locator(".empty").SeesAsync("No such session");
        await tab.LookAsync("session-none", found);
        await tab.GoAsync($"/policies?person={Company.Developers[0].Id.Value}");
        await tab.Page.GetByLabel("What may somebody do").SeesAsync("May use");
        await tab.LookAsync("policies-person", found);

        await tab.GoAsync("/usage?range=Last%2030%20days&view=sessions");
        await tab.Page.Locator("table.grid tbody tr").First.WaitForAsync();
        await tab.LookAsync("sessions", found);
        await tab.GoAsync("/usage");
        await tab.Choice("Range").SelectOptionAsync("Custom");
        await tab.Page.GetByLabel("From", new() { Exact = true }).FillAsync("2099-01-01");
        await tab.Page.GetByRole(AriaRole.Alert).First.SeesAsync("The first day is after the last.");
        await tab.Page.GetByLabel("Time zone").FillAndLeaveAsync("Berlin");
        await tab.Page.GetByText("No such zone. Choose one, such as Europe/Berlin.").WaitForAsync();
        await tab.LookAsync("usage-faulty", found, whole: false);
        await tab.Page.EvaluateAsync("() => Blazor.navigateTo('/nowhere')");
        await tab.Page.Locator("h1").SeesAsync("There is no such page");
        await tab.LookAsync("no-page", found);
        Assert.Empty(tab.Complaints);

        await using var own = await chromium.OpenAsync(chromium.Acme, width);
        await own.LogInAsync(Company.Developer, path: "/my-usage");
        await own.Page.Locator("table.grid tbody tr").First.WaitForAsync();
        await own.LookAsync("my-usage-own", found);
        await own.Page.EvaluateAsync("() => Blazor.navigateTo('/people')");
        await own.Page.Locator("h1").SeesAsync("Not for you");
        await own.LookAsync("not-for-you", found);
        Assert.Empty(found);
    }

    [SkippableTheory]
    [InlineData(1440)]
    [InlineData(390)]
    public async Task WhatIsShownOnce_HasNoFault(int width)
    {
        await using var site = await Site.StartAsync(Company.Fill);
        foreach (var (name, days) in ((string, int)[])[("CI of the payments team", 30), ("Build machines", 7)])
        {
            await site.PostAsync("/api/setup-keys", new { name, type = "reusable", expires_in = days * 86400, usage_limit = days == 7 ? 0 : 40, auto_groups = Company.Groups.Take(2).Select(id => id.Value) });
        }

        var found = new List<string>();
        await using var tab = await chromium.SignInAsync(site, Company.Owner, width);
        (string Name, string Path, string Open, string Field, string Save)[] made =
        [
            ("setup-key", "/setup-keys", "New setup key", "Name", "Create"), ("token", "/tokens", "New token", "Name", "Create"),
            ("person", "/people", "New person", "E-mail", "Save"),
        ];
        foreach (var (name, path, open, field, save) in made)
        {
            await tab.GoAsync(path);
            await tab.Button(open).ClickAsync();
            await tab.Dialog().GetByLabel(field).FillAndLeaveAsync(name == "person" ? "nina@acme.example" : "Nightly report");
            await tab.Dialog().Button(save).Last.ClickAsync();
            await tab.Dialog().SeesAsync("Shown this once");
            await tab.LookAsync(name + "-made", found, whole: false);
            await tab.Page.Keyboard.PressAsync("Escape");
            await tab.ClosedAsync();
        }

        foreach (var path in (string[])["/setup-keys", "/tokens"])
        {
            await tab.GoAsync(path);
            await tab.Button("Revoke Nightly report").ClickAsync();
            await tab.Button("Yes, revoke Nightly report").WaitForAsync();
            await tab.LookAsync(path[1..] + "-sure", found, whole: false);
        }

        await tab.GoAsync("/budgets?search=Ana");
        await tab.Page.GetByRole(AriaRole.Button, new() { NameRegex = new("^Raise for a while") }).First.ClickAsync();
        await tab.Dialog().GetByLabel("Why").FillAndLeaveAsync("Release week");
        await tab.Dialog().Button("Give it").Last.ClickAsync();
        await tab.ClosedAsync();
        await tab.Page.GetByRole(AriaRole.Button, new() { NameRegex = new("^End the raise") }).ClickAsync();
        await tab.Page.GetByRole(AriaRole.Button, new() { NameRegex = new("^Yes, end") }).WaitForAsync();
        await tab.LookAsync("raise-sure", found, whole: false);
        Assert.Empty(found);
        Assert.Empty(tab.Complaints);
    }

    [SkippableTheory]
    [InlineData(1440)]
    [InlineData(390)]
    public async Task NothingYet_HasNoFault(int width)
    {
        await using var site = await Site.StartAsync((draft, now) =>
        {
            draft.Users.Put(Company.Person(new("olga"), Company.Owner, "Olga Owner", PasswordHashing.Hash(Company.Password), now) with { Role = Role.Owner });
            return true;
        });
        var found = new List<string>();
        await using var tab = await chromium.SignInAsync(site, Company.Owner, width);
        await tab.Page.Locator(".steps").SeesAsync("Connect a provider");
        await tab.LookAsync("guide", found);
        foreach (var path in (string[])["/usage", "/budgets", "/policies", "/providers", "/peers", "/my-usage"])
        {
            await tab.GoAsync(path);
            await tab.LookAsync("empty-" + path[1..], found);
        }

        await site.PostAsync("/api/agent-network/providers", new { provider_id = "sample", name = "Sample", enabled = true });
        await tab.GoAsync("/");
        await tab.Page.Locator(".panel-head").First.SeesAsync("1 of 4 done");
        await tab.LookAsync("guide-begun", found);
        Assert.Empty(found);
        Assert.Empty(tab.Complaints);
    }
}
