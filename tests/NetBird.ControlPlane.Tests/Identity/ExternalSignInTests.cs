using System.Net;
using System.Security.Cryptography;
using NetBird.ControlPlane.Users;

namespace NetBird.ControlPlane.Tests.Identity;

/// <summary>Sign-in to the pages at the company's IdP, and everything that can be wrong on the way back from it.</summary>
public sealed class ExternalSignInTests : IClassFixture<ExternalSignInTests.Site>
{
    private readonly TestIssuer _issuer;
    private readonly RunningControlPlane _server;

    public ExternalSignInTests(Site site)
    {
        (_issuer, _server) = (site.Issuer, site.Plane);
        (_issuer.Spoil, _issuer.SignsBy, _issuer.RefusesCodes) = (null, null, false);
        _issuer.Person = "u-" + Guid.NewGuid().ToString("N");
    }

    [Fact]
    public async Task Login_Honest_LandsWhereItWasGoing_AndIsThatPerson()
    {
        using var visitor = new Visitor(_server.Url);
        var misused = _issuer.Misused;

        var landed = await visitor.LogInAsync("/my-usage?x=1");

        Assert.Equal("/my-usage?x=1", landed);
        Assert.Contains(_issuer.Person + "@example.com", await visitor.CurrentAsync(), StringComparison.Ordinal);
        Assert.Equal(["Staff"], Person()!.IdpGroups.Select(id => _server.Store.Current.Groups[id].Name));
        Assert.Equal(misused, _issuer.Misused);

        // A login when there is one already, and after the issuer changed its key.
        _issuer.Rotate();
        _issuer.Withdraw();
        Assert.Equal("/", await visitor.LogInAsync("/"));
    }

    private static Dictionary<string, Action<TestIssuer>> SpoiltTokens
    {
        get
        {
            var rows = new Dictionary<string, Action<TestIssuer>>(StringComparer.Ordinal);
            void Claim(string what, Action<Dictionary<string, object?>> spoil) => rows.Add(what, issuer => issuer.Spoil = spoil);
            Claim("another nonce", claims => claims["nonce"] = "of-another-login");
            Claim("no nonce", claims => claims.Remove("nonce"));
            Claim("another issuer", claims => claims["iss"] = "https://evil.example");
            Claim("another audience", claims => claims["aud"] = "other");
            Claim("issued to another among many", claims => (claims["aud"], claims["azp"]) = (new[] { "netbird", "other" }, "other"));
            Claim("expired", claims => claims["exp"] = DateTimeOffset.UtcNow.AddMinutes(-6).ToUnixTimeSeconds());
            Claim("no expiry", claims => claims.Remove("exp"));
            Claim("not yet valid", claims => claims["nbf"] = DateTimeOffset.UtcNow.AddMinutes(6).ToUnixTimeSeconds());
            Claim("no subject", claims => claims.Remove("sub"));
            Claim("an empty subject", claims => claims["sub"] = "");
            rows.Add("alg none", issuer => issuer.SignsBy = claims => issuer.Sign(claims, "none"));
            rows.Add("alg HS256 with the public key", issuer => issuer.SignsBy = claims => issuer.Sign(claims, "HS256"));
            rows.Add("somebody else's key", issuer => issuer.SignsBy = claims => issuer.Sign(claims, key: RSA.Create(2048)));
            rows.Add("a code that the issuer refuses", issuer => issuer.RefusesCodes = true);
            rows.Add("the issuer down when the code is redeemed", issuer => issuer.Spoil = _ => throw new InvalidOperationException("Down."));
            return rows;
        }
    }

    public static TheoryData<string> WrongTokens => [.. SpoiltTokens.Keys];

    [Theory]
    [MemberData(nameof(WrongTokens))]
    public async Task Login_WithAWrongToken_IsNoLogin(string what)
    {
        SpoiltTokens[what](_issuer);
        using var visitor = new Visitor(_server.Url);

        await visitor.LogInAsync("/");

        Assert.True(visitor.Status is HttpStatusCode.Forbidden, $"{what}: {visitor.Status}");
        Assert.Null(Person());
        await NobodyAsync(visitor);
    }

    private static Dictionary<string, Func<Uri, Uri?>> ChangedReturns => new(StringComparer.Ordinal)
    {
        { "no state", back => Change(back, "state", null) },
        { "an empty state", back => Change(back, "state", "") },
        { "another state", back => Change(back, "state", "CfDJ8AAAA") },
        { "no code", back => Change(back, "code", null) },
        { "a code of one's own", back => Change(back, "code", "0123456789ABCDEF") },
        { "a refusal", back => Change(Change(back, "code", null), "error", "access_denied") },
        { "script in the refusal", back => Change(Change(back, "code", null), "error", "<script>alert(1)</script>") },
    };

    public static TheoryData<string> WrongReturns => [.. ChangedReturns.Keys];

    [Theory]
    [MemberData(nameof(WrongReturns))]
    public async Task Return_WithWrongParameters_IsNoLogin(string what)
    {
        using var visitor = new Visitor(_server.Url) { OnReturn = ChangedReturns[what] };

        await visitor.LogInAsync("/");

        Assert.True(visitor.Status is HttpStatusCode.Forbidden, $"{what}: {visitor.Status}");
        Assert.DoesNotContain("<script>alert", visitor.Page, StringComparison.Ordinal);
        await NobodyAsync(visitor);
    }

    [Fact]
    public async Task Return_OfAnotherBrowser_OrASecondTime_IsNoLogin()
    {
        // A link that would log the victim in as the attacker, whose login it is.
        Uri? stolen = null;
        using var attacker = new Visitor(_server.Url) { OnReturn = back => { stolen = back; return null; } };
        await attacker.LogInAsync("/");
        using var victim = new Visitor(_server.Url);
        await victim.GetAsync(stolen!);
        Assert.Equal(HttpStatusCode.Forbidden, victim.Status);
        await NobodyAsync(victim);

        attacker.OnReturn = null;
        await attacker.GetAsync(stolen!);
        Assert.Contains(_issuer.Person, await attacker.CurrentAsync(), StringComparison.Ordinal);
        using var again = new Visitor(_server.Url);
        await again.GetAsync(stolen!);
        await NobodyAsync(again);
    }

    [Fact]
    public async Task Session_OfBefore_IsNotTheOneOfAfter()
    {
        // Fixation: what an attacker planted in the browser opens nothing, before and after.
        using var visitor = new Visitor(_server.Url);
        visitor.Cookies.Add(_server.Url, new Cookie("netbird", "planted-by-somebody"));
        await NobodyAsync(visitor);
        await visitor.LogInAsync("/");
        var first = visitor.Session();
        Assert.NotEqual("planted-by-somebody", first);

        // Another person in the same browser has another session.
        var before = Person()!.Id;
        _issuer.Person = "u-another";
        await visitor.LogInAsync("/");
        Assert.NotEqual(first, visitor.Session());
        Assert.Contains("u-another", await visitor.CurrentAsync(), StringComparison.Ordinal);
        Assert.NotEqual(before, Person()!.Id);
    }

    [Theory]
    [InlineData("https://evil.example/")]
    [InlineData("//evil.example/")]
    [InlineData("/\\evil.example")]
    [InlineData("/\tx")]
    [InlineData("javascript:alert(1)")]
    public async Task Destination_ThatIsNotOurs_IsForgotten(string destination)
    {
        using var visitor = new Visitor(_server.Url);

        Assert.Equal("/", await visitor.LogInAsync(destination));
    }

    [Fact]
    public async Task Disabled_IsTurnedAway_AndASessionOfBeforeIsOver()
    {
        using var visitor = new Visitor(_server.Url);
        await visitor.LogInAsync("/");
        await _server.ChangeAsync(Person()!, user => user with { Status = UserStatus.Disabled });
        await NobodyAsync(visitor);

        await visitor.LogInAsync("/");

        Assert.Equal(HttpStatusCode.Forbidden, visitor.Status);
        Assert.Contains("disabled", visitor.Page, StringComparison.Ordinal);
    }

    private User? Person() => _server.Store.Current.FindUser(_issuer.Url, _issuer.Person);

    private static async Task NobodyAsync(Visitor visitor) => Assert.Equal("", await visitor.CurrentAsync());

    private static Uri Change(Uri back, string name, string? value)
    {
        var query = System.Web.HttpUtility.ParseQueryString(back.Query);
        query.Remove(name);
        if (value is not null)
        {
            query[name] = value;
        }

        return new UriBuilder(back) { Query = query.ToString() }.Uri;
    }

    /// <summary>One for all rows; each has a person of its own.</summary>
    public sealed class Site : IAsyncLifetime
    {
        internal TestIssuer Issuer { get; private set; } = null!; // made in InitializeAsync

        internal RunningControlPlane Plane { get; private set; } = null!;

        public async Task InitializeAsync()
        {
            Issuer = await TestIssuer.StartAsync();
            Plane = await RunningControlPlane.StartAsync(options => options with { Oidc = new(new Uri(Issuer.Url), TestIssuer.ClientId, "groups", null) });
        }

        public async Task DisposeAsync()
        {
            await Plane.DisposeAsync();
            await Issuer.DisposeAsync();
        }
    }

    /// <summary>A browser that goes where it is sent, between us and the issuer.</summary>
    private sealed class Visitor : IDisposable
    {
        private readonly Uri _site;
        private readonly HttpClient _http;

        public Visitor(Uri site)
        {
            _site = site;
            _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = Cookies });
        }

        public CookieContainer Cookies { get; } = new();

        /// <summary>Sees the way back from the issuer, and may change it; null: it is not gone.</summary>
        public Func<Uri, Uri?>? OnReturn { get; set; }

        public HttpStatusCode Status { get; private set; }

        public string Page { get; private set; } = "";

        /// <summary>Where the last redirect within the site led.</summary>
        public async Task<string> LogInAsync(string destination)
        {
            var at = new Uri(_site, "/login?return=" + Uri.EscapeDataString(destination));
            for (var hop = 0; hop < 10; hop++)
            {
                await GetAsync(at);
                if (Next is null)
                {
                    return at.PathAndQuery;
                }

                var from = at;
                at = new Uri(at, Next);
                if (at.AbsolutePath == "/signin-oidc" && OnReturn is { } change)
                {
                    if (change(at) is not { } changed)
                    {
                        return "";
                    }

                    at = changed;
                }
                else if (from.AbsolutePath == "/signin-oidc")
                {
                    // The page itself may lead on by role; where the login went is what counts.
                    Assert.Equal(_site.Authority, at.Authority);
                    return at.PathAndQuery;
                }
            }

            return at.PathAndQuery;
        }

        public async Task GetAsync(Uri url)
        {
            using var answer = await _http.GetAsync(url);
            (Status, Page, Next) = (answer.StatusCode, await answer.Content.ReadAsStringAsync(), answer.Headers.Location);
        }

        /// <summary>Who the REST API takes this browser for; empty: nobody.</summary>
        public async Task<string> CurrentAsync()
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(_site, "/api/users/current"));
            request.Headers.Add("Sec-Fetch-Site", "same-origin");
            using var answer = await _http.SendAsync(request);
            return answer.StatusCode == HttpStatusCode.Unauthorized ? "" : await answer.Content.ReadAsStringAsync();
        }

        public string Session() => Cookies.GetCookies(_site)["netbird"]!.Value;

        public void Dispose() => _http.Dispose();

        private Uri? Next { get; set; }
    }
}
