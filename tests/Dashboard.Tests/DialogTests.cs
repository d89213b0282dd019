using Microsoft.Playwright;

namespace Dashboard.Tests;

/// <summary>Every dialog, in both colours, on a desk and on a phone: opens, is accessible, cuts no text.</summary>
[Collection(InChromium.Name)]
public sealed class DialogTests(Chromium chromium)
{
    private static readonly (string Name, string Path, Func<Tab, Task> Open)[] Dialogs =
    [
        ("new-policy", "/policies", tab => tab.Button("New policy").ClickAsync()),
        ("change-policy", "/policies", tab => tab.Button("Change Support may use Haiku").ClickAsync()),
        ("new-guardrail", "/policies", tab => tab.Button("New guardrail").ClickAsync()),
        ("connect-provider", "/providers", tab => tab.Button("Connect provider").ClickAsync()),
        ("change-provider", "/providers", tab => tab.Button("Change Anthropic").ClickAsync()),
        ("new-budget-rule", "/budgets", tab => tab.Button("New budget rule").ClickAsync()),
        ("raise", "/budgets", tab => tab.Page.GetByRole(AriaRole.Button, new() { NameRegex = new("^Raise for a while") }).First.ClickAsync()),
        ("new-person", "/people", tab => tab.Button("New person").ClickAsync()),
        ("change-person", "/people", tab => tab.Page.GetByRole(AriaRole.Button, new() { NameRegex = new("^Change ") }).First.ClickAsync()),
        ("new-group", "/groups", tab => tab.Button("New group").ClickAsync()),
        ("change-peer", "/peers", tab => tab.Button("Change hiro-laptop").ClickAsync()),
        ("new-setup-key", "/setup-keys", tab => tab.Button("New setup key").ClickAsync()),
        ("new-token", "/tokens", tab => tab.Button("New token").ClickAsync()),
        ("objections", "/policies", async tab =>
        {
            await tab.Button("New policy").ClickAsync();
            await tab.Dialog().Button("Save").Last.ClickAsync();
            await tab.Dialog().GetByRole(AriaRole.Alert).SeesAsync("Name: This must not be empty.");
        }),
        ("preview", "/policies", async tab =>
        {
            await tab.Button("New policy").ClickAsync();
            await tab.Dialog().GetByLabel("Name").FillAndLeaveAsync("Engineers, with care");
            await tab.Dialog().GetByLabel("Engineering", new() { Exact = true }).CheckAsync();
            await tab.Dialog().GetByLabel("Anthropic", new() { Exact = true }).CheckAsync();
            await tab.Dialog().GetByLabel("Limit money").CheckAsync();
            await tab.Dialog().GetByLabel("Each person, USD").FillAndLeaveAsync("2");
            await tab.Dialog().Button("Preview on the last 30 days").ClickAsync();
            await tab.Dialog().Locator(".says").SeesAsync("it would have refused");
        }),
        ("delete", "/policies", async tab =>
        {
            await tab.Button("Change Security pilot").ClickAsync();
            await tab.Dialog().Button("Delete").ClickAsync();
            await tab.Dialog().Button("Yes, delete").WaitForAsync();
        }),
        ("connect-key", "/providers?connect=true", async tab =>
        {
            await tab.Dialog().Button("Next").Last.ClickAsync();
            await tab.Dialog().GetByLabel("API key").WaitForAsync();
            await tab.Dialog().Button("Next").Last.ClickAsync();
            await tab.Dialog().GetByRole(AriaRole.Alert).SeesAsync("Paste the provider's API key.");
        }),
        ("connect-test", "/providers?connect=true", async tab =>
        {
            await tab.Dialog().GetByLabel("Built-in sample").CheckAsync();
            await tab.Dialog().Button("Next").Last.ClickAsync();
            await tab.Dialog().SeesAsync("It needs no key.");
            await tab.Dialog().Button("Next").Last.ClickAsync();
            await tab.Dialog().SeesAsync("will be saved and asked a free question");
        }),
        ("new-password", "/people?search=ana.m", async tab =>
        {
            await tab.Button("Change Ana Moreira").ClickAsync();
            await tab.Dialog().Button("New password").ClickAsync();
            await tab.Dialog().Button("Yes, a new password").WaitForAsync();
        }),
        ("new-service-user", "/people", async tab =>
        {
            await tab.Button("New person").ClickAsync();
            await tab.Dialog().Button("A service user").ClickAsync();
            await tab.Dialog().SeesAsync("Has no login");
        }),
        ("request-allowed", "/usage?range=Last%2030%20days&decision=allowed", tab => tab.Page.Locator("table.grid tbody .link").First.ClickAsync()),
        ("request", "/usage?range=Last%2030%20days&decision=denied", tab => tab.Page.Locator("table.grid tbody .link").First.ClickAsync()),
    ];

    [SkippableTheory]
    [InlineData(1440)]
    [InlineData(390)]
    public async Task EveryDialog_Opened_HasNoFault(int width)
    {
        await using var tab = await chromium.SignInAsync(chromium.Acme, Company.Owner, width);
        var found = new List<string>();
        foreach (var (name, path, open) in Dialogs)
        {
            await tab.GoAsync(path);
            await open(tab);
            await Assertions.Expect(tab.Dialog()).ToBeVisibleAsync(new() { Timeout = 60_000 });
            await tab.LookAsync("dialog-" + name, found, whole: false);
        }

        Assert.Empty(found);

        // A browser says of itself that a change was refused.
        Assert.DoesNotContain(tab.Complaints, one => !one.Contains("the server responded with a status of 4", StringComparison.Ordinal));
    }
}
