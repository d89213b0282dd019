using Microsoft.Playwright;
using NetBird.ControlPlane.Dashboard.Viewing;

namespace Dashboard.Tests;

/// <summary>Policies in their order, what one person may do, every counter as a bar, and a developer's own page.</summary>
[Collection(InChromium.Name)]
public sealed class AccessTests(Chromium chromium)
{
    [SkippableFact]
    public async Task Policies_InOrder_SayWhatTheyDoAndWhereTheyOverlap()
    {
        await using var site = await Site.StartAsync((draft, now) =>
        {
            Company.Fill(draft, now);
            var first = draft.Policies[Company.EngineeringPolicy];
            draft.Policies.Put(first with { Id = new("p-later"), Name = "Platform, more", SourceGroups = [Company.Groups[1]], CreatedAt = now.AddDays(-1) });
            return true;
        });
        await using var tab = await chromium.SignInAsync(site, Company.Owner);
        await tab.GoAsync("/policies");
        var rows = tab.Page.GetByLabel("Policies", new() { Exact = true }).Last.Locator("ol > li");
        foreach (var (name, i) in ((string[])["Engineering may use Claude Code", "Support may use Haiku", "Security pilot", "Platform, more"]).Select((name, i) => (name, i)))
        {
            await Assertions.Expect(rows.Nth(i).Locator("strong")).ToHaveTextAsync(name);
            await Assertions.Expect(rows.Nth(i).Locator(".order")).ToHaveTextAsync($"{i + 1}");
        }

        await rows.Nth(0).SeesAsync("may use Anthropic, only claude-opus-5*, claude-sonnet-* and claude-haiku-*, answers of at most 64,000 tokens. Each person may use up to $160.00 in any 30 days and each group together up to $4,000.00 in any 30 days.");
        await rows.Nth(3).SeesAsync("For Platform, “Engineering may use Claude Code” is tried first");
        await Assertions.Expect(rows.Nth(0)).Not.ToContainTextAsync("is tried first");

        // From a person's side.
        await tab.Page.GetByLabel("Ask about").FillAndLeaveAsync("Grace Kim");
        var answer = tab.Page.GetByLabel("What may somebody do");
        await answer.SeesAsync("is in Support engineering");
        await answer.SeesAsync("May use");
        await answer.SeesAsync("Policy “Support may use Haiku” allows it through Support engineering, at Anthropic.");
        await answer.SeesAsync("$150.00");
        await tab.Page.GetByLabel("Ask about").FillAndLeaveAsync("Audrey Auditor");
        await answer.SeesAsync("is in no group");
        await answer.SeesAsync("May not use");
        Assert.Empty(tab.Complaints);
    }

    [SkippableFact]
    public async Task Budgets_EveryCounter_IsABarWithWhatIsUsedReservedLeftAndFrees()
    {
        var counters = (await chromium.Acme.GetAsync("/api/agent-network/consumption")).EnumerateArray().ToList();
        await using var tab = await chromium.SignInAsync(chromium.Acme, Company.Owner);
        await tab.GoAsync("/budgets");
        await tab.Page.Locator(".pager").Last.SeesAsync($"of {Figures.Count(counters.Count)}");
        var bars = tab.Page.Locator(".counter");
        var fullest = counters.MaxBy(counter => counter.GetProperty("used").GetDecimal() / counter.GetProperty("cap").GetDecimal());
        var (used, limit) = (fullest.GetProperty("used").GetDecimal(), fullest.GetProperty("cap").GetDecimal());
        Assert.Equal("usd", fullest.GetProperty("unit").GetString());
        await bars.First.SeesAsync($"{used:$#,##0.00} of {limit:$#,##0.00}");
        await bars.First.SeesAsync($"{Math.Max(0, limit - used):$#,##0.00} left");
        await bars.First.SeesAsync("frees up from");
        Assert.InRange(int.Parse((await bars.First.Locator("[role=meter]").GetAttributeAsync("aria-valuenow"))!, System.Globalization.CultureInfo.InvariantCulture), 1, 100);
        Assert.Empty(tab.Complaints);
    }

    [SkippableFact]
    public async Task MyUsage_OfADeveloper_IsTheirSpendCapsSessionsAndSetup()
    {
        var me = Company.Developers[0].Id;
        await using var tab = await chromium.OpenAsync(chromium.Acme, zone: "UTC");
        await tab.LogInAsync(Company.Developer);
        Assert.Equal("/my-usage", new Uri(tab.Page.Url).AbsolutePath);
        var now = DateTimeOffset.UtcNow;
        var month = await NetBird.ControlPlane.Usage.RangeSums.SumAsync(chromium.Acme.Ledger, new(now.Year, now.Month, 1, 0, 0, 0, TimeSpan.Zero), now, me, default);
        await tab.Page.Locator(".card:has(.label:text-is('This month'))").SeesAsync(Figures.Usd(month.Cost));
        await tab.Page.GetByLabel("My limits").SeesAsync("of $160.00");
        var sessions = await chromium.Acme.Ledger.SessionsAsync(new() { User = me, From = now.AddDays(-30) }, default);
        await tab.Page.GetByLabel("My sessions").Locator(".pager").SeesAsync($"of {sessions.TotalRecords}");
        await tab.Page.GetByLabel("My sessions").Button("Requests").ClickAsync();

        // The first link is a session's until the requests are there.
        await tab.Page.GetByLabel("My sessions").Locator("table.grid thead").SeesAsync("Result");
        await tab.Page.GetByLabel("My sessions").Locator("table.grid tbody .link").First.ClickAsync();
        await tab.Dialog().SeesAsync("Cost, exact");
        await tab.Page.Keyboard.PressAsync("Escape");
        await tab.ClosedAsync();
        await tab.Button("Copy commands").ClickAsync();
        await tab.Page.GetByLabel("Set up Claude Code").SeesAsync("Copied");
        Assert.Equal(
            $"netbird-agent up --management-url {chromium.Acme.Url.GetLeftPart(UriPartial.Authority)}\nnetbird-agent claude setup\nclaude",
            await tab.Page.EvaluateAsync<string>("() => navigator.clipboard.readText()"));
        Assert.Empty(tab.Complaints);
    }
}
