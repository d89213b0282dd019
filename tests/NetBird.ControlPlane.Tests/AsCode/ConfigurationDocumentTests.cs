using System.Net;
using System.Text.Json.Nodes;
using NetBird.ControlPlane.Tests.AdminApi;

namespace NetBird.ControlPlane.Tests.AsCode;

public sealed class ConfigurationDocumentTests : IAsyncLifetime
{
    private const string Path = "/api/agent-network/configuration";

    private const string Document = """
        settings: { account_name: Acme, login_expiry_seconds: 3600 }
        groups:
          - name: Engineering
          - { name: "on", login_expiry_seconds: 7200, grants_role: auditor }
        providers:
          - { name: Anthropic, provider_id: anthropic_api, upstream_url: "https://api.example.com", api_key_env: KEY, enabled: true,
              models: [{ id: claude-x, input_per_1k: 0.003, output_per_1k: 0.015 }] }
        guardrails:
          - name: Models
            checks:
              model_allowlist: { enabled: true, models: ["claude-*", "x: y"] }
        policies:
          - name: Engineering may use Claude Code
            source_groups: [Engineering, "on"]
            destination_provider_ids: [Anthropic]
            guardrail_ids: [Models]
            limits:
              budget_limit: { enabled: true, group_cap_usd: 100, user_cap_usd: 20.5, window_seconds: 86400 }
        budget_rules:
          - name: Everyone
            limits: { token_limit: { group_cap: 1000000 } }
        """;

    private AdminServer _server = null!; // set by InitializeAsync

    public async Task InitializeAsync() => _server = await AdminServer.StartAsync();

    public Task DisposeAsync() => _server.DisposeAsync().AsTask();

    [Fact]
    public async Task Apply_Twice_ChangesNothingTheSecondTime()
    {
        var first = await ApplyAsync(Document);
        var version = _server.Store.Current.Version;

        var second = await ApplyAsync(Document);

        Assert.True((bool)first["changed"]!);
        Assert.Equal(7, first["changes"]!.AsArray().Count);
        Assert.False((bool)second["changed"]!, second.ToJsonString());
        Assert.Equal(version, _server.Store.Current.Version);
        Assert.DoesNotContain("sk-planted", first.ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Export_Applied_GivesBackTheSame()
    {
        await ApplyAsync(Document);
        var exported = await ExportAsync();

        var again = await ApplyAsync(exported, key: null);

        Assert.False((bool)again["changed"]!, again.ToJsonString());
        Assert.Contains("name: Engineering may use Claude Code", exported, StringComparison.Ordinal);
        Assert.Contains("\"on\"", exported, StringComparison.Ordinal);
        await using var other = await AdminServer.StartAsync();
        await other.PutAsync(Path, Body(exported, "sk-planted-other"));
        using var response = await other.SendAsync(HttpMethod.Get, Path, null);
        Assert.Equal(exported, await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Webhooks_AndRaises_AreExportedAndAppliedAgain()
    {
        await ApplyAsync(Document);
        var until = _server.State.Time.GetUtcNow().AddDays(3).ToString("O");
        var more = $$"""
            webhooks:
              - { name: Chat, url: "https://chat.example.com/hook", audit: true, secret_env: HOOK }
            limit_raises:
              - { policy: Engineering may use Claude Code, scope: group, group: Engineering, unit: usd, amount: 25.5, ends_at: "{{until}}", reason: Release week }
              - { budget_rule: Everyone, scope: account, unit: tokens, amount: 1000, ends_at: "{{until}}" }
              - { policy: long gone, amount: 5, ends_at: "2020-01-01T00:00:00Z" }
            """;
        var secret = new { webhook = "Chat", secret = "whsec_" + Convert.ToBase64String(new byte[32]) };

        var first = await _server.PutAsync(Path, new { document = more, keys = new[] { secret } });
        var second = await _server.PutAsync(Path, new { document = more, keys = new[] { secret } });
        var exported = await ExportAsync();
        var third = await ApplyAsync(exported, key: null);

        Assert.Equal(3, first["changes"]!.AsArray().Count);
        Assert.False((bool)second["changed"]!, second.ToJsonString());
        Assert.False((bool)third["changed"]!, third.ToJsonString());
        Assert.Contains("reason: Release week", exported, StringComparison.Ordinal);
        Assert.DoesNotContain("whsec_", exported + first.ToJsonString(), StringComparison.Ordinal);
        Assert.Equal(
            [(25_500_000_000L, "Release week"), (1_000L, "")],
            _server.Store.Current.LimitRaises.Values.Select(raise => (raise.Amount, raise.Reason)).OrderByDescending(raise => raise.Amount));

        await _server.PutAsync(Path, new { document = "webhooks: []\nlimit_raises: []", prune = true });
        Assert.Empty(_server.Store.Current.Webhooks);
        Assert.Empty(_server.Store.Current.LimitRaises);
    }

    [Fact]
    public async Task Apply_OneRecordWrong_ChangesNothingAndNamesThePlaces()
    {
        var version = _server.Store.Current.Version;
        using var response = await _server.SendAsync(HttpMethod.Put, Path, Body("""
            groups:
              - name: New
                colour: red
            policies:
              - name: P
                source_groups: [Nobody]
                limits: { token_limit: { window_seconds: 5 } }
            polices: []
            """, null));

        var errors = JsonNode.Parse(await response.Content.ReadAsStringAsync())!["errors"]!.AsObject().Select(error => error.Key).ToList();
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("line 3, column 5: groups[0].colour", errors);
        Assert.Contains("line 6, column 21: policies[0].source_groups[0]", errors);
        Assert.Contains("line 8, column 1: polices", errors);
        Assert.Equal(4, errors.Count);
        Assert.Equal(version, _server.Store.Current.Version);
    }

    [Fact]
    public async Task Apply_DryRun_TellsAndDoesNot()
    {
        var answer = await _server.PutAsync(Path, new { document = "groups: [{ name: X }]", dry_run = true });

        Assert.True((bool)answer["changed"]!);
        Assert.Null(_server.Store.Current.FindGroup("X"));
    }

    [Fact]
    public async Task Apply_Pruned_RemovesWhatASectionDoesNotName()
    {
        await ApplyAsync(Document);

        await _server.PutAsync(Path, new { document = "policies: []\nbudget_rules: []\ngroups: [{ name: Engineering }]", prune = true });

        Assert.Empty(_server.Store.Current.Policies);
        Assert.Equal(["All", "Engineering"], _server.Store.Current.Groups.Values.Select(group => group.Name).Order());
        Assert.Single(_server.Store.Current.Providers);
    }

    [Theory]
    [InlineData("providers: [{ name: A, provider_id: anthropic_api, api_key: sk-inline }]", "does not belong into a document")]
    [InlineData("providers: [{ name: A, provider_id: anthropic_api }]", "no key yet")]
    [InlineData("webhooks: [{ name: A, url: \"https://example.com\" }]", "no secret yet")]
    [InlineData("webhooks: [{ name: A, url: \"https://example.com\", secret: whsec_x }]", "does not belong into a document")]
    [InlineData("limit_raises: [{ policy: P, amount: 1, ends_at: \"2099-01-01T00:00:00Z\" }]", "names the policy")]
    [InlineData("limit_raises: [{ policy: P, amount: 1 }]", "required")]
    [InlineData("a: &x 1\nb: *x", "Anchors")]
    [InlineData("groups: [{ name: A }, { name: a }]", "twice")]
    [InlineData("groups: [{ name: A, name: B }]", "twice")]
    [InlineData("- 1", "must be an object")]
    [InlineData("groups: {", "line")]
    public async Task Apply_HostileDocument_IsRefused(string document, string words)
    {
        using var response = await _server.SendAsync(HttpMethod.Put, Path, Body(document, null));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains(words, await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    private static object Body(string document, string? key)
        => new { document, keys = key is null ? [] : new object[] { new { provider = "Anthropic", api_key = key } } };

    private Task<JsonNode> ApplyAsync(string document, string? key = "sk-planted-1") => _server.PutAsync(Path, Body(document, key));

    private async Task<string> ExportAsync()
    {
        using var response = await _server.SendAsync(HttpMethod.Get, Path, null);
        return await response.Content.ReadAsStringAsync();
    }
}
