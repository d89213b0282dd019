using System.Net;
using System.Text;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Users;

namespace NetBird.ControlPlane.Tests.AdminApi;

/// <summary>
/// A table of calls that nobody should get through: every row is refused with the right status, as problem details,
/// and leaves no trace in the configuration.
/// </summary>
public sealed class HostileCallsTests(HostileCallsTests.World world) : IClassFixture<HostileCallsTests.World>
{
    private static readonly string[] Resources =
    [
        "/api/groups", "/api/users", "/api/setup-keys", "/api/agent-network/providers", "/api/agent-network/policies",
        "/api/agent-network/guardrails", "/api/agent-network/budget-rules",
    ];

    private static readonly (string Method, string Path)[] Endpoints =
    [
        .. Resources.SelectMany(path => ((string, string)[])
            [("GET", path), ("POST", path), ("GET", path + "/{id}"), ("PUT", path + "/{id}"), ("DELETE", path + "/{id}")]),
        ("GET", "/api/peers"), ("GET", "/api/peers/x"), ("PUT", "/api/peers/x"), ("DELETE", "/api/peers/x"),
        ("GET", "/api/users/current"), ("GET", "/api/users/{user}/tokens"), ("POST", "/api/users/{user}/tokens"),
        ("DELETE", "/api/users/{user}/tokens/x"), ("GET", "/api/agent-network/catalog/providers"),
        ("POST", "/api/agent-network/providers/{provider}/test"), ("POST", "/api/agent-network/providers/{provider}/keys"),
        ("DELETE", "/api/agent-network/providers/{provider}/keys/x"), ("GET", "/api/agent-network/settings"),
        ("PUT", "/api/agent-network/settings"), ("GET", "/api/agent-network/access-logs"),
        ("GET", "/api/agent-network/access-log-sessions"), ("GET", "/api/agent-network/usage/overview"),
        ("GET", "/api/agent-network/consumption"), ("GET", "/api/agent-network/configuration"),
        ("PUT", "/api/agent-network/configuration"), ("GET", "/api/events/audit"), ("GET", "/api/backup"),
        ("GET", "/api/verification"), ("GET", "/api/no-such-path"),
    ];

    public static TheoryData<int, string, string, string?, string> Rows()
    {
        var rows = new TheoryData<int, string, string, string?, string>();
        NoToken(rows);
        ForgedTokens(rows);
        MissingRoles(rows);
        OthersThings(rows);
        MalformedBodies(rows);
        StrangeIds(rows);
        WrongValues(rows);
        return rows;
    }

    [Fact]
    public void Table_Counted_HasTwoHundredRowsOrMore() => Assert.InRange(Rows().Count, 200, 1000);

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task Call_Hostile_IsRefusedWithoutATrace(int status, string caller, string call, string? body, string type)
    {
        var version = world.Server.Store.Current.Version;
        var (method, path) = (call[..call.IndexOf(' ')], call[(call.IndexOf(' ') + 1)..]);
        using var request = new HttpRequestMessage(new(method), world.Fill(path));
        if (world.Authorization(caller) is { } authorization)
        {
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
        }

        if (body is not null)
        {
            request.Content = new ByteArrayContent(Encoding.Latin1.GetBytes(world.Fill(body)));
            request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
        }

        using var response = await world.Server.Http.SendAsync(request);

        var text = await response.Content.ReadAsStringAsync();
        Assert.True(status == (int)response.StatusCode, $"{(int)response.StatusCode} {text}");
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal(version, world.Server.Store.Current.Version);
        Assert.DoesNotContain("planted", text, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", text, StringComparison.Ordinal);
    }

    private static void NoToken(TheoryData<int, string, string, string?, string> rows)
    {
        foreach (var (method, path) in Endpoints)
        {
            rows.Add(401, "nobody", $"{method} {path}", method is "POST" or "PUT" ? "{}" : null, "application/json");
        }
    }

    private static void ForgedTokens(TheoryData<int, string, string, string?, string> rows)
    {
        foreach (var token in (string[])
        [
            "raw:Token nbp_000000000000000000000000000000000000", "raw:Token nbp_", "raw:Token", "raw:", "raw:Basic YWRtaW46YWRtaW4=",
            "raw:Token nbs_000000000000000000000000000000000000", "raw:Token ' OR 1=1 --", "raw:Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.",
            "owner with a changed last letter", "owner in capitals", "owner twice", "owner without its scheme", "expired", "of a disabled user",
        ])
        {
            rows.Add(401, token, "GET /api/groups", null, "");
            rows.Add(401, token, "DELETE /api/groups/{group}", null, "");
        }
    }

    private static void MissingRoles(TheoryData<int, string, string, string?, string> rows)
    {
        foreach (var (method, path) in Endpoints.Where(endpoint => endpoint.Method != "GET" && !endpoint.Path.Contains("/tokens", StringComparison.Ordinal)))
        {
            rows.Add(403, "user", $"{method} {path}", method is "POST" or "PUT" ? "{}" : null, "application/json");
            rows.Add(403, "auditor", $"{method} {path}", method is "POST" or "PUT" ? "{}" : null, "application/json");
        }

        foreach (var path in (string[])
        [
            "/api/groups", "/api/groups/{group}", "/api/setup-keys", "/api/agent-network/providers", "/api/agent-network/policies",
            "/api/agent-network/guardrails", "/api/agent-network/budget-rules", "/api/agent-network/settings", "/api/events/audit",
            "/api/agent-network/configuration", "/api/verification",
        ])
        {
            rows.Add(403, "user", "GET " + path, null, "");
        }

        foreach (var caller in (string[])["user", "auditor", "admin"])
        {
            rows.Add(403, caller, "GET /api/backup", null, "");
        }

        foreach (var path in (string[])["/api/groups", "/api/users/current", "/api/events/audit", "/api/agent-network/access-logs"])
        {
            rows.Add(403, "scim token", "GET " + path, null, "");
        }
    }

    private static void OthersThings(TheoryData<int, string, string, string?, string> rows)
    {
        const string Json = "application/json";
        rows.Add(404, "user", "GET /api/users/{user}", null, "");
        rows.Add(404, "user", "GET /api/users/{user}/tokens", null, "");
        rows.Add(404, "user", "POST /api/users/{user}/tokens", """{"name":"x"}""", Json);
        rows.Add(404, "user", "DELETE /api/users/administrator/tokens/{ownertoken}", null, "");
        rows.Add(403, "auditor", "POST /api/users/{user}/tokens", """{"name":"x"}""", Json);
        rows.Add(403, "auditor", "DELETE /api/users/administrator/tokens/{ownertoken}", null, "");
        rows.Add(403, "admin", "DELETE /api/users/administrator/tokens/{ownertoken}", null, "");
        rows.Add(403, "admin", "POST /api/users/administrator/tokens", """{"name":"x"}""", Json);
        rows.Add(403, "admin", "POST /api/users/{user}/tokens", """{"name":"x"}""", Json);
        rows.Add(404, "owner", "DELETE /api/users/{user}/tokens/{ownertoken}", null, "");
        rows.Add(403, "admin", "DELETE /api/users/administrator", null, "");
        rows.Add(409, "owner", "DELETE /api/users/administrator", null, "");
        rows.Add(400, "admin", "PUT /api/users/administrator", """{"is_blocked":true}""", Json);
        rows.Add(400, "admin", "PUT /api/users/{user}", """{"role":"owner"}""", Json);
        rows.Add(400, "admin", "POST /api/users", """{"name":"x","is_service_user":true,"role":"owner"}""", Json);
        rows.Add(400, "admin", "POST /api/groups", """{"name":"x","grants_role":"owner"}""", Json);
        rows.Add(400, "admin", "PUT /api/users/{user}", """{"auto_groups":["{ownergroup}"]}""", Json);
        rows.Add(400, "admin", "PUT /api/groups/{ownergroup}", """{"users":["{user}"]}""", Json);
        rows.Add(400, "owner", "PUT /api/users/administrator", """{"role":"user"}""", Json);
        rows.Add(400, "owner", "PUT /api/users/administrator", """{"status":"disabled"}""", Json);
        rows.Add(403, "user", "GET /api/agent-network/access-logs?user={user}", null, "");
        rows.Add(403, "user", "GET /api/agent-network/usage/overview?group_by=model", null, "");
    }

    private static void MalformedBodies(TheoryData<int, string, string, string?, string> rows)
    {
        foreach (var path in Resources)
        {
            foreach (var body in (string[])
            [
                "", "[]", "null", "\"x\"", "{", "{\"name\":\"x\"}}", "{\"name\":\"x\",\"name\":\"y\"}", "{\"name\":\"x\" /* c */}",
                "{\"name\":\"" + new string('x', 200) + "\"}", "{\"name\":5}", "{\"name\":\"a\\u0000b\"}", "{\"name\":\"a\\u001b[31mb\"}",
                "{\"name\":\"\\ud800\"}", "{\"name\":\"\u00ff\u00fe\"}", "{\"name\":\"x\",\"__proto__\":{}}",
                new string('[', 2000) + new string(']', 2000), "{\"a\":" + string.Concat(Enumerable.Repeat("{\"a\":", 60)) + "1" + new string('}', 61),
            ])
            {
                rows.Add(400, "owner", "POST " + path, body, "application/json");
            }

            rows.Add(413, "owner", "POST " + path, "{\"name\":\"" + new string('x', 1_100_000) + "\"}", "application/json");
            rows.Add(415, "owner", "POST " + path, "name=x", "application/x-www-form-urlencoded");
            rows.Add(415, "owner", "POST " + path, "{\"name\":\"x\"}", "text/plain");
        }
    }

    private static void StrangeIds(TheoryData<int, string, string, string?, string> rows)
    {
        foreach (var path in Resources)
        {
            foreach (var id in (string[])["nope", "%27%20OR%201=1", "a%20b", new string('x', 65), "%2e%2e%2f%2e%2e%2fkeys", "$%7Bjndi:x%7D"])
            {
                rows.Add(404, "owner", $"GET {path}/{id}", null, "");
            }

            rows.Add(404, "owner", $"DELETE {path}/nope", null, "");
            rows.Add(404, "owner", $"PUT {path}/nope", """{"name":"x"}""", "application/json");
        }
    }

    private static void WrongValues(TheoryData<int, string, string, string?, string> rows)
    {
        void Post(string path, params string[] bodies)
        {
            foreach (var body in bodies)
            {
                rows.Add(400, "owner", "POST " + path, body, "application/json");
            }
        }

        Post(
            "/api/agent-network/policies",
            """{"name":"x","source_groups":["nope"]}""", """{"name":"x","source_groups":"{group}"}""", """{"name":"x","source_groups":[1]}""",
            """{"name":"x","destination_provider_ids":["{group}"]}""", """{"name":"x","guardrail_ids":["' OR 1=1"]}""",
            """{"name":"x","limits":{"token_limit":{"group_cap":-1}}}""", """{"name":"x","limits":{"token_limit":{"group_cap":1.5}}}""",
            """{"name":"x","limits":{"token_limit":{"group_cap":1e400}}}""", """{"name":"x","limits":{"token_limit":{"group_cap":99999999999999999999}}}""",
            """{"name":"x","limits":{"token_limit":{"window_seconds":59}}}""", """{"name":"x","limits":{"token_limit":{"window_seconds":1e9}}}""",
            """{"name":"x","limits":{"budget_limit":{"user_cap_usd":0.0000000001}}}""", """{"name":"x","limits":{"budget_limit":{"user_cap_usd":-0.01}}}""",
            """{"name":"x","limits":{"budget_limit":{"user_cap_usd":"100"}}}""", """{"name":"x","limits":[]}""", """{"name":"x","enabled":"true"}""",
            """{"name":"planned policy"}""");
        Post(
            "/api/agent-network/providers",
            """{"name":"x"}""", """{"name":"x","provider_id":"openai_api","api_key":"sk-planted"}""", """{"name":"x","provider_id":"anthropic_api"}""",
            """{"name":"x","provider_id":"anthropic_api","api_key":"sk planted"}""", """{"name":"x","provider_id":"anthropic_api","api_key":"sk\r\nplanted"}""",
            """{"name":"x","provider_id":"anthropic_compatible","api_key":"sk-planted"}""",
            """{"name":"x","provider_id":"anthropic_api","api_key":"sk-planted","upstream_url":"file:///etc/passwd"}""",
            """{"name":"x","provider_id":"anthropic_api","api_key":"sk-planted","upstream_url":"https://a:planted@example.com"}""",
            """{"name":"x","provider_id":"anthropic_api","api_key":"sk-planted","upstream_url":"https://example.com/?key=planted"}""",
            """{"name":"x","provider_id":"anthropic_api","api_key":"sk-planted","upstream_url":"http://example.com"}""",
            """{"name":"x","provider_id":"anthropic_api","api_key":"sk-planted","upstream_url":"javascript:alert(1)"}""",
            """{"name":"x","provider_id":"anthropic_api","api_key":"sk-planted","models":[{"id":"a","input_per_1k":1}]}""",
            """{"name":"x","provider_id":"anthropic_api","api_key":"sk-planted","models":[{"id":"a"},{"id":"a"}]}""",
            """{"name":"x","provider_id":"anthropic_api","api_key":"sk-planted","models":[{"id":"a","input_per_1k":0.0000001,"output_per_1k":1}]}""",
            """{"name":"x","provider_id":"sample","api_key":"sk-planted"}""", """{"name":"Planned provider","provider_id":"sample"}""");
        Post(
            "/api/agent-network/guardrails",
            """{"name":"x","checks":{"max_tokens":{"enabled":true}}}""", """{"name":"x","checks":{"max_tokens":{"limit":-1}}}""",
            """{"name":"x","checks":{"model_allowlist":{"models":[""]}}}""", """{"name":"x","checks":{"model_allowlist":{"models":"claude"}}}""",
            """{"name":"x","checks":{"other":{}}}""");
        Post(
            "/api/users",
            """{"email":"not an address"}""", """{"email":"a@b","password":"short"}""", """{"email":"a@b","password":"aaaaaaaaaaaaaaaa"}""",
            """{"email":"a@b.example","role":"root"}""", """{"email":"ana@example.com"}""", """{"name":"x","is_service_user":true,"password":"long enough 123"}""",
            """{"email":"a@b.example","issuer_x":"y"}""", """{"is_service_user":true}""", """{"email":"a@b.example\r\nBcc: c@d.example"}""");
        Post(
            "/api/setup-keys",
            """{"name":"x","expires_in":-1}""", """{"name":"x","expires_in":1e12}""", """{"name":"x","usage_limit":-1}""", """{"name":"x","type":"endless"}""",
            """{"name":"x","auto_groups":["nope"]}""");
        Post("/api/groups", """{"name":"ALL"}""", """{"name":"x","users":["nope"]}""", """{"name":"x","peers":["nope"]}""", """{"name":"x","login_expiry_seconds":1}""");
        Post("/api/users/administrator/tokens", """{"name":"x","expires_in":0}""", """{"name":"x","expires_in":366}""", """{"expires_in":1}""");
        rows.Add(400, "owner", "PUT /api/groups/all", """{"name":"Everyone"}""", "application/json");
        rows.Add(400, "owner", "PUT /api/groups/all", """{"users":[]}""", "application/json");
        rows.Add(409, "owner", "DELETE /api/groups/all", null, "");
        rows.Add(409, "owner", "DELETE /api/groups/{group}", null, "");
        rows.Add(409, "owner", "DELETE /api/agent-network/providers/{provider}", null, "");
        rows.Add(409, "owner", "DELETE /api/agent-network/guardrails/{guardrail}", null, "");
        rows.Add(400, "owner", "PUT /api/agent-network/settings", """{"login_expiry_seconds":1}""", "application/json");
        rows.Add(400, "owner", "PUT /api/agent-network/settings", """{"endpoint_name":"http://x"}""", "application/json");
        rows.Add(400, "owner", "PUT /api/agent-network/settings", """{"account_name":""}""", "application/json");
        foreach (var query in (string[])
        [
            "page=0", "page=x", "page_size=100000", "page=1&page=2", "from=yesterday", "to=x", "user=..%2f", "group=%27", "provider=a%20b", "decision=maybe",
        ])
        {
            rows.Add(400, "owner", "GET /api/agent-network/access-logs?" + query, null, "");
        }

        foreach (var query in (string[])["granularity=year", "group_by=peer", "from=2026-01-02&to=2026-01-01", "time_zone=Moon/Base"])
        {
            rows.Add(400, "owner", "GET /api/agent-network/usage/overview?" + query, null, "");
        }
    }

    /// <summary>A server with one record of each kind, shared by every row: no row changes it.</summary>
    public sealed class World : IAsyncLifetime
    {
        private readonly Dictionary<string, string> _ids = [];
        private readonly Dictionary<string, string> _callers = [];

        internal AdminServer Server { get; private set; } = null!; // set by InitializeAsync

        public async Task InitializeAsync()
        {
            Server = await AdminServer.StartAsync();
            _ids["group"] = (string)(await Server.PostAsync("/api/groups", new { name = "Planned group" }))["id"]!;
            _ids["ownergroup"] = (string)(await Server.PostAsync("/api/groups", new { name = "Owners", grants_role = "owner" }))["id"]!;
            _ids["user"] = (string)(await Server.PostAsync("/api/users", new { email = "ana@example.com", password = "correct horse battery" }))["id"]!;
            _ids["provider"] = (string)(await Server.PostAsync(
                "/api/agent-network/providers", new { name = "Planned provider", provider_id = "sample" }))["id"]!;
            _ids["guardrail"] = (string)(await Server.PostAsync("/api/agent-network/guardrails", new { name = "Planned guardrail" }))["id"]!;
            await Server.PostAsync("/api/agent-network/policies", new
            {
                name = "Planned policy", source_groups = new[] { _ids["group"] }, destination_provider_ids = new[] { _ids["provider"] },
                guardrail_ids = new[] { _ids["guardrail"] },
            });
            _ids["ownertoken"] = Server.Store.Current.AccessTokens.Values.First(token => token.User == Tokens.FirstToken.Administrator).Id.Value;
            _ids["id"] = "x";
            foreach (var role in Enum.GetValues<Role>())
            {
                _callers[role.ToString().ToLowerInvariant()] = "Token " + Server.TokenOf(role);
            }

            var owner = Server.OwnerToken;
            _callers["owner with a changed last letter"] = "Token " + owner[..^1] + (owner[^1] == 'a' ? 'b' : 'a');
            _callers["owner in capitals"] = "Token " + owner.ToUpperInvariant();
            _callers["owner twice"] = $"Token {owner} {owner}";
            _callers["owner without its scheme"] = owner;
            _callers["scim token"] = "Token " + await TokenAsync("scim", new { name = "scim", scim_only = true });
            _callers["expired"] = "Token " + await TokenAsync("expired", new { name = "short", expires_in = 1 });
            Server.State.Time.Advance(TimeSpan.FromDays(1));
            _callers["of a disabled user"] = "Token " + await TokenAsync("disabled", new { name = "x" });
            var disabled = Server.Store.Current.Users.Values.Single(user => user.Name == "disabled");
            await Server.PutAsync("/api/users/" + disabled.Id, new { is_blocked = true });
        }

        public Task DisposeAsync() => Server.DisposeAsync().AsTask();

        public string Fill(string text) => _ids.Aggregate(text, (filled, id) => filled.Replace("{" + id.Key + "}", id.Value, StringComparison.Ordinal));

        public string? Authorization(string caller)
            => caller == "nobody" ? null : caller.StartsWith("raw:", StringComparison.Ordinal) ? caller["raw:".Length..] : _callers[caller];

        private async Task<string> TokenAsync(string name, object token)
        {
            var user = await Server.PostAsync("/api/users", new { name, is_service_user = true, role = "admin" });
            return (string)(await Server.PostAsync($"/api/users/{(string)user["id"]!}/tokens", token))["plain_token"]!;
        }
    }
}
