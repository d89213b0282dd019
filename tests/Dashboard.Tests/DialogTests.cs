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
        ("request", "/usage?range=Last%2030%20days&decision=denied", tab => tab.Page.Locator("table.grid tbody .link").First.ClickAsync()),
    ];

    [SkippableTheory]
    [InlineData(1440, false)]
    [InlineData(1440, true)]
    [InlineData(390, false)]
    [InlineData(390, true)]
    public async Task EveryDialog_Opened_HasNoFault(int width, bool dark)
    {
        await using var tab = await chromium.SignInAsync(chromium.Acme, Company.Owner, width, dark);
        var found = new List<string>();
        foreach (var (name, path, open) in Dialogs)
        {
            await tab.GoAsync(path);
            await open(tab);
            await Assertions.Expect(tab.Dialog()).ToBeVisibleAsync(new() { Timeout = 60_000 });
            await tab.ShootAsync($"dialog-{name}-{width}-{(dark ? "dark" : "light")}", whole: false);
            found.AddRange((await tab.FaultsAsync()).Concat(await tab.CutTextAsync()).Select(fault => $"{name}: {fault}"));
        }

        Assert.Empty(found);
        Assert.Empty(tab.Complaints);
    }
}
