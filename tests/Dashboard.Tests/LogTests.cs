using Microsoft.Playwright;

namespace Dashboard.Tests;

/// <summary>Usage &amp; Logs: what is found, and a session turn by turn.</summary>
[Collection(InChromium.Name)]
public sealed class LogTests(Chromium chromium)
{
    [SkippableFact]
    public async Task TextOfARefusal_FindsThoseRowsAlone_InThePageAndInTheExport()
    {
        await using var tab = await chromium.SignInAsync(chromium.Acme, Company.Owner);
        await tab.GoAsync("/usage?range=Last%2030%20days");
        await tab.Page.GetByLabel("Refusal says").FillAndLeaveAsync("claude-mythos");
        await Assertions.Expect(tab.Page.Locator("table.grid tbody tr").First).ToContainTextAsync("Refused: model", new() { Timeout = 60_000 });
        await tab.ReadyAsync();

        Assert.All(await tab.Page.Locator("table.grid tbody tr").AllInnerTextsAsync(), row => Assert.Contains("Refused: model", row, StringComparison.Ordinal));
        var link = (await tab.Page.GetByRole(AriaRole.Link, new() { Name = "Export JSON" }).GetAttributeAsync("href"))!;
        Assert.Contains("refusal=claude-mythos", link, StringComparison.Ordinal);
        var expected = (await chromium.Acme.GetAsync($"/api/agent-network/access-logs?{link.Split("format=json&")[1]}&page_size=1")).GetProperty("total_records").GetInt64();
        Assert.True(expected > 5);
        await tab.Page.Locator(".pager").SeesAsync($"of {expected}");

        await tab.Page.GetByLabel("Refusal says").FillAndLeaveAsync("no refusal says this");
        await tab.Page.Locator(".empty").SeesAsync("No request matches");
    }

    [SkippableFact]
    public async Task Session_OpenedFromTheList_ShowsEveryTurnAndTheCostSoFar()
    {
        var sessions = await chromium.Acme.GetAsync("/api/agent-network/access-log-sessions?page_size=50");
        var session = sessions.GetProperty("data").EnumerateArray().First(one => one.GetProperty("turns").GetInt64() > 6);
        var id = session.GetProperty("session_id").GetString()!;
        var rows = (await chromium.Acme.GetAsync($"/api/agent-network/access-logs?session={id}&page_size=500")).GetProperty("data").EnumerateArray().Reverse().ToList();
        await using var tab = await chromium.SignInAsync(chromium.Acme, Company.Owner);
        await tab.GoAsync("/usage?range=Last%2030%20days");
        await tab.Page.GetByLabel("Session", new() { Exact = true }).FillAndLeaveAsync(id);
        await tab.Button("Sessions").ClickAsync();
        await tab.Page.Locator($"a.link[title='{id}']").ClickAsync();
        await tab.Page.Locator(".turns").WaitForAsync();
        await tab.ShootAsync("session-1440-light");

        var turns = tab.Page.Locator(".turns li");
        Assert.Equal(rows.Count, await turns.CountAsync());
        var sum = 0m;
        for (var i = 0; i < rows.Count; i++)
        {
            sum += rows[i].GetProperty("cost_usd").GetDecimal();
            Assert.Equal(rows[i].GetProperty("model").GetString(), (await turns.Nth(i).GetByRole(AriaRole.Button).InnerTextAsync()).Trim());
            Assert.Contains(sum.ToString("0.#########", System.Globalization.CultureInfo.InvariantCulture), (await turns.Nth(i).Locator(".number .muted").GetAttributeAsync("title"))!, StringComparison.Ordinal);
        }

        await turns.First.GetByRole(AriaRole.Button).ClickAsync();
        await tab.Dialog().SeesAsync("Cost, exact");
        Assert.Empty(await tab.FaultsAsync());
        await tab.Page.Keyboard.PressAsync("Escape");
        await tab.ClosedAsync();
        await tab.Page.SetViewportSizeAsync(390, 844);
        await tab.ShootAsync("session-390-light");
        Assert.Empty(await tab.CutTextAsync());
        Assert.Empty(tab.Complaints);
    }
}
