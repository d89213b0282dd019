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

    [SkippableFact]
    public async Task MarkupEverywhere_StaysText()
    {
        await using var site = await Site.StartAsync(Fill, now => [new JournalledRecord(1, Row(now))]);
        await using var tab = await chromium.SignInAsync(site, Company.Owner);
        foreach (var path in (string[])
        [
            "/", "/usage", "/budgets", "/policies?person=mark", "/providers", "/people", "/groups", "/peers", "/setup-keys", "/tokens", "/audit", "/settings",
            "/session?id=" + Uri.EscapeDataString(Markup), "/usage?session=" + Uri.EscapeDataString(Markup), "/my-usage",
        ])
        {
            await tab.GoAsync(path);
            Assert.Equal(0, await tab.Page.Locator("b.planted, img[src=x]").CountAsync());
            Assert.NotEqual("ran", await tab.Page.TitleAsync());
        }

        await tab.GoAsync("/usage");
        await tab.Page.Locator("table.grid tbody .link").First.ClickAsync();
        await tab.Dialog().SeesAsync(Markup);
        Assert.Equal(0, await tab.Page.Locator("b.planted, img[src=x]").CountAsync());
        Assert.Empty(tab.Complaints);
    }

    private static bool Fill(NetBird.ControlPlane.Store.ConfigurationDraft draft, DateTimeOffset now)
    {
        Company.Fill(draft, now);
        draft.Settings.Put(new() { AccountName = Markup, Contact = Markup });
        draft.Users.Put(Company.Person(new("mark"), "mark@acme.example", Markup, PasswordHashing.Hash(Company.Password), now) with { AutoGroups = [new("g-markup")] });
        draft.Groups.Put(new() { Id = new("g-markup"), Name = Markup, CreatedAt = now, ModifiedAt = now });
        var policy = draft.Policies[Company.EngineeringPolicy];
        draft.Policies.Put(policy with { Name = Markup, Description = Markup, SourceGroups = policy.SourceGroups.Add(new("g-markup")) });
        var rail = draft.Guardrails[new("g-current")];
        draft.Guardrails.Put(rail with { Name = Markup, AllowedModels = [Markup] });
        draft.Providers.Put(draft.Providers[Company.Anthropic] with { Name = Markup });
        draft.BudgetRules.Put(draft.BudgetRules[new("b-company")] with { Name = Markup });
        var peer = draft.Peers.All.First();
        draft.Peers.Put(peer with { Name = Markup, Hostname = Markup, Os = Markup, AgentVersion = Markup });
        return true;
    }

    private static UsageRecord Row(DateTimeOffset now) => new()
    {
        Id = RequestId.New(), Timestamp = now.AddMinutes(-3), User = new("mark"), UserName = Markup, Groups = [new("g-markup")], ChargedGroup = new("g-markup"),
        Policy = Company.EngineeringPolicy, Provider = Company.Anthropic, Kind = RequestKind.Messages, Model = Markup, SessionId = Markup, AgentId = Markup,
        DenyReason = DenyReason.ModelNotAllowed, DenyText = Markup, StatusCode = 400, ProviderRequestId = Markup, Completeness = Completeness.Complete,
    };
}
