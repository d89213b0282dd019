using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Benchmarks.Gateway.Subjects;

/// <summary>Signs a person in at Claude apps gateway by its device flow (RFC 8628), filling the pages' forms as a browser would.</summary>
internal static partial class DeviceSignIn
{
    /// <returns>A bearer.</returns>
    /// <exception cref="InvalidOperationException">A page asked for something else.</exception>
    public static async Task<string> RunAsync(Uri gateway)
    {
        using var browser = new HttpClient(new SocketsHttpHandler { CookieContainer = new CookieContainer(), MaxAutomaticRedirections = 15 });
        var grant = await FormAsync(browser, new(gateway, "/oauth/device_authorization"), new() { ["surface"] = "claude_code" });
        var (at, page) = await ReadAsync(await browser.GetAsync(grant.GetProperty("verification_uri_complete").GetString()));
        for (var step = 0; step < 6 && page.Contains("<form", StringComparison.OrdinalIgnoreCase); step++)
        {
            var fields = Input().Matches(page).Select(input => (Name: Name().Match(input.Value), Value: Value().Match(input.Value)))
                .Where(field => field.Name.Success).ToDictionary(field => field.Name.Groups[1].Value, field => WebUtility.HtmlDecode(field.Value.Groups[1].Value));
            if (fields.Remove("login"))
            {
                fields.Add("login", "ana");
                fields["password"] = "x";
            }

            var target = Action().Match(page) is { Success: true } action ? new Uri(at, WebUtility.HtmlDecode(action.Groups[1].Value)) : at;
            using var post = new HttpRequestMessage(HttpMethod.Post, target) { Content = new FormUrlEncodedContent(fields) };
            post.Headers.Add("Origin", target.GetLeftPart(UriPartial.Authority));
            post.Headers.Referrer = at;
            (at, page) = await ReadAsync(await browser.SendAsync(post));
        }

        var token = await FormAsync(browser, new(gateway, "/oauth/token"), new()
        {
            ["grant_type"] = "urn:ietf:params:oauth:grant-type:device_code", ["device_code"] = grant.GetProperty("device_code").GetString()!,
        });
        return token.TryGetProperty("access_token", out var bearer)
            ? bearer.GetString()!
            : throw new InvalidOperationException($"Nobody is signed in at Claude apps gateway: {token}; the last page was {at}");
    }

    private static async Task<JsonElement> FormAsync(HttpClient browser, Uri url, Dictionary<string, string> fields)
    {
        using var body = new FormUrlEncodedContent(fields);
        using var response = await browser.PostAsync(url, body);
        return await response.Content.ReadFromJsonAsync<JsonElement>();
    }

    private static async Task<(Uri At, string Page)> ReadAsync(HttpResponseMessage response)
    {
        using (response)
        {
            return (response.RequestMessage!.RequestUri!, await response.Content.ReadAsStringAsync());
        }
    }

    [GeneratedRegex("<form[^>]*action=\"([^\"]*)\"", RegexOptions.IgnoreCase)]
    private static partial Regex Action();

    [GeneratedRegex("<input[^>]*>", RegexOptions.IgnoreCase)]
    private static partial Regex Input();

    [GeneratedRegex("name=\"([^\"]*)\"")]
    private static partial Regex Name();

    [GeneratedRegex("value=\"([^\"]*)\"")]
    private static partial Regex Value();
}
