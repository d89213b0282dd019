namespace Dashboard.Tests;

/// <summary>Every page, on a desk and on a phone, in both colours: opens, complains of nothing, is accessible, cuts no text.</summary>
[Collection(InChromium.Name)]
public sealed class PageTests(Chromium chromium)
{
    [SkippableTheory]
    [InlineData(1440)]
    [InlineData(390)]
    public async Task EveryPage_Opened_HasNoFault(int width)
    {
        await using var tab = await chromium.SignInAsync(chromium.Acme, Company.Owner, width);
        var found = new List<string>();
        foreach (var path in Site.Pages)
        {
            await tab.GoAsync(path);
            await tab.LookAsync(path == "/" ? "overview" : path[1..], found);
        }

        Assert.Empty(found);
        Assert.Empty(tab.Complaints);
        Assert.All(tab.Requests, url => Assert.StartsWith(chromium.Acme.Url.GetLeftPart(UriPartial.Authority), url, StringComparison.Ordinal));
    }
}
