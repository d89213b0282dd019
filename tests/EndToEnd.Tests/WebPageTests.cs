using System.Text.Json;
using Microsoft.Playwright;

namespace EndToEnd.Tests;

/// <summary>A page of an attacker in a real Chromium, on the machine of somebody whose agent is up.</summary>
public sealed class WebPageTests(WorldFixture fixture) : IClassFixture<WorldFixture>
{
    private const string Chromium = "/usr/bin/chromium";

    private World World => fixture.World;

    /// <summary>DNS rebinding: the page's own name leads to 127.0.0.1 once the page is loaded, so that the browser calls it same-origin.</summary>
    [SkippableFact]
    public async Task RebindingPage_ReachesNothing()
    {
        var port = World.Endpoint.Port;
        var before = await RequestsAsync();

        var said = await InPageAsync($"http://evil.test:{port}/", """
            async () => {
              const seen = [];
              for (const [path, how] of [['/v1/models', {}], ['/v1/messages', { method: 'POST', headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01' },
                  body: JSON.stringify({ model: 'claude-opus-5-5', max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] }) }], ['/', { method: 'HEAD' }]]) {
                try { const answer = await fetch(path, how); seen.push(answer.status + ' ' + await answer.text()); } catch (e) { seen.push('failed'); }
              }
              return seen.join('\n');
            }
            """);

        // Either the browser itself does not let a page at this machine, or we refuse it.
        Assert.All(said.Split('\n'), line => Assert.True(line == "failed" || line.StartsWith("400", StringComparison.Ordinal), line));
        Assert.DoesNotContain("\"type\":\"message\"", said, StringComparison.Ordinal);
        Assert.Equal(before, await RequestsAsync());
    }

    /// <summary>What no browser holds back: going there as to any page.</summary>
    [SkippableFact]
    public async Task RebindingName_OpenedAsAPage_IsRefused()
    {
        var said = await InPageAsync($"http://evil.test:{World.Endpoint.Port}/v1/models", "() => document.body.innerText", attackersFirst: false);

        Assert.Contains("policy_blocked", said, StringComparison.Ordinal);
    }

    /// <summary>Without rebinding: requests that a browser sends without asking first, and one that it asks for.</summary>
    [SkippableFact]
    public async Task PageOfAnotherSite_ReachesNothing()
    {
        var before = await RequestsAsync();

        var said = await InPageAsync("http://evil.test:8/", $$"""
            async () => {
              const at = 'http://127.0.0.1:{{World.Endpoint.Port}}/v1/messages', body = JSON.stringify({ model: 'claude-opus-5-5', max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] });
              const seen = [];
              for (const how of [{ mode: 'no-cors', method: 'POST', body }, { method: 'POST', body, headers: { 'content-type': 'application/json' } }, { mode: 'no-cors' }]) {
                try { const answer = await fetch(at, how); seen.push(answer.type + ' ' + await answer.text()); } catch (e) { seen.push('failed'); }
              }
              const form = document.createElement('form');
              form.method = 'POST'; form.action = at; form.target = 'there';
              const frame = document.createElement('iframe'); frame.name = 'there';
              document.body.append(frame, form);
              const loaded = new Promise(done => { frame.onload = done; setTimeout(done, 5000); });
              form.submit();
              await loaded;
              return seen.join('\n');
            }
            """);

        Assert.DoesNotContain("message", said, StringComparison.Ordinal);
        Assert.Equal(before, await RequestsAsync());
    }

    /// <summary>What a function returns that runs in the attacker's page; his names lead to this machine.</summary>
    private static async Task<string> InPageAsync(string url, string function, bool attackersFirst = true)
    {
        Skip.IfNot(File.Exists(Chromium), "Chromium is not installed");
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await playwright.Chromium.LaunchAsync(new()
        {
            ExecutablePath = Chromium, Args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--host-resolver-rules=MAP evil.test 127.0.0.1"],
        });
        var page = await browser.NewPageAsync();

        // The first answer is the attacker's own server's; every request after it goes where the name leads now.
        if (attackersFirst)
        {
            await page.RouteAsync(url, route => route.FulfillAsync(new() { ContentType = "text/html", Body = "<!doctype html><title>evil</title><body>" }), new() { Times = 1 });
        }

        await page.GotoAsync(url);
        return await page.EvaluateAsync<string>(function);
    }

    /// <summary>Requests that the agent took as its owner's.</summary>
    private async Task<long> RequestsAsync()
    {
        var status = await Command.RunAsync(Checkout.Agent, ["status", "--json", "--state-dir", Path.Combine(World.State, "agent")]);
        return JsonDocument.Parse(status.Output).RootElement.GetProperty("endpoint_requests").GetInt64();
    }
}
