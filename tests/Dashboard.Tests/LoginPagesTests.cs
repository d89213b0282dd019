using Microsoft.Playwright;
using NetBird.ControlPlane.Users;
using OtpNet;

namespace Dashboard.Tests;

/// <summary>The embedded IdP's pages in a browser: the first password, too many wrong ones, an authenticator app and its loss.</summary>
[Collection(InChromium.Name)]
public sealed class LoginPagesTests(Chromium chromium)
{
    private const string Nina = "nina@acme.example";

    [SkippableFact]
    public async Task FirstPassword_HasToBeChanged_ThenTooManyWrongOnesLock()
    {
        await using var site = await Site.StartAsync();
        var given = (await site.PostAsync("/api/users", new { email = Nina, role = "admin" })).GetProperty("password").GetString()!;
        await using var tab = await chromium.OpenAsync(site);
        await tab.LogInAsync(Nina, given);
        await tab.Page.Locator("h1").SeesAsync("Choose a new password");
        Assert.Empty(await tab.FaultsAsync());
        await ChooseAsync(tab, "short", "short");
        await tab.Page.GetByRole(AriaRole.Alert).SeesAsync($"at least {PasswordHashing.MinLength}");
        await ChooseAsync(tab, "a long enough one", "a long enough onf");
        await tab.Page.GetByRole(AriaRole.Alert).SeesAsync("differ");
        await ChooseAsync(tab, "a long enough one", "a long enough one");
        await tab.Page.Locator(".brand").WaitForAsync();

        await using var another = await chromium.OpenAsync(site);
        for (var i = 0; i < 5; i++)
        {
            await another.LogInAsync(Nina, given);
            await another.Page.GetByRole(AriaRole.Alert).SeesAsync("wrong");
        }

        // Also with the right one now: who guesses does not learn that it was.
        await another.LogInAsync(Nina, "a long enough one");
        await another.Page.GetByRole(AriaRole.Alert).SeesAsync("Too many attempts. Try again in 1 min.");
    }

    [SkippableFact]
    public async Task AuthenticatorApp_SetUpFromTheMenu_IsAskedFor_AndARecoveryCodeStandsIn()
    {
        await using var site = await Site.StartAsync();
        await site.PostAsync("/api/users", new { email = Nina, role = "admin", password = Company.Password });
        await using var tab = await chromium.OpenAsync(site);
        await tab.LogInAsync(Nina);
        await tab.Page.Locator(".brand").WaitForAsync();
        await tab.GoAsync("/idp/account");
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Set an authenticator app up" }).ClickAsync();
        var picture = await tab.Page.Locator(".qr svg").BoundingBoxAsync();
        Assert.True(picture is { Width: > 120, Height: > 120 }, "The code is too small to be scanned.");
        Assert.Empty(await tab.FaultsAsync());
        await tab.ShootAsync("authenticator");
        var app = new Totp(Base32Encoding.ToBytes((await tab.Page.Locator("code").InnerTextAsync()).Replace(" ", "", StringComparison.Ordinal)));
        await tab.Page.Locator("input[name=code]").FillAsync(app.ComputeTotp());
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Switch it on" }).ClickAsync();
        await tab.Page.Locator("h1").SeesAsync("Your recovery codes");
        Assert.Empty(await tab.FaultsAsync());
        var codes = await tab.Page.Locator(".codes li").AllInnerTextsAsync();
        Assert.Equal(10, codes.Count);

        await using var another = await chromium.OpenAsync(site);
        await another.LogInAsync(Nina);
        await another.Page.Locator("h1").SeesAsync("Second factor");
        Assert.Empty(await another.FaultsAsync());
        await another.Page.Locator("input[name=code]").FillAsync("123456");
        await another.Page.GetByRole(AriaRole.Button, new() { Name = "Log in" }).ClickAsync();
        await another.Page.GetByRole(AriaRole.Alert).SeesAsync("wrong");
        await another.Page.Locator("input[name=code]").FillAsync(codes[0]);
        await another.Page.GetByRole(AriaRole.Button, new() { Name = "Log in" }).ClickAsync();
        await another.Page.Locator(".brand").WaitForAsync();
        await another.Page.GetByRole(AriaRole.Button, new() { Name = "Account" }).ClickAsync();
        await another.Page.GetByText("My login").ClickAsync();
        await another.Page.GetByText("9 recovery codes are left").WaitForAsync();
    }

    private static async Task ChooseAsync(Tab tab, string first, string second)
    {
        await tab.Page.GetByLabel("New password").FillAsync(first);
        await tab.Page.GetByLabel("Once more").FillAsync(second);
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Save and log in" }).ClickAsync();
    }
}
