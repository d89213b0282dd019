using EndToEnd.Tests;
using Microsoft.Playwright;

namespace Dashboard.Tests;

/// <summary>Debian's Chromium without a window, driven by Playwright, and one account that tests read.</summary>
public sealed class Chromium : IAsyncLifetime
{
    private const string Executable = "/usr/bin/chromium";
    private IPlaywright? _playwright;
    private IBrowser? _browser;
    private Site? _acme;

    internal static bool IsInstalled => File.Exists(Executable);

    /// <summary>Thirty people and thirty days; tests leave it as they found it.</summary>
    internal Site Acme => _acme ?? throw new InvalidOperationException("The account is not up.");

    public async Task InitializeAsync()
    {
        if (!IsInstalled)
        {
            return;
        }

        // Its own five seconds are too few for a loaded machine.
        Assertions.SetDefaultExpectTimeout(60_000);
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new()
        {
            ExecutablePath = Executable,
            Args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        });
        _acme = await Site.StartAsync(Company.Fill, now => History.Of(now));
    }

    /// <summary>A browser of somebody's own: no cookies yet, and everything it says is kept.</summary>
    internal async Task<Tab> OpenAsync(Site site, int width = 1440, bool dark = false, string? zone = "Europe/Berlin")
    {
        Skip.IfNot(IsInstalled, "Chromium is not installed");
        var context = await _browser!.NewContextAsync(new() // set where Chromium is installed
        {
            BaseURL = site.Url.ToString(),
            ViewportSize = new() { Width = width, Height = width < 600 ? 844 : 900 },
            ColorScheme = dark ? ColorScheme.Dark : ColorScheme.Light,
            TimezoneId = zone,
            HasTouch = width < 600,
            AcceptDownloads = true,
        });
        await context.GrantPermissionsAsync(["clipboard-read", "clipboard-write"]);
        return await Tab.OpenAsync(context);
    }

    /// <summary>As <see cref="OpenAsync"/>, signed in.</summary>
    internal async Task<Tab> SignInAsync(Site site, string email, int width = 1440, bool dark = false)
    {
        var tab = await OpenAsync(site, width, dark);
        await tab.LogInAsync(email);
        return tab;
    }

    public async Task DisposeAsync()
    {
        if (_browser is not null)
        {
            await _browser.CloseAsync();
        }

        _playwright?.Dispose();
        if (_acme is not null)
        {
            await _acme.DisposeAsync();
        }
    }
}

/// <summary>Every test here shares the browser and the account.</summary>
[CollectionDefinition(Name)]
public sealed class InChromium : ICollectionFixture<Chromium>
{
    public const string Name = "chromium";
}
