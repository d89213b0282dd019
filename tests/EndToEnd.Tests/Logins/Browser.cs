using Microsoft.Playwright;

namespace EndToEnd.Tests.Logins;

/// <summary>Debian's Chromium without a window; a page for each person.</summary>
public sealed class Browser : IAsyncLifetime
{
    private const string Executable = "/usr/bin/chromium";
    private IPlaywright? _playwright;
    private IBrowser? _browser;

    public async Task InitializeAsync()
    {
        if (File.Exists(Executable))
        {
            _playwright = await Playwright.CreateAsync();
            _browser = await _playwright.Chromium.LaunchAsync(new()
            {
                ExecutablePath = Executable, Args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
            });
        }
    }

    /// <summary>Opens the link, does what <paramref name="person"/> does, and returns the heading of the page it ends on.</summary>
    internal async Task<string> VisitAsync(string link, Func<IPage, Task> person)
    {
        Skip.If(_browser is null, "Chromium is not installed");
        var context = await _browser.NewContextAsync();
        await using (context)
        {
            var page = await context.NewPageAsync();
            page.SetDefaultTimeout(90_000);
            await page.GotoAsync(link);
            try
            {
                await person(page);
            }
            catch (TimeoutException e)
            {
                throw new InvalidOperationException($"{page.Url}\n{await page.Locator("body").InnerTextAsync()}\n{await page.ContentAsync()}", e);
            }

            // The agent's own page has a heading. Where a device was let in, the last page is the provider's.
            return new Uri(page.Url).AbsolutePath == "/callback" ? await page.Locator("h1").InnerTextAsync() : "";
        }
    }

    public async Task DisposeAsync()
    {
        if (_browser is not null)
        {
            await _browser.CloseAsync();
        }

        _playwright?.Dispose();
    }
}
