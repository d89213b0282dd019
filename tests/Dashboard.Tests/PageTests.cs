namespace Dashboard.Tests;

/// <summary>Every page, in both colours, on a desk and on a phone: opens, complains of nothing, is accessible, cuts no text.</summary>
[Collection(InChromium.Name)]
public sealed class PageTests(Chromium chromium)
{
    [SkippableTheory]
    [InlineData(1440, false)]
    [InlineData(1440, true)]
    [InlineData(390, false)]
    [InlineData(390, true)]
    public async Task EveryPage_Opened_HasNoFault(int width, bool dark)
    {
        await using var tab = await chromium.SignInAsync(chromium.Acme, Company.Owner, width, dark);
        var found = new List<string>();
        foreach (var path in Site.Pages)
        {
            await tab.GoAsync(path);
            await tab.ShootAsync($"{(path == "/" ? "overview" : path[1..])}-{width}-{(dark ? "dark" : "light")}");
            found.AddRange((await tab.FaultsAsync()).Concat(await tab.CutTextAsync()).Select(fault => $"{path}: {fault}"));
        }

        Assert.Empty(found);
        Assert.Empty(tab.Complaints);
        Assert.All(tab.Requests, url => Assert.StartsWith(chromium.Acme.Url.GetLeftPart(UriPartial.Authority), url, StringComparison.Ordinal));
    }
}
