using NetBird.ControlPlane.Users;
using NetBird.ControlPlane.Usage;
using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Primitives;

namespace Dashboard.Tests;

/// <summary>Names, models, sentences and sessions that are markup stay text on every page.</summary>
[Collection(InChromium.Name)]
public sealed class MarkupTests(Chromium chromium)
{
    private const string Markup = "<img src=x onerror=\"document.title='ran'\"><b class=planted>bold</b>";

    /// <summary>Pages, and whether something of the account's is called so on it.</summary>
    private static readonly (string Path, bool Shows)[] Pages =
    [
        ("/", true), ("/usage", true), ("/budgets", true), ("/policies?person=mark", true), ("/providers", true), ("/people", true), ("/groups", true), ("/peers", true),
        ("/setup-keys", true), ("/tokens", true), ("/audit", true), ("/settings", false), ("/session?user=mark&id=" + Uri.EscapeDataString(Markup), true),
        ("/usage?session=" + Uri.EscapeDataString(Markup), true), ("/usage?model=" + Uri.EscapeDataString(Markup), true), ("/my-usage", true),
    ];

    private static readonly (string Path, string Open)[] Dialogs =
    [
        ("/policies", "Change " + Markup), ("/providers", "Change " + Markup), ("/people", "Change " + Markup), ("/peers", "Change " + Markup), ("/budgets", "Change " + Markup),
    ];

    [SkippableFact]
    public async Task MarkupEverywhere_StaysText()
    {
        await using var site = await Site.StartAsync(Fill, now => [new JournalledRecord(1, Row(now)), new JournalledRecord(2, Row(now) with { Id = RequestId.New(), DenyReason = null, DenyText = null, StatusCode = 200, Cost = new(90 * NanoUsd.PerUsd) })]);
        await using var tab = await chromium.SignInAsync(site, Company.Owner);
        foreach (var (path, shows) in Pages)
        {
            await tab.GoAsync(path);
            if (shows)
            {
                await tab.Page.Locator(".page").SeesAsync(Markup);
            }

            await StaysTextAsync(tab, path);
        }

        foreach (var (path, open) in Dialogs)
        {
            await tab.GoAsync(path);
            await tab.Button(open).First.ClickAsync();
            await tab.Dialog().WaitForAsync();
            await StaysTextAsync(tab, path + ": " + open);
        }

        // A refused request with everything that is told of it, what the audit log has of a change, and what REST objects to.
        await tab.GoAsync("/usage?decision=denied");
        await tab.Page.Locator("table.grid tbody .link").First.ClickAsync();
        await tab.Dialog().SeesAsync(Markup);
        await StaysTextAsync(tab, "request");
        await tab.GoAsync("/audit");
        await tab.Page.GetByPlaceholder("Name, action").FillAsync("webhook");
        await tab.KeptAsync("search=webhook");
        await Microsoft.Playwright.Assertions.Expect(tab.Page.Locator("table.grid tbody tr")).ToHaveCountAsync(1);
        await tab.Page.Locator("button.link", new() { HasText = "Changes" }).First.ClickAsync();
        await tab.Page.Locator("tr.detail").SeesAsync("https://hooks.acme.example/<b class=planted>");
        await StaysTextAsync(tab, "audit log");
        await tab.GoAsync("/providers");
        await tab.Button("Change " + Markup).ClickAsync();
        await tab.Dialog().GetByLabel("Models, one a line").FillAndLeaveAsync(Markup);
        await tab.Dialog().Button("Save").Last.ClickAsync();
        await tab.Dialog().GetByRole(Microsoft.Playwright.AriaRole.Alert).SeesAsync(Markup);
        await StaysTextAsync(tab, "objection");
        Assert.Empty(tab.Complaints);
    }

    private static async Task StaysTextAsync(Tab tab, string where)
    {
        Assert.True(await tab.Page.Locator("b.planted, img[src=x]").CountAsync() == 0, where);
        Assert.NotEqual("ran", await tab.Page.TitleAsync());
    }

    private static bool Fill(NetBird.ControlPlane.Store.ConfigurationDraft draft, DateTimeOffset now)
    {
        Company.Fill(draft, now);
        draft.Settings.Put(new() { AccountName = Markup, Contact = Markup });
        draft.Users.Put(Company.Person(new("mark"), "<b class=planted>mark</b>@acme.example", Markup, PasswordHashing.Hash(Company.Password), now) with { AutoGroups = [new("g-markup")] });
        draft.Users.Put(draft.Users[new("olga")] with { Name = Markup + "2", AutoGroups = [new("g-markup")] });
        draft.Users.Put(new() { Id = new("robot"), Name = Markup + "3", Issuer = "", Subject = "robot", IsServiceUser = true, CreatedAt = now, ModifiedAt = now });
        draft.Groups.Put(new() { Id = new("g-markup"), Name = Markup, CreatedAt = now, ModifiedAt = now });
        var policy = draft.Policies[Company.EngineeringPolicy];
        draft.Policies.Put(policy with { Name = Markup, Description = Markup, SourceGroups = policy.SourceGroups.Add(new("g-markup")) });
        draft.Policies.Put(policy with { Id = new("p-second"), Name = Markup + "2", SourceGroups = [new("g-markup")], CreatedAt = now });
        var rail = draft.Guardrails[new("g-current")];
        draft.Guardrails.Put(rail with { Name = Markup, AllowedModels = [Markup] });
        draft.Providers.Put(draft.Providers[Company.Anthropic] with { Name = Markup, Models = [new(Markup, new(now, 1_000, 5_000, null, null, null))] });
        draft.BudgetRules.Put(draft.BudgetRules[new("b-company")] with { Name = Markup });
        draft.LimitRaises.Put(new()
        {
            Id = new("raise"), Source = Company.EngineeringPolicy.Value, Scope = NetBird.Policy.Limits.CapScope.User, Subject = "mark", Unit = NetBird.Policy.Limits.CapUnit.NanoUsd,
            Amount = NanoUsd.PerUsd, StartsAt = now, EndsAt = now.AddDays(1), Reason = Markup, CreatedBy = Markup, CreatedAt = now,
        });
        draft.SetupKeys.Put(new() { Id = new("key"), Name = Markup, Hash = "none", Prefix = "<b class=planted>", AutoGroups = [new("g-markup")], ServiceUser = new("robot"), CreatedAt = now });
        draft.AccessTokens.Put(new() { Id = new("token"), Name = Markup, User = new("robot"), Hash = "none", CreatedAt = now, ExpiresAt = now.AddDays(2) });
        draft.Webhooks.Put(new() { Id = new("hook"), Name = Markup, Url = "https://hooks.acme.example/<b class=planted>", Enabled = false, CreatedAt = now, ModifiedAt = now });
        var peer = draft.Peers.All.First();
        draft.Peers.Put(peer with { LastSeen = now, Name = Markup, Hostname = Markup, Os = Markup, AgentVersion = Markup, TunnelKind = Markup, User = new("mark") });
        draft.Note(new(NetBird.ControlPlane.Audit.AuditActions.UserLogin, "user", "mark", Markup, Markup));
        return true;
    }

    private static UsageRecord Row(DateTimeOffset now) => new()
    {
        Id = RequestId.New(), Timestamp = now.AddMinutes(-3), User = new("mark"), UserName = Markup, Peer = new(Markup), KeyId = Markup, Groups = [new("g-markup")], ChargedGroup = new("g-markup"),
        Policy = Company.EngineeringPolicy, Provider = Company.Anthropic, Kind = RequestKind.Messages, Model = Markup, SessionId = Markup, AgentId = Markup,
        DenyReason = DenyReason.ModelNotAllowed, DenyText = Markup, StatusCode = 400, ProviderRequestId = Markup, Completeness = Completeness.Complete,
    };
}
