using System.Net;
using NetBird.ControlPlane.Users;

namespace NetBird.ControlPlane.Tests.Identity;

/// <summary>What a foreign web page could do through a person's browser: nothing is shared across origins, and nobody is sent away.</summary>
public sealed class BrowserDoorsTests(BrowserDoorsTests.Site site) : IClassFixture<BrowserDoorsTests.Site>
{
    private const string Evil = "https://evil.example";

    private readonly RunningControlPlane _server = site.Plane;

    [Theory]
    [InlineData("GET", "/api/users/current")]
    [InlineData("POST", "/api/groups")]
    [InlineData("DELETE", "/api/users/x")]
    [InlineData("GET", "/scim/v2/Users")]
    [InlineData("POST", "/netbird.agent.v1.AgentService/GetChallenge")]
    [InlineData("POST", "/netbird.agent.v1.AgentService/Enrol")]
    [InlineData("POST", "/idp/token")]
    [InlineData("POST", "/idp/login")]
    [InlineData("GET", "/idp/userinfo")]
    [InlineData("GET", "/")]
    [InlineData("POST", "/_blazor/negotiate")]
    [InlineData("GET", "/metrics")]
    [InlineData("GET", "/openapi/v1.json")]
    public async Task Origin_ThatIsForeign_IsAllowedNothing(string method, string path)
    {
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = _server.Url };
        foreach (var origin in (string[])[Evil, "null"])
        {
            using var preflight = new HttpRequestMessage(HttpMethod.Options, path);
            preflight.Headers.Add("Origin", origin);
            preflight.Headers.Add("Access-Control-Request-Method", method);
            preflight.Headers.Add("Access-Control-Request-Headers", "authorization, content-type");
            using var before = await http.SendAsync(preflight);
            using var request = new HttpRequestMessage(new(method), path);
            request.Headers.Add("Origin", origin);
            using var answer = await http.SendAsync(request);

            Assert.DoesNotContain(before.Headers.Concat(answer.Headers), header => header.Key.StartsWith("Access-Control-Allow", StringComparison.OrdinalIgnoreCase));
        }
    }

    /// <summary>A form on another site needs no preflight; the cookie comes along where a browser is lax.</summary>
    [Theory]
    [InlineData("Sec-Fetch-Site", "cross-site")]
    [InlineData("Sec-Fetch-Site", "same-site")]
    [InlineData("Sec-Fetch-Site", "none")]
    [InlineData("Origin", Evil)]
    [InlineData("Origin", "null")]
    [InlineData("", "")]
    public async Task Cookie_SentByAForeignPage_ChangesNothing(string header, string value)
    {
        using var browser = new Visitor(_server.Url);
        await browser.LogInAsync();
        Assert.Equal(HttpStatusCode.OK, await browser.SendAsync(HttpMethod.Get, "/api/users/current", ("Sec-Fetch-Site", "same-origin")));

        foreach (var (method, path) in ((string, string)[])[("POST", "/api/groups"), ("PUT", "/api/agent-network/settings"), ("DELETE", "/api/groups/all"), ("POST", "/api/users/x/tokens")])
        {
            Assert.Equal(HttpStatusCode.Unauthorized, await browser.SendAsync(new(method), path, header.Length == 0 ? [] : [(header, value)]));
        }

        // Nor does it log anybody out: that takes the page's own form.
        Assert.Equal(HttpStatusCode.OK, await browser.SendAsync(HttpMethod.Get, "/api/users/current", ("Sec-Fetch-Site", "same-origin")));
    }

    [Theory]
    [InlineData("/login?return=https://evil.example/")]
    [InlineData("/login?return=//evil.example/")]
    [InlineData("/login?return=/%5Cevil.example")]
    [InlineData("/login?return=%09//evil.example")]
    [InlineData("/idp/login?return=https://evil.example/")]
    [InlineData("/idp/logout?post_logout_redirect_uri=https://evil.example/")]
    [InlineData("/idp/logout?post_logout_redirect_uri=https://evil.example/&client_id=netbird-agent")]
    [InlineData("/idp/authorize?response_type=code&client_id=netbird-agent&redirect_uri=https://evil.example/&scope=openid&state=s&code_challenge=abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz&code_challenge_method=S256")]
    [InlineData("/idp/authorize?response_type=code&client_id=netbird-dashboard&redirect_uri=http://127.0.0.1/callback&scope=openid&state=s&code_challenge=abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz&code_challenge_method=S256")]
    public async Task Destination_ThatIsForeign_IsNeverGoneTo(string path)
    {
        using var browser = new Browser(_server.Url);
        await browser.OpenAsync(path);
        if (browser.Page.Contains("name=\"password\"", StringComparison.Ordinal))
        {
            await browser.LogInAsync("ana@example.com");
        }

        Assert.Null(browser.Left);

        // Once more with a session.
        await browser.OpenAsync(path);
        Assert.Null(browser.Left);
    }

    [Fact]
    public async Task Session_OfBefore_IsNotTheOneOfAfter()
    {
        using var browser = new Visitor(_server.Url);
        browser.Cookies.Add(_server.Url, new Cookie("netbird", "planted"));
        browser.Cookies.Add(_server.Url, new Cookie("netbird-idp", "planted"));
        Assert.Equal(HttpStatusCode.Unauthorized, await browser.SendAsync(HttpMethod.Get, "/api/users/current", ("Sec-Fetch-Site", "same-origin")));
        await browser.OpenAsync("/login");
        var before = browser.All();

        await browser.LogInAsync();

        var after = browser.All();
        Assert.NotEqual("planted", after["netbird"]);
        Assert.True(after.Any(cookie => cookie.Key != "netbird" && cookie.Value != before.GetValueOrDefault(cookie.Key)), "The IdP's session is the one of before.");
    }

    /// <summary>One for all rows: none of them changes it.</summary>
    public sealed class Site : IAsyncLifetime
    {
        internal RunningControlPlane Plane { get; private set; } = null!; // made in InitializeAsync

        public async Task InitializeAsync()
        {
            Plane = await RunningControlPlane.StartAsync();
            var ana = await Plane.AddPersonAsync("ana@example.com");
            await Plane.ChangeAsync(ana, user => user with { Role = Role.Owner });
        }

        public Task DisposeAsync() => Plane.DisposeAsync().AsTask();
    }

    /// <summary>A browser without script whose cookies can be looked at.</summary>
    private sealed class Visitor : IDisposable
    {
        private readonly Uri _site;
        private readonly HttpClient _http;
        private string _page = "";

        public Visitor(Uri site)
        {
            _site = site;
            _http = new(new SocketsHttpHandler { AllowAutoRedirect = true, CookieContainer = Cookies }) { BaseAddress = site };
        }

        public CookieContainer Cookies { get; } = new();

        public Dictionary<string, string> All() => Cookies.GetAllCookies().DistinctBy(cookie => cookie.Name).ToDictionary(cookie => cookie.Name, cookie => cookie.Value, StringComparer.Ordinal);

        public async Task OpenAsync(string path) => _page = await _http.GetStringAsync(path);

        public async Task LogInAsync()
        {
            await OpenAsync("/login");
            var fields = System.Text.RegularExpressions.Regex.Matches(_page, "<input type=\"hidden\" name=\"([^\"]*)\" value=\"([^\"]*)\"")
                .ToDictionary(match => WebUtility.HtmlDecode(match.Groups[1].Value), match => WebUtility.HtmlDecode(match.Groups[2].Value));
            (fields["username"], fields["password"]) = ("ana@example.com", RunningControlPlane.Password);
            var action = WebUtility.HtmlDecode(System.Text.RegularExpressions.Regex.Match(_page, "<form[^>]*action=\"([^\"]*)\"").Groups[1].Value);
            using var answer = await _http.PostAsync(new Uri(_site, action), new FormUrlEncodedContent(fields));
            Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        }

        public async Task<HttpStatusCode> SendAsync(HttpMethod method, string path, params (string Name, string Value)[] headers)
        {
            using var request = new HttpRequestMessage(method, path);
            if (method != HttpMethod.Get && method != HttpMethod.Delete)
            {
                request.Content = new StringContent("""{"name":"Forged"}""", System.Text.Encoding.UTF8, "application/json");
            }

            foreach (var (name, value) in headers)
            {
                request.Headers.Add(name, value);
            }

            using var answer = await _http.SendAsync(request);
            return answer.StatusCode;
        }

        public void Dispose() => _http.Dispose();
    }
}
