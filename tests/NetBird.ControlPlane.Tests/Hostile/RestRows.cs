using NetBird.ControlPlane.Users;

namespace NetBird.ControlPlane.Tests.Hostile;

/// <summary>One call of REST that nobody should get through.</summary>
/// <param name="Status">What it is refused with; 0: with any of 400, 403 and 409.</param>
/// <param name="Caller">Whose token; see <see cref="HostileWorld"/>.</param>
/// <param name="Call">Method and path, with the world's ids in braces.</param>
/// <param name="Body">Sent as Latin-1, so that it may be no UTF-8; null: none.</param>
/// <param name="Type">Content type.</param>
internal sealed record RestRow(int Status, string Caller, string Call, string? Body, string Type);

/// <summary>Other people's ids, missing roles, forged and expired tokens, huge and deep JSON, injection, wrong values and wrong queries.</summary>
internal static class RestRows
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

    public static List<RestRow> All()
    {
        var rows = new List<RestRow>();
        NoToken(rows);
        ForgedTokens(rows);
        MissingRoles(rows);
        OthersThings(rows);
        OwnersThings(rows);
        MalformedBodies(rows);
        StrangeIds(rows);
        WrongValues(rows);
        WrongQueries(rows);
        return rows;
    }

    private static void NoToken(List<RestRow> rows)
    {
        foreach (var (method, path) in Endpoints)
        {
            rows.Add(new(401, "nobody", $"{method} {path}", method is "POST" or "PUT" ? "{}" : null, "application/json"));
        }
    }

    private static void ForgedTokens(List<RestRow> rows)
    {
        foreach (var token in (string[])
        [
            "raw:Token nbp_000000000000000000000000000000000000", "raw:Token nbp_", "raw:Token", "raw:", "raw:Basic YWRtaW46YWRtaW4=",
            "raw:Token nbs_000000000000000000000000000000000000", "raw:Token ' OR 1=1 --", "raw:Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.",
            "owner with a changed last letter", "owner in capitals", "owner twice", "owner without its scheme", "expired", "of a disabled user",
        ])
        {
            rows.Add(new(401, token, "GET /api/groups", null, ""));
            rows.Add(new(401, token, "DELETE /api/groups/{group}", null, ""));
        }
    }

    private static void MissingRoles(List<RestRow> rows)
    {
        foreach (var (method, path) in Endpoints.Where(endpoint => endpoint.Method != "GET" && !endpoint.Path.Contains("/tokens", StringComparison.Ordinal)))
        {
            rows.Add(new(403, "user", $"{method} {path}", method is "POST" or "PUT" ? "{}" : null, "application/json"));
            rows.Add(new(403, "auditor", $"{method} {path}", method is "POST" or "PUT" ? "{}" : null, "application/json"));
        }

        foreach (var path in (string[])
        [
            "/api/groups", "/api/groups/{group}", "/api/setup-keys", "/api/agent-network/providers", "/api/agent-network/policies",
            "/api/agent-network/guardrails", "/api/agent-network/budget-rules", "/api/agent-network/settings", "/api/events/audit",
            "/api/agent-network/configuration", "/api/verification",
        ])
        {
            rows.Add(new(403, "user", "GET " + path, null, ""));
        }

        foreach (var caller in (string[])["user", "auditor", "admin"])
        {
            rows.Add(new(403, caller, "GET /api/backup", null, ""));
        }

        foreach (var path in (string[])["/api/groups", "/api/users/current", "/api/events/audit", "/api/agent-network/access-logs"])
        {
            rows.Add(new(403, "scim token", "GET " + path, null, ""));
        }
    }

    private static void OthersThings(List<RestRow> rows)
    {
        const string Json = "application/json";
        rows.Add(new(404, "user", "GET /api/users/{user}", null, ""));
        rows.Add(new(404, "user", "GET /api/users/{user}/tokens", null, ""));
        rows.Add(new(404, "user", "POST /api/users/{user}/tokens", """{"name":"x"}""", Json));
        rows.Add(new(404, "user", "DELETE /api/users/administrator/tokens/{ownertoken}", null, ""));
        rows.Add(new(403, "auditor", "POST /api/users/{user}/tokens", """{"name":"x"}""", Json));
        rows.Add(new(403, "auditor", "DELETE /api/users/administrator/tokens/{ownertoken}", null, ""));
        rows.Add(new(403, "admin", "DELETE /api/users/administrator/tokens/{ownertoken}", null, ""));
        rows.Add(new(403, "admin", "POST /api/users/administrator/tokens", """{"name":"x"}""", Json));
        rows.Add(new(403, "admin", "POST /api/users/{user}/tokens", """{"name":"x"}""", Json));
        rows.Add(new(404, "owner", "DELETE /api/users/{user}/tokens/{ownertoken}", null, ""));
        rows.Add(new(403, "admin", "DELETE /api/users/administrator", null, ""));
        rows.Add(new(409, "owner", "DELETE /api/users/administrator", null, ""));
        rows.Add(new(400, "admin", "PUT /api/users/administrator", """{"is_blocked":true}""", Json));
        rows.Add(new(400, "admin", "PUT /api/users/{user}", """{"role":"owner"}""", Json));
        rows.Add(new(400, "admin", "POST /api/users", """{"name":"x","is_service_user":true,"role":"owner"}""", Json));
        rows.Add(new(400, "admin", "POST /api/groups", """{"name":"x","grants_role":"owner"}""", Json));
        rows.Add(new(400, "admin", "PUT /api/users/{user}", """{"auto_groups":["{ownergroup}"]}""", Json));
        rows.Add(new(400, "admin", "PUT /api/groups/{ownergroup}", """{"users":["{user}"]}""", Json));
        rows.Add(new(400, "owner", "PUT /api/users/administrator", """{"role":"user"}""", Json));
        rows.Add(new(400, "owner", "PUT /api/users/administrator", """{"status":"disabled"}""", Json));
        rows.Add(new(403, "user", "GET /api/agent-network/access-logs?user={user}", null, ""));
        rows.Add(new(403, "user", "GET /api/agent-network/usage/overview?group_by=model", null, ""));
    }

    private static void MalformedBodies(List<RestRow> rows)
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
                rows.Add(new(400, "owner", "POST " + path, body, "application/json"));
            }

            rows.Add(new(413, "owner", "POST " + path, "{\"name\":\"" + new string('x', 1_100_000) + "\"}", "application/json"));
            rows.Add(new(415, "owner", "POST " + path, "name=x", "application/x-www-form-urlencoded"));
            rows.Add(new(415, "owner", "POST " + path, "{\"name\":\"x\"}", "text/plain"));
        }
    }

    private static void StrangeIds(List<RestRow> rows)
    {
        foreach (var path in Resources)
        {
            foreach (var id in (string[])["nope", "%27%20OR%201=1", "a%20b", new string('x', 65), "%2e%2e%2f%2e%2e%2fkeys", "$%7Bjndi:x%7D"])
            {
                rows.Add(new(404, "owner", $"GET {path}/{id}", null, ""));
            }

            rows.Add(new(404, "owner", $"DELETE {path}/nope", null, ""));
            rows.Add(new(404, "owner", $"PUT {path}/nope", """{"name":"x"}""", "application/json"));
        }
    }

    private static void WrongValues(List<RestRow> rows)
    {
        void Post(string path, params string[] bodies)
        {
            foreach (var body in bodies)
            {
                rows.Add(new(400, "owner", "POST " + path, body, "application/json"));
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
        rows.Add(new(400, "owner", "PUT /api/groups/all", """{"name":"Everyone"}""", "application/json"));
        rows.Add(new(400, "owner", "PUT /api/groups/all", """{"users":[]}""", "application/json"));
        rows.Add(new(409, "owner", "DELETE /api/groups/all", null, ""));
        rows.Add(new(409, "owner", "DELETE /api/groups/{group}", null, ""));
        rows.Add(new(409, "owner", "DELETE /api/agent-network/providers/{provider}", null, ""));
        rows.Add(new(409, "owner", "DELETE /api/agent-network/guardrails/{guardrail}", null, ""));
        rows.Add(new(400, "owner", "PUT /api/agent-network/settings", """{"login_expiry_seconds":1}""", "application/json"));
        rows.Add(new(400, "owner", "PUT /api/agent-network/settings", """{"endpoint_name":"http://x"}""", "application/json"));
        rows.Add(new(400, "owner", "PUT /api/agent-network/settings", """{"account_name":""}""", "application/json"));
    }

    private static void WrongQueries(List<RestRow> rows)
    {
        foreach (var query in (string[])
        [
            "page=0", "page=x", "page_size=100000", "page=1&page=2", "from=yesterday", "to=x", "user=..%2f", "group=%27", "provider=a%20b", "decision=maybe", "serach=x", "from=2026-01-01&from=2026-01-02",
        ])
        {
            rows.Add(new(400, "owner", "GET /api/agent-network/access-logs?" + query, null, ""));
        }

        foreach (var query in (string[])["granularity=year", "group_by=peer", "from=2026-01-02&to=2026-01-01", "time_zone=Moon/Base", "groupby=user"])
        {
            rows.Add(new(400, "owner", "GET /api/agent-network/usage/overview?" + query, null, ""));
        }

        foreach (var query in (string[])["from=yesterday", "to=x", "page=-1", "page_size=0", "activity=user.login"])
        {
            rows.Add(new(400, "owner", "GET /api/events/audit?" + query, null, ""));
        }

        foreach (var path in Resources)
        {
            rows.Add(new(400, "owner", $"GET {path}?nmae=x", null, ""));
            rows.Add(new(400, "owner", $"GET {path}?page=1&page_size=1001", null, ""));
            rows.Add(new(400, "owner", $"POST {path}?force=true", "{\"name\":\"x\"}", "application/json"));
        }
    }

    /// <summary>An administrator who is no owner cannot become one, nor get at one, by any way.</summary>
    private static void OwnersThings(List<RestRow> rows)
    {
        const string Json = "application/json";
        foreach (var (call, body) in ((string, string?)[])
        [
            ("PUT /api/users/{groupowner}", """{"password":"a password of my own"}"""), ("PUT /api/users/{groupowner}", """{"second_factor":false}"""),
            ("PUT /api/users/{groupowner}", """{"email":"mine@example.com"}"""), ("PUT /api/users/{groupowner}", """{"status":"disabled"}"""),
            ("PUT /api/users/{groupowner}", """{"auto_groups":[]}"""), ("DELETE /api/users/{groupowner}", null),
            ("POST /api/users/{groupownerbot}/tokens", """{"name":"x"}"""), ("POST /api/users/{groupownerbot}/tokens", """{"name":"x","scim_only":true}"""),
            ("DELETE /api/users/{groupownerbot}/tokens/{groupownertoken}", null), ("DELETE /api/groups/{ownergroup}", null),
            ("PUT /api/groups/{ownergroup}", """{"grants_role":"user"}"""), ("PUT /api/groups/{scimgroup}", """{"grants_role":"owner"}"""),
            ("PUT /api/agent-network/configuration", """{"document":"groups: [{ name: Owners, grants_role: user }]"}"""),
            ("PUT /api/agent-network/configuration", """{"document":"groups: [{ name: Planned group, grants_role: owner }]"}"""),
            ("PUT /api/agent-network/configuration", """{"document":"groups: []","prune":true}"""),
        ])
        {
            rows.Add(new(0, "admin", call, body, body is null ? "" : Json));
        }
    }
}
