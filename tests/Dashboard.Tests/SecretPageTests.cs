using System.Collections.Concurrent;
using System.Text;
using NetBird.ControlPlane.Users;

namespace Dashboard.Tests;

/// <summary>
/// No secret is in what a browser is sent: every answer and every frame of the circuit of every page is searched for a provider's key, tokens,
/// a setup key, a webhook's secret and a password's hash that the account has.
/// </summary>
[Collection(InChromium.Name)]
public sealed class SecretPageTests(Chromium chromium)
{
    [SkippableFact]
    public async Task EveryPage_ItsSourceAndItsCircuit_HoldNoSecret()
    {
        const string key = "sk-ant-planted-7f3a9c51d2";
        await using var site = await Site.StartAsync(Company.Fill);
        await site.PostAsync("/api/agent-network/providers", new { provider_id = "anthropic_api", name = "Planted provider", upstream_url = "http://127.0.0.1:9", api_key = key, enabled = true });
        var setup = await site.PostAsync("/api/setup-keys", new { name = "Planted setup key", type = "reusable", expires_in = 86400, usage_limit = 0, auto_groups = Array.Empty<string>() });
        var robot = await site.PostAsync("/api/users", new { name = "Planted robot", role = "auditor", is_service_user = true, auto_groups = Array.Empty<string>() });
        var token = await site.PostAsync($"/api/users/{robot.GetProperty("id").GetString()}/tokens", new { name = "Planted token", expires_in = 30 });
        var hook = await site.PostAsync("/api/agent-network/webhooks", new { name = "Planted webhook", url = "http://127.0.0.1:9/hook", enabled = true });
        var secrets = new List<string>
        {
            key, site.Token, setup.GetProperty("key").GetString()!, token.GetProperty("plain_token").GetString()!,
            site.Store.Current.Users[new("olga")].Credential!.PasswordHash, Company.Password,
        };
        secrets.AddRange(hook.EnumerateObject().Where(field => field.Name.Contains("secret", StringComparison.Ordinal) && field.Value.ValueKind == System.Text.Json.JsonValueKind.String)
            .Select(field => field.Value.GetString()!));
        Assert.All(secrets, secret => Assert.True(secret.Length >= 16, secret));

        await using var tab = await chromium.SignInAsync(site, Company.Owner);
        var sent = new ConcurrentBag<byte[]>();
        var answers = new ConcurrentBag<Task>();
        tab.Page.WebSocket += (_, socket) => socket.FrameReceived += (_, frame) => sent.Add(frame.Binary ?? Encoding.UTF8.GetBytes(frame.Text ?? ""));
        tab.Page.Response += (_, response) =>
        {
            if (response.Status == 200 && response.Request.ResourceType is "document" or "fetch" or "xhr")
            {
                answers.Add(KeepAsync());
            }

            async Task KeepAsync()
            {
                try
                {
                    sent.Add(await response.BodyAsync());
                }
                catch (Microsoft.Playwright.PlaywrightException)
                {
                    return; // the page was left before its body came
                }
            }
        };
        foreach (var path in Site.Pages)
        {
            await tab.GoAsync(path);
        }

        await Task.WhenAll(answers);

        // The search finds what is there: names come by the circuit.
        Assert.All((string[])["Planted provider", "Planted setup key", "Planted robot"], name => Assert.Contains(sent, bytes => Holds(bytes, name)));
        Assert.All(secrets, secret => Assert.DoesNotContain(sent, bytes => Holds(bytes, secret)));
    }

    private static bool Holds(byte[] bytes, string text) => bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(text)) >= 0;
}
