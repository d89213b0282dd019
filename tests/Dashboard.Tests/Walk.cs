using Microsoft.Playwright;

namespace Dashboard.Tests;

/// <summary>What a person does in a dialog, in words.</summary>
internal static class Walk
{
    public static ILocator Dialog(this Tab tab) => tab.Page.Locator("dialog[open]");

    public static ILocator Button(this ILocator within, string name, bool exact = true)
        => within.GetByRole(AriaRole.Button, new() { Name = name, Exact = exact });

    public static ILocator Button(this Tab tab, string name, bool exact = true)
        => tab.Page.GetByRole(AriaRole.Button, new() { Name = name, Exact = exact });

    /// <summary>A list to choose from, by what stands above it: the browser takes its options for a part of its label.</summary>
    public static ILocator Choice(this Tab tab, string label)
        => tab.Page.Locator("label.field", new() { HasTextRegex = new($"^\\s*{label}\\b") }).Locator("select");

    /// <summary>One of a few side by side, pressed: what it shows is there when this returns.</summary>
    public static async Task ChooseAsync(this Tab tab, string name)
    {
        await tab.Button(name).ClickAsync();
        await Assertions.Expect(tab.Button(name)).ToHaveAttributeAsync("aria-pressed", "true");
        await tab.ReadyAsync();
    }

    /// <summary>The address says what was chosen: the page has taken it in, and shows what comes of it or waits for it.</summary>
    public static async Task KeptAsync(this Tab tab, string part)
    {
        await tab.Page.WaitForFunctionAsync("part => location.search.includes(part)", part);
        await tab.ReadyAsync();
    }

    /// <summary>Fills a field of MudBlazor's, which takes its value when it is left.</summary>
    public static async Task FillAndLeaveAsync(this ILocator field, string value)
    {
        await field.FillAsync(value);
        await field.BlurAsync();
    }

    /// <summary>The dialog did what it was asked and is gone.</summary>
    public static Task ClosedAsync(this Tab tab) => Assertions.Expect(tab.Dialog()).ToHaveCountAsync(0, new() { Timeout = 60_000 });

    public static Task SeesAsync(this ILocator within, string text)
        => Assertions.Expect(within).ToContainTextAsync(text, new() { Timeout = 60_000 });
}
