using System.Net;
using System.Text.RegularExpressions;

namespace NetBird.ControlPlane.Tests.Identity;

/// <summary>What a person's browser does at the IdP, without script: cookies, redirects within the site, forms.</summary>
internal sealed partial class Browser : IDisposable
{
    /// <summary>What everybody has who is made for a test.</summary>
    public const string Password = "correct horse battery";

    private readonly HttpClient _http;
    private readonly Uri _site;

    /// <param name="site">Where it goes.</param>
    /// <param name="cookies">What it begins with; null: none.</param>
    public Browser(Uri site, CookieContainer? cookies = null)
    {
        _site = site;
        Cookies = cookies ?? new();
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = Cookies });
    }

    public CookieContainer Cookies { get; }

    /// <summary>The last page.</summary>
    public string Page { get; private set; } = "";

    public HttpStatusCode Status { get; private set; }

    /// <summary>Where a redirect led out of the site, such as the agent's callback; null while inside.</summary>
    public Uri? Left { get; private set; }

    public Task OpenAsync(string url) => FollowAsync(new HttpRequestMessage(HttpMethod.Get, new Uri(_site, url)));

    /// <summary>Fills in the page's form and sends it.</summary>
    public Task SubmitAsync(params (string Name, string Value)[] fields)
        => SubmitAsync(Decode(FormAction().Match(Page).Groups[1].Value), fields);

    /// <summary>The same by a button that sends it elsewhere.</summary>
    public Task SubmitAsync(string action, params (string Name, string Value)[] fields)
    {
        var values = HiddenField().Matches(Page)
            .ToDictionary(match => Decode(match.Groups[1].Value), match => Decode(match.Groups[2].Value));
        foreach (var (name, value) in fields)
        {
            values[name] = value;
        }

        return FollowAsync(new HttpRequestMessage(HttpMethod.Post, new Uri(_site, action)) { Content = new FormUrlEncodedContent(values) });
    }

    public Task LogInAsync(string username, string password = Password)
        => SubmitAsync(("username", username), ("password", password));

    /// <summary>A parameter that came back with the redirect out.</summary>
    public string? Returned(string name)
        => Left is null ? null : System.Web.HttpUtility.ParseQueryString(Left.Query)[name];

    public void Dispose() => _http.Dispose();

    private static string Decode(string text) => WebUtility.HtmlDecode(text);

    private async Task FollowAsync(HttpRequestMessage request)
    {
        for (var hops = 0; hops < 10; hops++)
        {
            using var response = await _http.SendAsync(request);
            (Status, Page, Left) = (response.StatusCode, await response.Content.ReadAsStringAsync(), null);
            if (response.Headers.Location is not { } location)
            {
                return;
            }

            var next = new Uri(request.RequestUri!, location);
            if (next.Authority != _site.Authority)
            {
                Left = next;
                return;
            }

            request = new HttpRequestMessage(HttpMethod.Get, next);
        }

        Assert.Fail("More than ten redirects.");
    }

    [GeneratedRegex("<input type=\"hidden\" name=\"([^\"]*)\" value=\"([^\"]*)\"")]
    private static partial Regex HiddenField();

    [GeneratedRegex("<form[^>]*action=\"([^\"]*)\"")]
    private static partial Regex FormAction();
}
