using FakeAnthropic;
using Microsoft.Playwright;

namespace Dashboard.Tests;

/// <summary>Providers, machines, setup keys and settings kept in order by pages, and what REST and the audit log then say.</summary>
[Collection(InChromium.Name)]
public sealed class UpkeepTests(Chromium chromium)
{
    [SkippableFact]
    public async Task Provider_WhoseKeyIsRefused_IsSaid_UntilItHasAnother_BesideModelsAndPrices()
    {
        var upstreamOptions = new FakeUpstreamOptions();
        upstreamOptions.Keys.Add("sk-ant-right-" + Guid.NewGuid().ToString("N"));
        await using var upstream = await FakeUpstream.StartAsync(upstreamOptions);
        await using var site = await Site.StartAsync(Company.Fill);
        var model = new { id = "claude-opus-5-5", input_per_1k = 0.0035m, output_per_1k = 0.0175m };
        await site.PostAsync("/api/agent-network/providers", new { provider_id = "anthropic_compatible", name = "Relay", upstream_url = upstream.Url.ToString().TrimEnd('/'), api_key = "sk-ant-wrong", enabled = true, models = new[] { model } });
        await using var tab = await chromium.SignInAsync(site, Company.Owner);
        await tab.GoAsync("/providers");
        var relay = tab.Page.Locator(".rows > li", new() { HasText = "Relay" });
        await relay.SeesAsync("Working");
        await tab.Button("Test Relay").ClickAsync();
        await relay.SeesAsync("The provider refuses this key. Replace it.");
        await relay.SeesAsync("A key is refused");
        Assert.DoesNotContain("sk-ant-wrong", await tab.Page.ContentAsync(), StringComparison.Ordinal);

        await tab.Button("Change Relay").ClickAsync();
        Assert.Equal("", await tab.Dialog().GetByLabel("New API key").InputValueAsync());
        await tab.Dialog().GetByLabel("New API key").FillAndLeaveAsync(upstream.Key);
        await tab.Dialog().Button("Save").Last.ClickAsync();
        await tab.ClosedAsync();
        await tab.Button("Test Relay").ClickAsync();
        await relay.SeesAsync("The provider answers and takes the key.");
        await relay.SeesAsync("Working");

        // Its own price is above the list's.
        var prices = tab.Page.GetByLabel("Models and prices").Locator("tbody tr");
        Assert.Equal(["claude-opus-5-5", "Relay", "$3.50", "$4.375", "$7.00", "$0.35", "$17.50"], await prices.First.Locator("td").AllInnerTextsAsync());
        await prices.Nth(1).SeesAsync("List");
        Assert.Empty(tab.Complaints);
    }

    [SkippableFact]
    public async Task SetupKeyPeerAndSettings_ChangedInPages_AreWhatRestSays_AndAreInTheAuditLog()
    {
        await using var site = await Site.StartAsync(Company.Fill);
        await using var tab = await chromium.SignInAsync(site, Company.Owner);
        await tab.GoAsync("/setup-keys");
        await tab.Button("New setup key").ClickAsync();
        await tab.Dialog().GetByLabel("Name").FillAndLeaveAsync("Build machines");
        await tab.Dialog().GetByLabel("Machines it may enrol").FillAndLeaveAsync("12");
        await tab.Dialog().GetByLabel("Platform").CheckAsync();
        await tab.Dialog().Button("Create").Last.ClickAsync();
        await tab.Dialog().SeesAsync("Shown this once");
        var secret = (await tab.Dialog().Locator("pre").First.InnerTextAsync()).Trim();
        await tab.Page.Keyboard.PressAsync("Escape");
        await tab.ClosedAsync();
        Assert.DoesNotContain(secret, await tab.Page.ContentAsync(), StringComparison.Ordinal);
        var key = Assert.Single((await site.GetAsync("/api/setup-keys")).EnumerateArray());
        Assert.Equal(("Build machines", 12), (key.GetProperty("name").GetString(), key.GetProperty("usage_limit").GetInt32()));

        // Asked twice, and a way out that leaves all as it was.
        await tab.Button("Revoke Build machines").ClickAsync();
        await tab.Dialog().SeesAsync("No machine enrols with it again.");
        await tab.Page.Keyboard.PressAsync("Escape");
        await tab.ClosedAsync();
        await Assertions.Expect(tab.Button("Revoke Build machines")).ToBeFocusedAsync(new() { Timeout = 60_000 });
        Assert.False((await site.GetAsync("/api/setup-keys"))[0].GetProperty("revoked").GetBoolean());
        await tab.Button("Revoke Build machines").ClickAsync();
        await tab.Button("Yes, revoke Build machines").ClickAsync();
        await tab.Page.Locator("table.grid").SeesAsync("Revoked");
        Assert.True((await site.GetAsync("/api/setup-keys"))[0].GetProperty("revoked").GetBoolean());

        await tab.GoAsync("/peers");
        await tab.Page.GetByPlaceholder("Machine, person or address").FillAsync("grace.kim@");
        await Assertions.Expect(tab.Page.Locator("table.grid tbody tr")).ToHaveCountAsync(1, new() { Timeout = 60_000 });
        await tab.Page.GetByRole(AriaRole.Button, new() { NameRegex = new("^Change grace-") }).ClickAsync();
        await tab.Dialog().GetByLabel("Blocked").CheckAsync();
        await tab.Dialog().Button("Save").Last.ClickAsync();
        await tab.ClosedAsync();
        await tab.Page.Locator("table.grid").SeesAsync("Blocked");
        Assert.Contains(site.Store.Current.Peers.Values, peer => peer.Blocked && peer.Name.StartsWith("grace-", StringComparison.Ordinal));

        await tab.GoAsync("/settings");
        await tab.Page.GetByLabel("Whom a refused person should ask").FillAndLeaveAsync("helpdesk@acme.example");
        await tab.Button("Save").ClickAsync();
        await tab.Page.Locator(".mud-snackbar").SeesAsync("Saved.");
        Assert.True(await tab.Page.EvaluateAsync<bool>("() => { const e = document.querySelector('.mud-snackbar'); return !!(e.closest('[role=alert], [role=status], [aria-live]') ?? e.querySelector('[role=alert], [role=status], [aria-live]')); }"), "What was done is not told to screen readers.");
        Assert.Equal("helpdesk@acme.example", (await site.GetAsync("/api/agent-network/settings")).GetProperty("contact").GetString());

        await tab.GoAsync("/audit");
        await tab.Page.GetByPlaceholder("Name, action").FillAsync("settings.update");
        await Assertions.Expect(tab.Page.Locator("table.grid tbody tr")).ToHaveCountAsync(2, new() { Timeout = 60_000 }); // this one, and the one that filled the account
        await tab.Page.Locator("button.link", new() { HasText = "Changes" }).First.ClickAsync();
        await tab.Page.Locator("tr.detail ins").First.SeesAsync("helpdesk@acme.example");
        await tab.Page.Locator("tr.detail del").First.SeesAsync("it@acme.example");
        Assert.Empty(tab.Complaints);
    }
}
