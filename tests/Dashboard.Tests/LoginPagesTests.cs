using System.Net.Http.Json;
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
        await tab.LeaveAsync(() => tab.Page.GetByRole(AriaRole.Button, new() { Name = "Set an authenticator app up" }).ClickAsync());
        var picture = await tab.Page.Locator(".qr svg").BoundingBoxAsync();
        Assert.True(picture is { Width: > 120, Height: > 120 }, "The code is too small to be scanned.");
        Assert.Empty(await tab.FaultsAsync());
        await tab.ShootAsync("authenticator");
        var app = new Totp(Base32Encoding.ToBytes((await tab.Page.Locator("code").InnerTextAsync()).Replace(" ", "", StringComparison.Ordinal)));
        await tab.Page.Locator("input[name=code]").FillAsync(app.ComputeTotp());
        await tab.LeaveAsync(() => tab.Page.GetByRole(AriaRole.Button, new() { Name = "Switch it on" }).ClickAsync());
        await tab.Page.Locator("h1").SeesAsync("Your recovery codes");
        Assert.Empty(await tab.FaultsAsync());
        var codes = await tab.Page.Locator(".codes li").AllInnerTextsAsync();
        Assert.Equal(10, codes.Count);

        await using var another = await chromium.OpenAsync(site);
        await another.LogInAsync(Nina);
        await another.Page.Locator("h1").SeesAsync("Second factor");
        Assert.Empty(await another.FaultsAsync());
        await another.Page.Locator("input[name=code]").FillAsync("123456");
        await another.LeaveAsync(() => another.Page.GetByRole(AriaRole.Button, new() { Name = "Log in" }).ClickAsync());
        await another.Page.GetByRole(AriaRole.Alert).SeesAsync("wrong");
        await another.Page.Locator("input[name=code]").FillAsync(codes[0]);
        await another.LeaveAsync(() => another.Page.GetByRole(AriaRole.Button, new() { Name = "Log in" }).ClickAsync());
        await another.Page.Locator(".brand").WaitForAsync();
        await another.Page.GetByRole(AriaRole.Button, new() { Name = "Account" }).ClickAsync();
        await another.LeaveAsync(() => another.Page.GetByText("My login").ClickAsync());
        await another.Page.GetByText("9 recovery codes are left").WaitForAsync();
    }

    [SkippableFact]
    public async Task EveryPageOfTheLogin_HasNoFault()
    {
        await using var site = await Site.StartAsync(Company.Fill);
        var given = (await site.PostAsync("/api/users", new { email = Nina, role = "admin" })).GetProperty("password").GetString()!;
        await using var tab = await chromium.OpenAsync(site);
        var found = new List<string>();
        await tab.Page.GotoAsync("/");
        await LookAsync("login");
        Assert.Equal("username", await tab.Page.EvaluateAsync<string>("() => document.activeElement.name"));
        await tab.LogInAsync(Nina, "not the one");
        await LookAsync("login-wrong");
        Assert.Equal("password", await tab.Page.EvaluateAsync<string>("() => document.activeElement.name"));
        await tab.LogInAsync(Nina, given);
        await LookAsync("login-first");
        await ChooseAsync(tab, "a long enough one", "a long enough onf");
        await LookAsync("login-differ");
        await ChooseAsync(tab, "a long enough one", "a long enough one");
        await tab.Page.Locator(".brand").WaitForAsync();
        await tab.Page.GotoAsync("/idp/account");
        await LookAsync("login-own");
        await PressAsync("Set an authenticator app up");
        await LookAsync("login-app");
        var app = new Totp(Base32Encoding.ToBytes((await tab.Page.Locator("code").InnerTextAsync()).Replace(" ", "", StringComparison.Ordinal)));
        await tab.Page.Locator("input[name=code]").FillAsync(app.ComputeTotp());
        await PressAsync("Switch it on");
        await tab.Page.Locator("h1").SeesAsync("Your recovery codes");
        await LookAsync("login-codes");
        await tab.LeaveAsync(() => tab.Page.GetByText("Done").ClickAsync());
        await tab.LeaveAsync(() => tab.Page.GetByText("Back to the pages").ClickAsync());
        await tab.Page.Locator(".brand").WaitForAsync();

        // A machine without a browser: the code, the question, and what either answer comes to.
        using var machine = new HttpClient { BaseAddress = site.Url };
        foreach (var (answer, title) in ((string, string)[])[("Refuse", "The machine was refused"), ("Connect", "The machine is connected")])
        {
            using var asked = await machine.PostAsync("/idp/device_authorization", new FormUrlEncodedContent([new("client_id", "netbird-agent"), new("scope", "openid profile email groups offline_access")]));
            var code = (await asked.Content.ReadFromJsonAsync<System.Text.Json.JsonElement>()).GetProperty("user_code").GetString()!;
            await tab.Page.GotoAsync("/idp/device");
            await LookAsync("device");
            await tab.Page.GetByLabel("Code").FillAsync("WRONG-ONE");
            await PressAsync("Next");
            await tab.Page.GetByRole(AriaRole.Alert).SeesAsync("wrong or has expired");
            await tab.Page.GetByLabel("Code").FillAsync(code);
            await PressAsync("Next");
            await LookAsync("device-confirm");
            await PressAsync(answer);
            await tab.Page.Locator("h1").SeesAsync(title);
            await LookAsync("device-" + answer.ToLowerInvariant());
        }

        // Asked for wrongly, and an address that nothing is at.
        await tab.Page.GotoAsync("/idp/authorize?client_id=nobody&response_type=code&redirect_uri=http://127.0.0.1:9/");
        await tab.Page.Locator("h1").SeesAsync("This login cannot go on");
        await LookAsync("login-error");
        Assert.Equal(404, (await tab.Page.GotoAsync("/nowhere"))!.Status);
        await tab.Page.Locator("h1").SeesAsync("There is no such page");
        await LookAsync("nowhere");
        await tab.LeaveAsync(() => tab.Page.GetByText("To the pages").ClickAsync());
        await tab.Button("Account").ClickAsync();
        await tab.LeaveAsync(() => tab.Page.GetByText("Sign out").ClickAsync());
        await tab.Page.Locator("h1").SeesAsync("Signed out");
        await LookAsync("signed-out");
        await tab.LogInAsync(Nina, "a long enough one");
        await LookAsync("login-code");
        await using var developer = await chromium.OpenAsync(site);
        await developer.LogInAsync(Company.Developer, path: "/my-usage");
        await developer.Page.GotoAsync("/people");
        await developer.LookAsync("forbidden", found);
        Assert.Empty(found);

        async Task LookAsync(string name)
        {
            foreach (var width in (int[])[390, 1440])
            {
                await tab.Page.SetViewportSizeAsync(width, width < 600 ? 844 : 900);
                await tab.LookAsync(name, found);
            }
        }

        Task PressAsync(string name) => tab.LeaveAsync(() => tab.Page.GetByRole(AriaRole.Button, new() { Name = name }).ClickAsync());
    }

    private static async Task ChooseAsync(Tab tab, string first, string second)
    {
        await tab.Page.GetByLabel("New password").FillAsync(first);
        await tab.Page.GetByLabel("Once more").FillAsync(second);
        await tab.LeaveAsync(() => tab.Page.GetByRole(AriaRole.Button, new() { Name = "Save and log in" }).ClickAsync());
    }
}
