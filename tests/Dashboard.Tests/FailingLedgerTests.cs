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
                draft.BudgetRules.Put(new()
                {
                    Id = new("b-company"), Name = "Company ceiling", CreatedAt = now, ModifiedAt = now,
                    Limits = new(NetBird.ControlPlane.Policies.LimitSetting.Off, new(true, 0, 400 * NetBird.Primitives.NanoUsd.PerUsd, 86400, false)),
                });
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
        var found = new List<string>();
        await LookAsync(log, "usage-failing");
        foreach (var (path, says) in ((string, string)[])[("/my-usage", "How full your limits are cannot be read"), ("/session?id=x", "The usage ledger"), ("/audit", "The audit log"), ("/budgets", "The counters"), ("/usage?view=sessions", "The usage ledger"), ("/", "The usage ledger")])
        {
            await tab.Page.EvaluateAsync("path => Blazor.navigateTo(path)", path);
            await tab.Page.Locator(".page").SeesAsync(says);
            await tab.Page.Locator(".page").SeesAsync("cannot be read right now");
            await LookAsync(tab, path == "/" ? "failing-overview" : "failing-" + path[1..].Replace("?view=", "-", StringComparison.Ordinal).Split('?')[0]);
        }

        Assert.Empty(found);

        cluster.Start();
        await tab.Page.Locator(".steps").SeesAsync("Connect a provider");
        await Assertions.Expect(tab.Page.GetByText("cannot be read right now")).ToHaveCountAsync(0, new() { Timeout = 60_000 });
        await log.Button("Try again").ClickAsync();
        await log.Page.Locator(".empty").SeesAsync("No request matches");

        async Task LookAsync(Tab at, string name)
        {
            foreach (var width in (int[])[390, 1440])
            {
                await at.Page.SetViewportSizeAsync(width, width < 600 ? 844 : 900);
                await at.LookAsync(name, found);
            }
        }
    }
}
