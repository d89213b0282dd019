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
    public async Task AccountMenu_ByKeyboard_OpensGoesThroughAndCloses()
    {
        await using var tab = await chromium.SignInAsync(chromium.Acme, Company.Owner);
        await tab.GoAsync("/settings");
        await tab.Button("Account").FocusAsync();
        await OpenAsync();
        foreach (var name in (string[])["My login", "Sign out", "My usage"])
        {
            await tab.Page.Keyboard.PressAsync("ArrowDown");
            await Expect(tab.Page.Locator(":focus")).ToContainTextAsync(name, new() { Timeout = 60_000 });
        }

        await tab.Page.Keyboard.PressAsync("Escape");
        await Expect(tab.Page.GetByText("My login")).ToHaveCountAsync(0, new() { Timeout = 60_000 });
        await Expect(tab.Button("Account")).ToBeFocusedAsync(new() { Timeout = 60_000 });
        await OpenAsync();
        await tab.Page.Keyboard.PressAsync("ArrowUp");
        await Expect(tab.Page.Locator(":focus")).ToContainTextAsync("Sign out", new() { Timeout = 60_000 });
        await tab.Page.Keyboard.PressAsync("Enter");
        await tab.Page.Locator("h1").SeesAsync("Signed out");

        // An open menu has the focus on its first line; a key pressed before that is not the menu's.
        async Task OpenAsync()
        {
            await tab.Page.Keyboard.PressAsync("Enter");
            await Expect(tab.Page.Locator(":focus")).ToContainTextAsync("My usage", new() { Timeout = 60_000 });
        }
    }

    [SkippableFact]
    public async Task EveryPage_ByTab_GoesThroughEveryControl_AndShowsWhereItIs()
    {
        await using var tab = await chromium.SignInAsync(chromium.Acme, Company.Owner);
        foreach (var path in Site.Pages)
        {
            await tab.GoAsync(path);

            // Everything that takes a click, the first sixty.
            var controls = await tab.Page.EvaluateAsync<string[]>("""
                () => {
                  window.nameOf = e => (e.getAttribute("aria-label") || e.labels?.[0]?.innerText || e.innerText || e.getAttribute("placeholder") || e.tagName).trim().split("\n")[0];
                  return [...document.querySelectorAll("a[href], button, input, select, textarea, [tabindex='0']")]
                    .filter(e => e.checkVisibility({ visibilityProperty: true }) && !e.disabled && e.tabIndex >= 0 && e.getClientRects().length && !(e.type === "radio"))
                    .slice(0, 60).map(nameOf);
                }
                """);
            await tab.Page.EvaluateAsync("() => { document.body.tabIndex = -1; document.body.focus(); }");
            var seen = new List<string>();
            for (var i = 0; i < controls!.Length + 2; i++)
            {
                await tab.Page.Keyboard.PressAsync("Tab");
                seen.Add(await tab.Page.EvaluateAsync<string>("""
                    () => {
                      const e = document.activeElement, s = getComputedStyle(e);
                      const marked = (s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0) || e.matches(".mud-input-slot");
                      return (marked || e === document.body ? "" : "unmarked: ") + nameOf(e);
                    }
                    """));
            }

            Assert.Equal("To the content", seen[0]);
            Assert.DoesNotContain(seen, text => text.StartsWith("unmarked", StringComparison.Ordinal));
            var missed = controls.Where(name => !seen.Contains(name)).ToList();
            Assert.True(missed.Count == 0, $"{path}: not reached: {string.Join(" | ", missed)}; seen: {string.Join(" | ", seen)}");
        }
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
