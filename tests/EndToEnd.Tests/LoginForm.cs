using System.Net;
using System.Text.RegularExpressions;

namespace EndToEnd.Tests;

/// <summary>Does what a person does in the browser: follows the link, fills the form in, is sent back to the agent.</summary>
internal static partial class LoginForm
{
    /// <returns>The last page: the agent's, or the form again when the login was refused.</returns>
    public static async Task<string> SubmitAsync(Uri link, string user, string password)
    {
        using var handler = new HttpClientHandler { CookieContainer = new CookieContainer() };
        using var browser = new HttpClient(handler) { Timeout = TimeSpan.FromSeconds(20) };
        using var page = await browser.GetAsync(link);
        var html = await page.Content.ReadAsStringAsync();
        var action = Action().Match(html) is { Success: true } match ? WebUtility.HtmlDecode(match.Groups[1].Value) : "";
        var fields = Hidden().Matches(html)
            .Select(input => (Name: Attribute(input.Value, "name"), Value: Attribute(input.Value, "value")))
            .Append(("username", user))
            .Append(("password", password))
            .Select(field => KeyValuePair.Create(field.Item1, field.Item2));
        using var form = new FormUrlEncodedContent(fields);
        using var answer = await browser.PostAsync(new Uri(page.RequestMessage!.RequestUri!, action), form);
        return await answer.Content.ReadAsStringAsync();
    }

    private static string Attribute(string tag, string name)
        => WebUtility.HtmlDecode(Regex.Match(tag, name + "=\"([^\"]*)\"").Groups[1].Value);

    [GeneratedRegex("<form[^>]*action=\"([^\"]*)\"")]
    private static partial Regex Action();

    [GeneratedRegex("<input[^>]*type=\"hidden\"[^>]*>")]
    private static partial Regex Hidden();
}
