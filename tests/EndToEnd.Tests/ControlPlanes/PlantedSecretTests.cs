using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using FakeAnthropic;
using NetBird.ControlPlane.Tests.Identity;
using NetBird.ControlPlane.Tests.Store;
using OtpNet;

namespace EndToEnd.Tests.ControlPlanes;

/// <summary>
/// Secrets go into the executable on every way there is, at debug level; then every file of the state directory, a dump
/// of the database, every log line and every answer of the API is searched for them. Two files are exempt,
/// as documented: the key that seals the rest, and the operator's own token.
/// </summary>
public sealed class PlantedSecretTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>
{
    private static readonly string[] InClear = ["keys/cluster.key", "admin-token"];

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Planted_Secrets_AreNowhereInClear(bool postgres)
    {
        var environment = await Stores.EnvironmentAsync(cluster, postgres);
        environment["NETBIRD_CP_LOG_LEVEL"] = "trace";
        environment["NETBIRD_CP_LOG_FORMAT"] = postgres ? "json" : "text";
        var search = new SecretSearch();
        var options = new FakeUpstreamOptions();
        options.Keys.Add("sk-ant-planted-" + Guid.NewGuid().ToString("N"));
        await using var upstream = await FakeUpstream.StartAsync(options);
        await using var node = await Node.StartAsync(environment: environment);
        search.Plant("the provider's key", upstream.Key);
        await PlantAsync(node, upstream, search);
        await LogInAsync(node, search);
        await SecondFactorAsync(node, search);
        await UseTheTunnelAsync(node, search);
        await AnswersAsync(node, search);
        await node.StopAsync();

        search.Look("the log", node.Log);
        Assert.Contains(postgres ? "\"LogLevel\":\"Debug\"" : "dbug: ", node.Log, StringComparison.Ordinal);
        search.LookInFiles(node.StateDir, InClear);
        foreach (var file in InClear)
        {
            search.Plant(file, (await File.ReadAllTextAsync(Path.Combine(node.StateDir, file))).Trim());
        }

        search.Plant("a private key in PEM", "PRIVATE KEY-----");
        search.Plant("a master key of the key ring", "<masterKey");
        if (postgres)
        {
            var dump = await Command.RunAsync(PgDump(), ["--dbname", Uri(environment["NETBIRD_CP_POSTGRES"]!)]);
            Assert.True(dump.ExitCode == 0 && dump.Output.Contains("netbird_secrets", StringComparison.Ordinal), dump.Error);
            search.Look("the database's dump", dump.Output);
        }

        Assert.Empty(search.Found());
        Assert.True(search.Secrets > 20 && search.Places > 60, $"Only {search.Secrets} secrets were looked for in {search.Places} places.");

        // And the search does find what is there.
        search.LookInFiles(node.StateDir);
        Assert.Equal(InClear.Order(), search.Found().Select(found => found[..found.IndexOf(" is in", StringComparison.Ordinal)]).Order());
    }

    private static async Task PlantAsync(Node node, FakeUpstream upstream, SecretSearch search)
    {
        var keys = new Dictionary<string, string?> { ["PLANTED_KEY"] = upstream.Key };
        await node.ApplyAsync(
            $$"""
            providers:
              - { name: P, provider_id: anthropic_api, upstream_url: "{{upstream.Url}}", api_key_env: PLANTED_KEY, enabled: true }
            groups:
              - { name: Engineering }
            policies:
              - { name: E, enabled: true, source_groups: [Engineering], destination_provider_ids: [P] }
            """,
            keys);
        var provider = (await node.GetAsync("/api/agent-network/providers"))[0].GetProperty("id").GetString();
        search.Plant("a second key", "sk-ant-second-0123456789abcdefghij");
        await node.SendAsync(HttpMethod.Post, $"/api/agent-network/providers/{provider}/keys", new { name = "second", api_key = "sk-ant-second-0123456789abcdefghij" });
        search.Plant("a password by the command line", "planted cli horse battery");
        await node.DoneAsync(["user", "create", "ana@example.com", "--group", "Engineering", "--password-stdin"], "planted cli horse battery");
        search.Plant("a password by REST", "planted rest horse battery");
        await node.SendAsync(HttpMethod.Post, "/api/users", new { email = "rest@example.com", password = "planted rest horse battery" });
        search.Plant("a first password", (await node.SendAsync(HttpMethod.Post, "/api/users", new { email = "first@example.com" })).GetProperty("password").GetString()!);
        search.Plant("a token", await TokenAsync(node, false));
        search.Plant("a SCIM token", await TokenAsync(node, true));
        var scim = await TokenAsync(node, true);
        search.Plant("a SCIM token in use", scim);
        await ScimAsync(node, scim);
        search.Plant("a setup key", (await node.SendAsync(HttpMethod.Post, "/api/setup-keys", new { name = "k", expires_in = 86400 })).GetProperty("key").GetString()!);
        search.Plant("a webhook's secret", (await node.SendAsync(HttpMethod.Post, "/api/agent-network/webhooks", new { name = "w", url = upstream.Url + "hook" })).GetProperty("secret").GetString()!);

        // Wrong on purpose: a refusal must not say it again, nor keep it.
        search.Plant("a key in a wrong place", "sk-ant-misplaced-0123456789abcdef");
        foreach (var (path, body) in new (string, object)[]
        {
            ("/api/agent-network/providers", new { name = "Q", provider_id = "anthropic_api", api_key = new[] { "sk-ant-misplaced-0123456789abcdef" } }),
            ("/api/agent-network/providers", new { name = "Q", provider_id = "anthropic_api", upstream_url = "ftp://x", api_key = "sk-ant-misplaced-0123456789abcdef" }),
            ("/api/agent-network/providers", new { name = "P", provider_id = "anthropic_api", api_key = "sk-ant-misplaced-0123456789abcdef \n" }),
        })
        {
            using var refused = await node.Admin.PostAsJsonAsync(path, body);
            Assert.InRange((int)refused.StatusCode, 400, 422);
            search.Look($"the refusal of {JsonSerializer.Serialize(body)[..30]}", await refused.Content.ReadAsByteArrayAsync());
        }

        search.Plant("a forged token", "nbp_forged0123456789forged0123456789forg");
        using var stranger = new HttpClient { BaseAddress = node.Url };
        stranger.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", "Token nbp_forged0123456789forged0123456789forg");
        using var denied = await stranger.GetAsync("/api/users");
        Assert.Equal(401, (int)denied.StatusCode);
        search.Look("the refusal of a forged token", await denied.Content.ReadAsByteArrayAsync());
    }

    private static async Task<string> TokenAsync(Node node, bool scim)
        => (await node.SendAsync(HttpMethod.Post, "/api/users/administrator/tokens", new { name = "t", scim_only = scim })).GetProperty("plain_token").GetString()!;

    private static async Task ScimAsync(Node node, string token)
    {
        using var http = new HttpClient { BaseAddress = node.Url };
        http.DefaultRequestHeaders.Authorization = new("Bearer", token);
        using var made = await http.PostAsJsonAsync("/scim/v2/Users", new { schemas = new[] { "urn:ietf:params:scim:schemas:core:2.0:User" }, userName = "scim@example.com", password = "planted scim horse battery" });
        Assert.Equal(201, (int)made.StatusCode);
    }

    /// <summary>Logins of every kind: code, device code, wrong passwords, refresh; what each gives is a secret.</summary>
    private static async Task LogInAsync(Node node, SecretSearch search)
    {
        using var browser = new Browser(node.Url);
        using var client = new NativeClient(node.Url);
        search.Plant("a PKCE verifier", client.Verifier);
        search.Plant("a wrong password", "planted wrong horse battery");
        await browser.OpenAsync(client.AuthorizeUrl());
        await browser.LogInAsync("ana@example.com", "planted wrong horse battery");
        await browser.LogInAsync("ana@example.com", "planted cli horse battery");
        var code = browser.Returned("code")!;
        search.Plant("a login code", code);
        var tokens = await client.RedeemAsync(code);
        PlantTokens(search, "", tokens);
        PlantTokens(search, "renewed ", await client.RefreshAsync(tokens.GetProperty("refresh_token").GetString()!));
        await client.UserInfoAsync(tokens.GetProperty("access_token").GetString()!);

        var device = await client.StartDeviceAsync();
        search.Plant("a device code", device.GetProperty("device_code").GetString()!);
        search.Plant("a person's code", device.GetProperty("user_code").GetString()!);
        await browser.OpenAsync("/idp/device?user_code=" + device.GetProperty("user_code").GetString());
        await client.PollDeviceAsync(device.GetProperty("device_code").GetString()!);
        Assert.Equal("invalid_grant", (await client.RedeemAsync(code)).GetProperty("error").GetString());
    }

    /// <summary>An authenticator app's secret and the recovery codes, set up by the page as a person does.</summary>
    private static async Task SecondFactorAsync(Node node, SecretSearch search)
    {
        using var browser = new Browser(node.Url);
        await browser.OpenAsync("/idp/account");
        await browser.LogInAsync("rest@example.com", "planted rest horse battery");
        await browser.OpenAsync("/idp/account/app");
        var secret = Regex.Match(browser.Page, "name=\"secret\" value=\"([A-Z2-7]+)\"").Groups[1].Value;
        search.Plant("an authenticator's secret", secret);
        search.Plant("its bytes", Convert.ToBase64String(Base32Encoding.ToBytes(secret)));
        await browser.SubmitAsync(("code", new Totp(Base32Encoding.ToBytes(secret)).ComputeTotp()));
        var codes = Regex.Matches(browser.Page, "<li>([a-z0-9-]{19})</li>");
        Assert.Equal(10, codes.Count);
        search.Plant("a recovery code", codes[0].Groups[1].Value);
        search.Plant("a recovery code without dashes", codes[1].Groups[1].Value.Replace("-", "", StringComparison.Ordinal));
    }

    private static void PlantTokens(SecretSearch search, string which, JsonElement tokens)
    {
        foreach (var name in (string[])["id_token", "access_token", "refresh_token"])
        {
            search.Plant(which + name, tokens.GetProperty(name).GetString()!);
        }
    }

    private static async Task UseTheTunnelAsync(Node node, SecretSearch search)
    {
        await using var agent = await AgentSession.StartAsync(node.Url, "ana@example.com", "planted cli horse battery");
        foreach (var text in (string[])["hello", "[[scenario:error:401]]", "[[scenario:error:500]]", "[[scenario:reset]]"])
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/messages")
            {
                Content = JsonContent.Create(new { model = "claude-haiku-4-5", max_tokens = 16, messages = new[] { new { role = "user", content = text } } }),
            };
            request.Headers.Add("anthropic-version", "2023-06-01");
            using var answer = await agent.Client.SendAsync(request);
            search.Look("the gateway's answer to " + text, answer.Headers + await answer.Content.ReadAsStringAsync());
        }

        search.Look("the agent's log", agent.Log);
    }

    /// <summary>Every GET of the OpenAPI document, with the ids of what there is; and the pages.</summary>
    private static async Task AnswersAsync(Node node, SecretSearch search)
    {
        var document = JsonNode.Parse((await node.GetAsync("/openapi/v1.json")).GetRawText())!;
        var answered = 0;
        foreach (var (template, operations) in document["paths"]!.AsObject())
        {
            if (operations!["get"] is null || template == "/api/backup")
            {
                continue; // a backup holds the sealed files that are looked at as files
            }

            foreach (var path in await PathsAsync(node, template))
            {
                using var answer = await node.Admin.GetAsync(path);
                search.Look(path, answer.Headers + await answer.Content.ReadAsStringAsync());
                answered += answer.IsSuccessStatusCode ? 1 : 0;
            }
        }

        Assert.True(answered > 30, $"Only {answered} addresses gave an answer.");
        foreach (var command in (string[][])[["export"], ["logs", "--json"], ["usage", "--json"], ["user", "list", "--json"], ["setup-key", "list", "--json"], ["admin-token", "list", "--json"], ["verify"]])
        {
            search.Look(string.Join(' ', command), await node.DoneAsync(command));
        }

        search.Look("/metrics", (await (await node.Admin.GetAsync("/metrics")).Content.ReadAsStringAsync()));
    }

    private static async Task<List<string>> PathsAsync(Node node, string template)
    {
        var open = template.IndexOf('{', StringComparison.Ordinal);
        if (open < 0)
        {
            return [template + (template.Contains("audit", StringComparison.Ordinal) ? "?page_size=1000" : "")];
        }

        using var list = await node.Admin.GetAsync(template[..open].TrimEnd('/'));
        if (!list.IsSuccessStatusCode)
        {
            return [];
        }

        var items = JsonDocument.Parse(await list.Content.ReadAsStringAsync()).RootElement;
        items = items.ValueKind == JsonValueKind.Array ? items : items.TryGetProperty("data", out var data) ? data : default;
        var paths = new List<string>();
        foreach (var item in items.ValueKind == JsonValueKind.Array ? items.EnumerateArray() : default)
        {
            var close = template.IndexOf('}', StringComparison.Ordinal);
            paths.AddRange(await PathsAsync(node, template[..open] + item.GetProperty("id").GetString() + template[(close + 1)..]));
        }

        return paths;
    }

    private static string PgDump()
        => Directory.GetDirectories("/usr/lib/postgresql").Select(folder => Path.Combine(folder, "bin", "pg_dump")).Last(File.Exists);

    // pg_dump's own words for what Npgsql was given.
    private static string Uri(string connection)
    {
        var parts = new Npgsql.NpgsqlConnectionStringBuilder(connection);
        return $"host={parts.Host} user={parts.Username} dbname={parts.Database}";
    }
}
