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
        await tab.KeptAsync("refusal=claude-mythos");
        await Assertions.Expect(tab.Page.GetByRole(AriaRole.Link, new() { Name = "Export JSON" })).ToHaveAttributeAsync("href", new System.Text.RegularExpressions.Regex("refusal=claude-mythos"));
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
    public async Task EveryFilter_InThePage_FindsWhatTheApiFinds()
    {
        await using var tab = await chromium.SignInAsync(chromium.Acme, Company.Owner);
        await tab.GoAsync("/usage?range=Last%2030%20days");
        (string Name, Func<Task> Set)[] filters =
        [
            ("person", () => tab.Page.GetByLabel("Person", new() { Exact = true }).FillAndLeaveAsync(Company.Developers[3].Name)),
            ("model", () => tab.Page.GetByLabel("Model", new() { Exact = true }).FillAndLeaveAsync("claude-sonnet-5-5")),
            ("group", () => tab.Choice("Group").SelectOptionAsync(Company.Groups[2].Value)),
            ("provider", () => tab.Choice("Provider").SelectOptionAsync(Company.Anthropic.Value)),
            ("policy", () => tab.Choice("Policy").SelectOptionAsync(Company.SupportPolicy.Value)),
            ("decision", () => tab.Choice("Decision").SelectOptionAsync("denied")),
        ];
        foreach (var (name, set) in filters)
        {
            await set();
            await tab.Button("Clear filters").WaitForAsync();
            await AgreesAsync(tab, name, "access-logs", "Requests");
            await AgreesAsync(tab, name, "access-log-sessions", "Sessions");
            await tab.ChooseAsync("Requests");
            await tab.Button("Clear filters").ClickAsync();
            await Assertions.Expect(tab.Button("Clear filters")).ToHaveCountAsync(0, new() { Timeout = 60_000 });
        }

        // Several at once, and none that matches.
        await filters[2].Set();
        await filters[5].Set();
        await Assertions.Expect(tab.Page.GetByRole(AriaRole.Link, new() { Name = "Export JSON" })).ToHaveAttributeAsync("href", new System.Text.RegularExpressions.Regex("group=.*decision=denied"));
        await AgreesAsync(tab, "group and decision", "access-log-sessions", "Sessions");
        await tab.Page.GetByLabel("Model", new() { Exact = true }).FillAndLeaveAsync("no such model");
        await tab.Page.Locator(".empty").SeesAsync("No session matches");
        await tab.Page.GetByLabel("Person", new() { Exact = true }).FillAndLeaveAsync("Nobody of that name");
        await tab.Page.GetByRole(AriaRole.Alert).SeesAsync("Nobody of this name");
        Assert.Empty(tab.Complaints);
    }

    /// <summary>The page's list has as many as REST says of the filter that the page's export has in its address.</summary>
    private async Task AgreesAsync(Tab tab, string name, string path, string view)
    {
        await tab.ChooseAsync(view);
        var filter = (await tab.Page.GetByRole(AriaRole.Link, new() { Name = "Export JSON" }).GetAttributeAsync("href"))!.Split("format=json&")[1];
        var expected = (await chromium.Acme.GetAsync($"/api/agent-network/{path}?{filter}&page_size=1")).GetProperty("total_records").GetInt64();
        Assert.True(expected > 0, $"{name}: nothing to find");
        await Assertions.Expect(tab.Page.Locator(".pager span").First).ToHaveTextAsync(
            new System.Text.RegularExpressions.Regex($" of {expected.ToString("#,##0", System.Globalization.CultureInfo.InvariantCulture)}$"), new() { Timeout = 60_000 });
    }

    [SkippableFact]
    public async Task Request_Opened_ShowsAllItsFiguresAndThePolicyThatLetItThrough()
    {
        var row = (await chromium.Acme.GetAsync("/api/agent-network/access-logs?decision=allowed&page_size=1")).GetProperty("data")[0];
        await using var tab = await chromium.SignInAsync(chromium.Acme, Company.Owner);
        await tab.GoAsync("/usage?range=Last%2030%20days&decision=allowed");
        await tab.Page.Locator("table.grid tbody .link").First.ClickAsync();
        var dialog = tab.Dialog();
        await dialog.SeesAsync("Let through by the policy");
        await dialog.SeesAsync(chromium.Acme.Store.Current.Policies[new(row.GetProperty("selected_policy_id").GetString()!)].Name);
        foreach (var field in (string[])["input_tokens", "output_tokens", "cached_input_tokens", "cache_creation_1h_tokens"])
        {
            await dialog.SeesAsync(row.GetProperty(field).GetInt64().ToString("#,##0", System.Globalization.CultureInfo.InvariantCulture));
        }

        await dialog.SeesAsync("$" + row.GetProperty("cost_usd").GetRawText());
        foreach (var field in (string[])["id", "session_id", "model"])
        {
            await dialog.SeesAsync(row.GetProperty(field).GetString()!);
        }

        await dialog.SeesAsync(chromium.Acme.Store.Current.Users[new(row.GetProperty("user_id").GetString()!)].Email);
        await dialog.SeesAsync("-laptop");
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
        await tab.KeptAsync("session=" + id);
        await tab.ChooseAsync("Sessions");
        await tab.Page.Locator($"a.link[title='{id}']").ClickAsync();
        await tab.Page.Locator(".turns").WaitForAsync();
        await tab.ShootAsync("session-1440-light");

        var turns = tab.Page.Locator(".turns li");
        await Assertions.Expect(turns).ToHaveCountAsync(rows.Count);
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
