using System.Globalization;
using Microsoft.Playwright;
using NetBird.ControlPlane.Dashboard.Viewing;
using NetBird.ControlPlane.Usage;
using NetBird.ControlPlane.Users;
using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace Dashboard.Tests;

/// <summary>The overview's figures are the ledger's, of any range in any zone, and come by themselves.</summary>
[Collection(InChromium.Name)]
public sealed class OverviewTests(Chromium chromium)
{
    [SkippableFact]
    public async Task EveryFigure_OfAMonthInAZone_IsTheLedgers()
    {
        await using var tab = await chromium.OpenAsync(chromium.Acme, zone: "Asia/Kathmandu");
        await tab.LogInAsync(Company.Owner);
        var zone = TimeZoneInfo.FindSystemTimeZoneById("Asia/Kathmandu");
        var now = DateTimeOffset.UtcNow;
        var local = TimeZoneInfo.ConvertTime(now, zone);
        DateTimeOffset Midnight(DateOnly day) => new(day.ToDateTime(default), zone.BaseUtcOffset); // no summer time there
        var today = Midnight(DateOnly.FromDateTime(local.Date));
        var month = Midnight(new DateOnly(local.Year, local.Month, 1));
        await ShowsAsync("Today", await SumAsync(today, now));
        await ShowsAsync(local.ToString("MMMM", CultureInfo.InvariantCulture) + " so far", await SumAsync(month, now));
        await tab.Page.Locator(".strip").SeesAsync("if it goes on as in the last 7 days");
        Assert.True(await ValueOfAsync(".strip > div:nth-child(3)") > await ValueOfAsync(".strip > div:nth-child(2)"), "The forecast is below what is spent.");

        // A range of one's own, of whole days there.
        var (first, last) = (DateOnly.FromDateTime(local.Date).AddDays(-12), DateOnly.FromDateTime(local.Date).AddDays(-3));
        await tab.Page.GetByLabel("Range").SelectOptionAsync("Custom");
        await tab.Page.GetByLabel("From", new() { Exact = true }).FillAsync(first.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
        await tab.Page.GetByLabel("To", new() { Exact = true }).FillAsync(last.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
        var (from, to) = (Midnight(first), Midnight(last.AddDays(1)));
        var sums = await SumAsync(from, to);
        var before = await SumAsync(from - (to - from), from);
        await CardAsync("Requests").Locator(".value").SeesAsync(Figures.Count(sums.Requests));
        await CardAsync("Spend").Locator(".value").SeesAsync(Figures.Usd(sums.Cost));
        await Assertions.Expect(CardAsync("Spend").Locator(".value")).ToHaveAttributeAsync("title", Figures.UsdExact(sums.Cost));
        await Assertions.Expect(CardAsync("Tokens").Locator(".value")).ToHaveAttributeAsync("title", Figures.Count(sums.Tokens.Total));
        await CardAsync("Refused").Locator(".value").SeesAsync(Figures.Count(sums.Denied));
        await CardAsync("Read from cache").Locator(".value").SeesAsync(Figures.Share(sums.Tokens.CacheRead, sums.Tokens.Prompt));
        foreach (var (name, one, other) in ((string, long, long)[])[("Spend", sums.Cost.Value, before.Cost.Value), ("Tokens", sums.Tokens.Total, before.Tokens.Total), ("Requests", sums.Requests, before.Requests)])
        {
            var percent = (long)Math.Round((decimal)(one - other) / other * 100);
            await CardAsync(name).Locator(".note").SeesAsync(percent == 0 ? "as in the period before" : $"{(percent > 0 ? "▲" : "▼")} {Figures.Count(Math.Abs(percent))}%");
        }

        // Of the newest five hundred that were let through, how soon they began to answer; of all, how many failed.
        var sample = new List<UsageRecord>();
        await foreach (var row in chromium.Acme.Ledger.EnumerateAsync(new() { From = from, To = to, Allowed = true, Newest = 500 }, default))
        {
            sample.Add(row);
        }

        var first500 = sample.Select(row => row.TimeToFirstByte).OfType<TimeSpan>().Order().ToList();
        await CardAsync("Time to first token").Locator(".value").SeesAsync(Figures.Duration(first500[(first500.Count - 1) / 2]));
        var failed = 0L;
        await foreach (var row in chromium.Acme.Ledger.EnumerateAsync(new() { From = from, To = to, Allowed = true }, default))
        {
            failed += row.StatusCode is 0 or >= 400 ? 1 : 0;
        }

        Assert.InRange(failed, 1, sums.Requests - 1);
        await CardAsync("Errors").Locator(".value").SeesAsync(Figures.Count(failed));
        await CardAsync("Errors").Locator(".note").SeesAsync($"{Figures.Share(failed, sums.Requests - sums.Denied)}, before ");
        await CardAsync("Errors").Locator(".note").SeesAsync($"{Figures.Count(sums.Interrupted)} interrupted");

        // What caching saved: the same prompts at the plain price, less what was paid for them.
        var byModel = await chromium.Acme.Ledger.OverviewAsync(new(from, to, Granularity.Whole, OverviewKey.Model, zone), default);
        var saved = byModel.Where(row => PriceTable.Default.ListPrice(row.Key, now) is not null).Sum(row =>
        {
            var (rates, tokens) = (PriceTable.Default.ListPrice(row.Key, now)!.Rates, row.Totals.Tokens); // it has one
            return (tokens.CacheRead * (rates.Input - rates.CacheRead)) + (tokens.CacheWrite5m * (rates.Input - rates.CacheWrite5m)) + (tokens.CacheWrite1h * (rates.Input - rates.CacheWrite1h));
        });
        await Assertions.Expect(CardAsync("Saved by caching").Locator(".value")).ToHaveAttributeAsync("title", Figures.UsdExact(new(saved)));

        // The dearest three lists, each a way to its requests, and the table of all.
        foreach (var (heading, by) in ((string, OverviewKey)[])[("People", OverviewKey.User), ("Groups", OverviewKey.Group), ("Models", OverviewKey.Model)])
        {
            var rows = await chromium.Acme.Ledger.OverviewAsync(new(from, to, Granularity.Whole, by, zone), default);
            var dearest = rows.MaxBy(row => row.Totals.Cost.Value)!; // there are some
            var line = tab.Page.Locator(".panel", new() { Has = tab.Page.GetByRole(AriaRole.Heading, new() { Name = heading, Exact = true }) }).Locator(".bars li").First;
            await line.SeesAsync(Figures.Usd(dearest.Totals.Cost));
            await Assertions.Expect(line.Locator("a")).ToHaveAttributeAsync("href", new System.Text.RegularExpressions.Regex(System.Text.RegularExpressions.Regex.Escape($"={Uri.EscapeDataString(dearest.Key)}&")));
        }

        await Assertions.Expect(tab.Page.Locator("table.grid tfoot td").Last).ToHaveAttributeAsync("title", Figures.UsdExact(sums.Cost));
        Assert.Empty(tab.Complaints);

        ILocator CardAsync(string label) => tab.Page.Locator($".card:has(.label:text-is('{label}'))");

        Task ShowsAsync(string label, UsageTotals totals) => tab.Page.Locator($".strip > div:has(.label:text-is('{label}'))").SeesAsync(Figures.Usd(totals.Cost));

        async Task<decimal> ValueOfAsync(string where) => decimal.Parse((await tab.Page.Locator(where).Locator(".value").GetAttributeAsync("title"))!.TrimStart('$'), CultureInfo.InvariantCulture);

        Task<UsageTotals> SumAsync(DateTimeOffset since, DateTimeOffset until) => chromium.Acme.Ledger.SumAsync(since, until, null, default);
    }

    [SkippableFact]
    public async Task NextRequest_ShowsUpByItself_AndWhoIsNearACapIsSaid()
    {
        await using var site = await Site.StartAsync(Company.Fill, now => [new JournalledRecord(1, Row(1, now.AddHours(-1), 130))]);
        await using var tab = await chromium.SignInAsync(site, Company.Owner);
        await tab.Page.Locator(".card:has(.label:text-is('Requests')) .value").SeesAsync("1");
        await tab.Page.Locator(".panel", new() { HasText = "About to reach a limit" }).SeesAsync("of $160.00");

        await site.Ledger.AppendAsync([new(2, Row(2, DateTimeOffset.UtcNow.AddSeconds(-5), 1) with { DenyReason = DenyReason.LimitReached, Cost = default, StatusCode = 429 })], default);

        await Assertions.Expect(tab.Page.Locator(".card:has(.label:text-is('Requests')) .value")).ToHaveTextAsync("2", new() { Timeout = 60_000 });
        await Assertions.Expect(tab.Page.Locator(".card:has(.label:text-is('Refused')) .value")).ToHaveTextAsync("1", new() { Timeout = 60_000 });
        Assert.Empty(tab.Complaints);
    }

    private static UsageRecord Row(int number, DateTimeOffset at, long dollars) => new()
    {
        Id = new($"r{number}"), Timestamp = at, User = Company.Developers[0].Id, UserName = Company.Developer, Groups = [Company.Groups[0]], ChargedGroup = Company.Groups[0],
        Policy = Company.EngineeringPolicy, Provider = Company.Anthropic, Kind = RequestKind.Messages, Model = "claude-opus-5-5", SessionId = "s", StatusCode = 200,
        Usage = new(new TokenUsage(1_000, 500)), Cost = new(dollars * NanoUsd.PerUsd), Completeness = Completeness.Complete, Duration = TimeSpan.FromSeconds(3),
    };
}
