using Microsoft.Playwright;
using NetBird.ControlPlane.Tests.Usage.Postgres;

namespace Dashboard.Tests;

/// <summary>The usage ledger's database is gone while people look: pages say so, stay, and come back with it.</summary>
[Collection(InChromium.Name)]
public sealed class FailingLedgerTests(Chromium chromium)
{
    [SkippableFact]
    public async Task DatabaseStopped_PagesSayIt_AndGoOnWhenItIsBack()
    {
        using var cluster = new PostgresCluster();
        Skip.IfNot(cluster.Missing is null, cluster.Missing);
        await using var site = await Site.StartAsync(
            (draft, now) =>
            {
                draft.Users.Put(Company.Person(new("olga"), Company.Owner, "Olga Owner", NetBird.ControlPlane.Users.PasswordHashing.Hash(Company.Password), now) with { Role = NetBird.ControlPlane.Users.Role.Owner });
                return true;
            },
            postgres: cluster.ConnectionString);
        await using var tab = await chromium.SignInAsync(site, Company.Owner);
        await tab.Page.Locator(".steps").SeesAsync("Connect a provider");
        await using var log = await chromium.SignInAsync(site, Company.Owner);
        await log.GoAsync("/usage");
        await log.Page.Locator(".empty").SeesAsync("No request matches");

        cluster.Stop();
        await log.Page.GetByLabel("Refusal says").FillAndLeaveAsync("anything");
        await log.Page.GetByRole(AriaRole.Alert).SeesAsync("The usage ledger cannot be read right now.");
        await log.ShootAsync("usage-failing-1440-light");
        await tab.Page.EvaluateAsync("() => Blazor.navigateTo('/my-usage')");
        await tab.Page.GetByRole(AriaRole.Alert).First.SeesAsync("cannot be read right now");
        await tab.ShootAsync("my-usage-failing-1440-light");
        await tab.Page.EvaluateAsync("() => Blazor.navigateTo('/')");
        await tab.Page.GetByRole(AriaRole.Alert).First.SeesAsync("The usage ledger cannot be read right now");
        await tab.ShootAsync("overview-failing-1440-light");

        cluster.Start();
        await tab.Page.Locator(".steps").SeesAsync("Connect a provider");
        await Assertions.Expect(tab.Page.GetByText("cannot be read right now")).ToHaveCountAsync(0, new() { Timeout = 60_000 });
        await log.Button("Try again").ClickAsync();
        await log.Page.Locator(".empty").SeesAsync("No request matches");
    }
}
