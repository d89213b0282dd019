using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Dashboard.Tests;

/// <summary>Everything without a mouse.</summary>
[Collection(InChromium.Name)]
public sealed class KeyboardTests(Chromium chromium)
{
    [SkippableFact]
    public async Task Dialog_ByKeyboard_OpensTrapsTheFocus_ClosesOnEscape_AndGivesItBack()
    {
        await using var tab = await chromium.SignInAsync(chromium.Acme, Company.Owner);
        await tab.GoAsync("/policies");
        var opener = tab.Button("New policy");
        await opener.FocusAsync();
        await tab.Page.Keyboard.PressAsync("Enter");
        await Expect(tab.Dialog()).ToBeVisibleAsync(new() { Timeout = 60_000 });
        await Expect(tab.Dialog().GetByLabel("Name")).ToBeFocusedAsync(new() { Timeout = 60_000 });

        // More tabs than it has fields: the focus goes round within, or to the browser's own bar, and never to what is behind.
        for (var i = 0; i < 40; i++)
        {
            await tab.Page.Keyboard.PressAsync("Tab");
            Assert.True(await tab.Page.EvaluateAsync<bool>("() => document.activeElement === document.body || !!document.activeElement.closest('dialog')"));
        }

        await tab.Page.Keyboard.PressAsync("Escape");
        await tab.ClosedAsync();
        await Expect(opener).ToBeFocusedAsync(new() { Timeout = 60_000 });
        Assert.Empty(tab.Complaints);
    }

    [SkippableFact]
    public async Task Page_ByTab_GoesThroughEveryControlInOrder_AndShowsWhereItIs()
    {
        await using var tab = await chromium.SignInAsync(chromium.Acme, Company.Owner);
        await tab.GoAsync("/people");
        await tab.Page.EvaluateAsync("() => { document.body.tabIndex = -1; document.body.focus(); }");
        var seen = new List<string>();
        for (var i = 0; i < 60; i++)
        {
            await tab.Page.Keyboard.PressAsync("Tab");
            seen.Add(await tab.Page.EvaluateAsync<string>("""
                () => {
                  const e = document.activeElement, s = getComputedStyle(e), within = e.closest(".mud-button-root") ?? e;
                  const marked = s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0;
                  return (marked ? "" : "unmarked: ") + (e.getAttribute("aria-label") ?? e.innerText ?? e.tagName).trim().split("\n")[0];
                }
                """));
        }

        Assert.Equal("To the content", seen[0]);
        Assert.DoesNotContain(seen, text => text.StartsWith("unmarked", StringComparison.Ordinal));
        Assert.True(seen.IndexOf("Overview") < seen.IndexOf("New person"), string.Join(" | ", seen));
        Assert.Contains("New person", seen);
        Assert.Contains(seen, text => text.StartsWith("Change ", StringComparison.Ordinal));
    }

    [SkippableFact]
    public async Task Request_ByKeyboard_OpensToAllItsFigures()
    {
        await using var tab = await chromium.SignInAsync(chromium.Acme, Company.Owner);
        await tab.GoAsync("/usage?range=Last%2030%20days&decision=denied");
        await tab.Page.Locator("table.grid tbody .link").First.FocusAsync();
        await tab.Page.Keyboard.PressAsync("Enter");
        await tab.Dialog().SeesAsync("Refused.");
        await tab.Dialog().SeesAsync("cost nothing");
        Assert.Empty(await tab.FaultsAsync());
        await tab.Page.Keyboard.PressAsync("Escape");
        await tab.ClosedAsync();
    }
}
