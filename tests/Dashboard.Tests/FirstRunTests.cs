using System.Net.Http.Json;
using EndToEnd.Tests;
using FakeAnthropic;
using Microsoft.Playwright;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;

namespace Dashboard.Tests;

/// <summary>
/// A new account from its first login to a developer's first metered request, all in pages; then a policy made in the page stops
/// the next real request.
/// </summary>
[Collection(InChromium.Name)]
public sealed class FirstRunTests(Chromium chromium)
{
    private const string Developer = "dev@acme.example";

    [SkippableFact]
    public async Task NewAccount_SetUpInPages_MetersAndStopsRealRequests()
    {
        var upstreamOptions = new FakeUpstreamOptions();
        upstreamOptions.Keys.Add("sk-ant-planted-" + Guid.NewGuid().ToString("N"));
        await using var upstream = await FakeUpstream.StartAsync(upstreamOptions);
        await using var site = await Site.StartAsync((draft, now) =>
        {
            var hash = PasswordHashing.Hash(Company.Password);
            draft.Users.Put(Company.Person(new("olga"), Company.Owner, "Olga Owner", hash, now) with { Role = Role.Owner });
            return true;
        });
        await using var tab = await chromium.SignInAsync(site, Company.Owner);
        await tab.Page.Locator(".steps").SeesAsync("Connect a provider");

        await ConnectAsync(tab, upstream);
        await AddGroupAsync(tab, "Engineering");
        var password = await AddPersonAsync(tab);
        await AddPolicyAsync(tab, "Engineers may use Claude Code");
        await tab.GoAsync("/");
        await tab.Page.Locator(".steps").SeesAsync("Waiting for the first request");

        await using var agent = await JoinAsync(site, password);
        var answered = await MessageAsync(agent);

        Assert.True(answered.IsSuccessStatusCode, await answered.Content.ReadAsStringAsync() + agent.Log);
        await tab.Page.Locator(".steps").SeesAsync("The first request is here");
        await tab.Page.Locator(".steps").SeesAsync(Developer);
        await tab.Button("Show the overview").ClickAsync();
        await Assertions.Expect(tab.Page.Locator(".card:has(.label:text-is('Requests')) .value")).ToHaveTextAsync("1", new() { Timeout = 60_000 });

        await StopAsync(tab);
        var refused = await MessageAsync(agent);

        Assert.Equal(400, (int)refused.StatusCode);
        Assert.Contains("policy_blocked", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        await tab.GoAsync("/usage");
        await tab.Page.Locator("table.grid tbody tr").First.SeesAsync("Refused: model");
        await tab.Page.Locator("table.grid tbody tr .link").First.ClickAsync();
        await tab.Dialog().SeesAsync("is not allowed by policy \"Engineers may use Claude Code\"");

        await HoldsAndLetsGoAsync(tab, agent);

        // The key went in by the page and is in no page, nor in what the page's own calls answer.
        foreach (var path in (string[])["/", "/providers", "/audit"])
        {
            await tab.GoAsync(path);
            Assert.DoesNotContain(upstream.Key, await tab.Page.ContentAsync(), StringComparison.Ordinal);
        }

        Assert.Empty(tab.Complaints);
    }

    private static async Task ConnectAsync(Tab tab, FakeUpstream upstream)
    {
        await tab.Page.GetByRole(AriaRole.Link, new() { Name = "Connect provider" }).ClickAsync();
        await tab.Dialog().GetByLabel("Step 1 of 3").WaitForAsync();
        await tab.Dialog().GetByLabel("Anthropic compatible").CheckAsync();
        await tab.Dialog().Button("Next").ClickAsync();
        await tab.Dialog().GetByLabel("API key").FillAndLeaveAsync("sk-ant-wrong");
        await tab.Dialog().GetByLabel("Base URL").FillAndLeaveAsync(upstream.Url.ToString().TrimEnd('/'));
        await tab.Dialog().Button("Next").ClickAsync();
        await tab.Dialog().Button("Test and save").ClickAsync();
        await tab.Dialog().SeesAsync("does not work yet");
        await tab.Dialog().SeesAsync("refuses this key");
        await tab.Dialog().Button("Back").ClickAsync();
        await tab.Dialog().GetByLabel("API key").FillAndLeaveAsync(upstream.Key);
        await tab.Dialog().Button("Next").ClickAsync();
        await tab.Dialog().Button("Test again").ClickAsync();
        await tab.Dialog().SeesAsync("It works.");
        await tab.Dialog().Button("Done").ClickAsync();
        await tab.ClosedAsync();
        await tab.Page.Locator(".rows").SeesAsync("Working");
    }

    private static async Task AddGroupAsync(Tab tab, string name)
    {
        await tab.GoAsync("/groups");
        await tab.Button("New group").ClickAsync();
        await tab.Dialog().GetByLabel("Name").FillAndLeaveAsync(name);
        await tab.Dialog().Button("Save").Last.ClickAsync();
        await tab.ClosedAsync();
        await tab.Page.Locator("table.grid").SeesAsync(name);
    }

    private static async Task<string> AddPersonAsync(Tab tab)
    {
        await tab.GoAsync("/people");
        await tab.Button("New person").ClickAsync();
        await tab.Dialog().GetByLabel("E-mail").FillAndLeaveAsync(Developer);
        await tab.Dialog().GetByLabel("Engineering").CheckAsync();
        await tab.Dialog().Button("Save").Last.ClickAsync();
        await tab.Dialog().SeesAsync("First password of " + Developer);
        var password = (await tab.Dialog().Locator("pre").InnerTextAsync()).Trim();
        await tab.Dialog().Button("Copy first password").ClickAsync();
        await tab.Dialog().SeesAsync("Copied");
        Assert.Equal(password, await tab.Page.EvaluateAsync<string>("() => navigator.clipboard.readText()"));
        await tab.Page.Keyboard.PressAsync("Escape");
        await tab.ClosedAsync();
        return password;
    }

    private static async Task AddPolicyAsync(Tab tab, string name)
    {
        await tab.GoAsync("/policies");
        await tab.Button("New policy").ClickAsync();
        await tab.Dialog().GetByLabel("Name").FillAndLeaveAsync(name);
        await tab.Dialog().GetByLabel("Engineering").CheckAsync();
        await tab.Dialog().GetByLabel("Anthropic compatible").CheckAsync();
        await tab.Dialog().GetByLabel("Limit money").CheckAsync();
        await tab.Dialog().GetByLabel("Each person, USD").FillAndLeaveAsync("25");
        await tab.Dialog().Locator(".says").SeesAsync("Engineering may use Anthropic compatible. Each person may use up to $25.00 in any 30 days.");
        await tab.Dialog().Button("Save").Last.ClickAsync();
        await tab.ClosedAsync();
        await tab.Page.GetByLabel("Policies", new() { Exact = true }).Last.SeesAsync(name);
    }

    /// <summary>A guardrail that allows one other model, added to the policy.</summary>
    private static async Task StopAsync(Tab tab)
    {
        await tab.GoAsync("/policies");
        await tab.Button("New guardrail").ClickAsync();
        await tab.Dialog().GetByLabel("Name").FillAndLeaveAsync("Haiku alone");
        await tab.Dialog().GetByLabel("Models, one a line").FillAndLeaveAsync("claude-haiku-*");
        await tab.Dialog().Button("Save").Last.ClickAsync();
        await tab.ClosedAsync();
        await tab.Button("Change Engineers may use Claude Code").ClickAsync();
        await tab.Dialog().GetByLabel("Haiku alone").CheckAsync();
        await tab.Dialog().Button("Preview on the last 30 days").ClickAsync();
        await tab.Dialog().Locator(".says").SeesAsync("it would have refused 1 person 1 time");
        await tab.Dialog().Button("Save").Last.ClickAsync();
        await tab.ClosedAsync();
    }

    /// <summary>The developer's side: a real agent over a rootless tunnel. The first password is changed by hand, as at a first login.</summary>
    private static async Task<AgentSession> JoinAsync(Site site, string first)
    {
        Assert.NotEmpty(first);
        await site.Store.CommitAsync(
            NetBird.ControlPlane.Audit.Actor.System,
            draft =>
            {
                var user = draft.Users.All.Single(one => one.Email == Developer);
                draft.Users.Put(user with { Credential = user.Credential! with { PasswordHash = PasswordHashing.Hash(Company.Password), MustChange = false } });
                return true;
            },
            default);
        return await AgentSession.StartAsync(site.Url, Developer, Company.Password);
    }

    /// <summary>While a request is answered its budget's bar has a part that is held for it; after, it has not.</summary>
    private static async Task HoldsAndLetsGoAsync(Tab tab, AgentSession agent)
    {
        await tab.GoAsync("/budgets");
        var bar = tab.Page.Locator(".counter", new() { HasText = Developer });
        await bar.SeesAsync("left");
        Assert.Equal(0, await WidthAsync());
        await Assertions.Expect(bar).Not.ToContainTextAsync("reserved");
        using var enough = new CancellationTokenSource();
        var answering = MessageAsync(agent, "claude-haiku-5-5", "[[scenario:slow-first-byte:300]]", enough.Token);
        await bar.SeesAsync("reserved by requests in flight");
        Assert.InRange(await WidthAsync(), 2, 100);
        Assert.False(answering.IsCompleted);
        await tab.ShootAsync("budgets-reserved-1440-light");

        await enough.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => answering);
        await Assertions.Expect(bar).Not.ToContainTextAsync("reserved", new() { Timeout = 60_000 });
        Assert.Equal(0, await WidthAsync());

        Task<double> WidthAsync() => bar.Locator(".reserved").EvaluateAsync<double>("e => e.getBoundingClientRect().width");
    }

    private static async Task<HttpResponseMessage> MessageAsync(
        AgentSession agent, string model = "claude-sonnet-5-5", string text = "hello", CancellationToken cancellationToken = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/messages")
        {
            Content = JsonContent.Create(new { model, max_tokens = 64, messages = new[] { new { role = "user", content = text } } }),
        };
        request.Headers.Add("anthropic-version", "2023-06-01");
        request.Headers.Add("x-api-key", "none");
        return await agent.Client.SendAsync(request, cancellationToken);
    }
}
