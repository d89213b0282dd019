using System.Net;
using Microsoft.Playwright;

namespace Dashboard.Tests;

/// <summary>Who sees and who may change what, in the pages and behind them.</summary>
[Collection(InChromium.Name)]
public sealed class RoleTests(Chromium chromium)
{
    [SkippableFact]
    public async Task PlainUser_EveryPage_SeesOnlyTheirOwn()
    {
        await using var tab = await chromium.OpenAsync(chromium.Acme);
        await tab.LogInAsync(Company.Developer, path: "/my-usage");

        await tab.Page.Locator("main, .page").Last.SeesAsync("My limits");
        await Assertions.Expect(tab.Page.Locator("nav.mud-navmenu a")).ToHaveTextAsync(["My usage"]);
        Assert.DoesNotContain(Company.Developers[1].Email, await tab.Page.ContentAsync(), StringComparison.Ordinal);
        foreach (var path in (string[])["/usage", "/budgets", "/policies", "/people", "/audit", "/tokens", "/dashboard/export"])
        {
            var answer = await tab.Page.GotoAsync(path);
            Assert.Equal(403, answer!.Status);
        }

        // Of sessions, their own alone, whosever an address asks for.
        var sessions = (await chromium.Acme.GetAsync("/api/agent-network/access-log-sessions?page_size=200")).GetProperty("data").EnumerateArray().ToList();
        foreach (var (own, says) in ((bool, string)[])[(true, "Turn by turn"), (false, "No such session")])
        {
            var session = sessions.First(one => one.GetProperty("user_id").GetString() == Company.Developers[0].Id.Value == own);
            await tab.GoAsync($"/session?id={session.GetProperty("session_id").GetString()}&user={session.GetProperty("user_id").GetString()}");
            await tab.Page.Locator(".panel").First.SeesAsync(says);
        }

        // Where everybody arrives after the login is their own page.
        await tab.GoAsync("/");
        Assert.Equal("/my-usage", new Uri(tab.Page.Url).AbsolutePath);
    }

    [SkippableFact]
    public async Task Auditor_EveryPage_ReadsAndChangesNothing()
    {
        await using var tab = await chromium.SignInAsync(chromium.Acme, Company.Auditor);
        foreach (var path in (string[])["/policies", "/providers", "/people", "/groups", "/peers", "/setup-keys", "/budgets", "/settings"])
        {
            await tab.GoAsync(path);
            var buttons = await tab.Page.Locator(".page").GetByRole(AriaRole.Button).AllInnerTextsAsync();
            Assert.DoesNotContain(buttons, text => text.StartsWith("New", StringComparison.Ordinal) || text is "Change" or "Save" or "Revoke" or "Connect provider");
        }

        // Nor by the call that a button would have made.
        var status = await tab.Page.EvaluateAsync<int>("""
            async () => (await dashboard.send("POST", "/api/groups", JSON.stringify({ name: "Mine" }))).status
            """);
        Assert.Equal(403, status);
    }

    [SkippableFact]
    public async Task SessionCookie_AsSet_IsForThisSiteAlone_AndAnotherSiteCannotUseIt()
    {
        await using var tab = await chromium.SignInAsync(chromium.Acme, Company.Owner);
        var cookie = Assert.Single(await tab.Page.Context.CookiesAsync(), one => one.Name.EndsWith("netbird", StringComparison.Ordinal));
        Assert.True(cookie.HttpOnly);
        Assert.Equal(SameSiteAttribute.Lax, cookie.SameSite);

        using var http = new HttpClient(new HttpClientHandler { UseCookies = false });
        foreach (var (name, value) in ((string, string)[])[("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Site", "same-site"), ("Origin", "https://evil.example")])
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(chromium.Acme.Url, "/api/groups"))
            {
                Content = new StringContent("""{"name":"Forged"}""", null, "application/json"),
            };
            request.Headers.Add("Cookie", $"{cookie.Name}={cookie.Value}");
            request.Headers.Add(name, value);
            using var answer = await http.SendAsync(request);
            Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        }

        Assert.DoesNotContain(chromium.Acme.Store.Current.Groups.Values, group => group.Name == "Forged");
    }

    [SkippableFact]
    public async Task EveryAnswer_OfThePages_ForbidsScriptsThatAreNotOurs()
    {
        await using var tab = await chromium.SignInAsync(chromium.Acme, Company.Owner);
        var answer = await tab.Page.GotoAsync("/policies");
        var policy = (await answer!.AllHeadersAsync())["content-security-policy"];
        Assert.Contains("script-src 'self';", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe-eval", policy, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.Empty(await tab.Page.EvaluateAsync<string[]>("() => [...document.scripts].filter(s => !s.src && s.type !== 'importmap').map(s => s.textContent)"));

        // And the browser holds to it: a script that came in as markup does not run.
        var ran = await tab.Page.EvaluateAsync<bool>("""
            () => { const s = document.createElement("script"); s.textContent = "window.ran = true"; document.body.append(s); return window.ran === true; }
            """);
        Assert.False(ran);
    }
}
