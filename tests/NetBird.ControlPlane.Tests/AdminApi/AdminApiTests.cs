using System.Net;
using System.Text.Json.Nodes;
using NetBird.ControlPlane.Users;

namespace NetBird.ControlPlane.Tests.AdminApi;

public sealed class AdminApiTests : IAsyncLifetime
{
    private AdminServer _server = null!; // set by InitializeAsync

    public async Task InitializeAsync() => _server = await AdminServer.StartAsync();

    public Task DisposeAsync() => _server.DisposeAsync().AsTask();

    [Fact]
    public async Task Policy_CreatedReadChangedDeleted_ComesBackAsSent()
    {
        var group = await _server.PostAsync("/api/groups", new { name = "Engineering" });
        var provider = await _server.PostAsync("/api/agent-network/providers", new
        {
            provider_id = "anthropic_api", name = "Anthropic", upstream_url = "http://127.0.0.1:9/", api_key = "sk-planted-1", enabled = true,
            models = new object[] { new { id = "claude-x", input_per_1k = 0.003, output_per_1k = 0.015 }, new { id = "claude-y" } },
        });
        var guardrail = await _server.PostAsync("/api/agent-network/guardrails", new
        {
            name = "Haiku only", checks = new { model_allowlist = new { enabled = true, models = new[] { "claude-haiku-*" } }, max_tokens = new { limit = 4096 } },
        });
        var policy = await _server.PostAsync("/api/agent-network/policies", new
        {
            name = "Engineering", description = "d", enabled = true,
            source_groups = new[] { (string)group["id"]! }, destination_provider_ids = new[] { (string)provider["id"]! },
            guardrail_ids = new[] { (string)guardrail["id"]! },
            limits = new
            {
                token_limit = new { enabled = true, group_cap = 1000, user_cap = 10, window_seconds = 60, strict = true },
                budget_limit = new { enabled = true, group_cap_usd = 100, user_cap_usd = 0.000000001m, window_seconds = 86400 },
            },
        });
        var path = "/api/agent-network/policies/" + (string)policy["id"]!;

        var read = await _server.GetAsync(path);
        var put = await _server.PutAsync(path, read);

        Assert.Equal(read.ToJsonString(), policy.ToJsonString());
        Assert.Equal(0.000000001m, (decimal)read["limits"]!["budget_limit"]!["user_cap_usd"]!);
        Assert.Equal("claude-haiku-*", (string)guardrail["checks"]!["model_allowlist"]!["models"]![0]!);
        Assert.Equal("http://127.0.0.1:9", (string)provider["upstream_url"]!);
        Assert.Equal(0.003m, (decimal)provider["models"]![0]!["input_per_1k"]!);
        Assert.Equal((string)read["name"]!, (string)put["name"]!);
        using var inUse = await _server.SendAsync(HttpMethod.Delete, "/api/groups/" + (string)group["id"]!, null);
        Assert.Equal(HttpStatusCode.Conflict, inUse.StatusCode);
        await _server.OkAsync(HttpMethod.Delete, path);
        await _server.OkAsync(HttpMethod.Delete, "/api/groups/" + (string)group["id"]!);
        using var gone = await _server.SendAsync(HttpMethod.Get, path, null);
        Assert.Equal(HttpStatusCode.NotFound, gone.StatusCode);
    }

    [Fact]
    public async Task Policy_ManyFaults_AreAllToldAtOnce()
    {
        using var response = await _server.SendAsync(HttpMethod.Post, "/api/agent-network/policies", new
        {
            nam = "x", enabled = "yes", source_groups = new[] { "nope" },
            limits = new { token_limit = new { window_seconds = 59, group_cap = -1 }, other = 1 },
        });

        var errors = (await JsonNode.ParseAsync(await response.Content.ReadAsStreamAsync()))!["errors"]!.AsObject();
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal(
            ["enabled", "limits.other", "limits.token_limit.group_cap", "limits.token_limit.window_seconds", "nam", "name", "source_groups[0]"],
            errors.Select(error => error.Key).Order(StringComparer.Ordinal));
        Assert.Contains("Did you mean 'name'", (string)errors["nam"]![0]!, StringComparison.Ordinal);
        Assert.Empty(_server.Store.Current.Policies);
    }

    [Fact]
    public async Task Provider_KeyGiven_IsNeverInAnyAnswerOrFile()
    {
        const string Secret = "sk-ant-planted-secret-0123456789";
        var provider = await _server.PostAsync("/api/agent-network/providers", new { provider_id = "anthropic_api", name = "A", api_key = Secret });
        var path = "/api/agent-network/providers/" + (string)provider["id"]!;
        await _server.PutAsync(path, new { name = "B" });
        await _server.PostAsync(path + "/keys", new { name = "second", api_key = Secret + "2" });

        var answers = provider.ToJsonString() + await _server.GetAsync(path) + await _server.GetAsync("/api/agent-network/providers")
            + await _server.GetAsync("/api/events/audit");
        Assert.DoesNotContain("planted", answers, StringComparison.Ordinal);
        Assert.DoesNotContain(_server.Store.Current.Providers.Values.Single().Keys[0].Sealed, answers, StringComparison.Ordinal);
        foreach (var file in Directory.EnumerateFiles(_server.State.Path, "*", SearchOption.AllDirectories))
        {
            await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var reader = new StreamReader(stream, System.Text.Encoding.Latin1);
            Assert.DoesNotContain("planted-secret", await reader.ReadToEndAsync(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task User_CreatedWithPassword_HasItHashed()
    {
        var group = await _server.PostAsync("/api/groups", new { name = "Engineering" });
        var user = await _server.PostAsync("/api/users", new
        {
            email = "ana@example.com", name = "Ana", password = "correct horse battery", role = "user", auto_groups = new[] { (string)group["id"]! },
        });

        var record = _server.Store.Current.FindEmbeddedUser("ANA@example.com")!;
        Assert.Equal((string)user["id"]!, record.Id.Value);
        Assert.Null(user["password"]);
        Assert.True(PasswordHashing.Verify(record.Credential!.PasswordHash, "correct horse battery"));
        Assert.False(PasswordHashing.Verify(record.Credential!.PasswordHash, "correct horse"));
        Assert.Equal(2, user["groups"]!.AsArray().Count);
        await _server.PutAsync("/api/users/" + record.Id.Value, new { status = "disabled", auto_groups = Array.Empty<string>() });
        Assert.Equal(UserStatus.Disabled, _server.Store.Current.Users[record.Id].Status);
    }

    [Fact]
    public async Task Token_ShownOnce_WorksUntilItsUserIsDisabled()
    {
        var bot = await _server.PostAsync("/api/users", new { name = "bot", is_service_user = true, role = "auditor" });
        var path = $"/api/users/{(string)bot["id"]!}";
        var created = await _server.PostAsync(path + "/tokens", new { name = "ci", expires_in = 30 });
        var secret = (string)created["plain_token"]!;

        using var before = await _server.SendAsync(HttpMethod.Get, "/api/groups", null, "Token " + secret);
        await _server.PutAsync(path, new { is_blocked = true });
        using var after = await _server.SendAsync(HttpMethod.Get, "/api/groups", null, "Token " + secret);

        Assert.Equal(HttpStatusCode.OK, before.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, after.StatusCode);
        Assert.DoesNotContain(secret, (await _server.GetAsync(path + "/tokens")).ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Token_AfterItsExpiry_IsRefused()
    {
        var created = await _server.PostAsync($"/api/users/{AdminServer.UserOf(Role.Admin)}/tokens", new { name = "short", expires_in = 1 });
        _server.State.Time.Advance(TimeSpan.FromDays(1));

        using var response = await _server.SendAsync(HttpMethod.Get, "/api/groups", null, "Token " + (string)created["plain_token"]!);

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
    }

    [Fact]
    public async Task SetupKey_Created_IsShownOnce()
    {
        var created = await _server.PostAsync("/api/setup-keys", new { name = "ci", type = "one-off", expires_in = 3600, ephemeral = true });
        var secret = (string)created["key"]!;

        var read = await _server.GetAsync("/api/setup-keys/" + (string)created["id"]!);

        Assert.StartsWith("nbs_", secret, StringComparison.Ordinal);
        Assert.NotEqual(secret, (string)read["key"]!);
        Assert.Equal("valid", (string)read["state"]!);
        Assert.Equal(1, (int)read["usage_limit"]!);
        Assert.NotNull(_server.Store.Current.FindSetupKey(Tokens.SecretHash.Of(secret)));
    }

    [Fact]
    public async Task Sample_Connected_AnswersItsOwnKeyOnly()
    {
        var provider = await _server.PostAsync("/api/agent-network/providers", new { provider_id = "sample", name = "Sample", enabled = true });

        var test = await _server.PostAsync($"/api/agent-network/providers/{(string)provider["id"]!}/test", new { });
        using var stranger = await _server.Http.PostAsync("/sample-provider/v1/messages", new StringContent("{}"));

        Assert.True((bool)test["success"]!, test.ToJsonString());
        Assert.Equal(HttpStatusCode.Unauthorized, stranger.StatusCode);
    }

    [Fact]
    public async Task OpenApi_Document_DescribesEveryPath()
    {
        var document = await _server.GetAsync("/openapi/v1.json");

        var paths = document["paths"]!.AsObject().Select(path => path.Key).ToHashSet();
        Assert.Superset(
            new HashSet<string> { "/api/groups", "/api/users/{id}/tokens/{token}", "/api/agent-network/policies/{id}" }, paths);
        Assert.Contains("source_groups", document.ToJsonString(), StringComparison.Ordinal);
    }
}
