using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Policies;
using NetBird.ControlPlane.Tokens;
using NetBird.Primitives;
using NetBird.WireGuard;
using PublicKey = NetBird.Primitives.PublicKey;

namespace NetBird.ControlPlane.Tests.AdminApi.OpenApi;

/// <summary>Every documented body is taken as it is documented: whole, field by field of the right type, and nothing beside.</summary>
public sealed class RequestBodyTests : IAsyncLifetime
{
    private RunningControlPlane _plane = null!; // made in InitializeAsync
    private HttpClient _http = null!; // made in InitializeAsync
    private List<DocumentedCall> _calls = [];
    private int _names;

    public async Task InitializeAsync()
    {
        _plane = await RunningControlPlane.StartAsync(options => options with { Gateway = true, Tunnel = TunnelKind.Rootless });
        _http = new() { BaseAddress = _plane.Url };
        var token = await File.ReadAllTextAsync(Path.Combine(_plane.Options.StateDirectory, FirstToken.FileName));
        _http.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", "Token " + token.Trim());
        _calls = [.. DocumentedCall.Of((await _http.GetFromJsonAsync<JsonNode>("/openapi/v1.json"))!)];
        await _plane.Store.CommitAsync(Actor.System, draft =>
        {
            var caps = new LimitSettings(new(true, 1000, 1000, 3600, Strict: false), new(true, 1_000_000_000, 1_000_000_000, 3600, Strict: false));
            draft.Groups.Put(new() { Id = new("g"), Name = "Group" });
            draft.Users.Put(new() { Id = new("u"), Name = "Person", Email = "p@example.com", Issuer = Users.User.EmbeddedIssuer, Subject = "u" });
            draft.Users.Put(new() { Id = new("s"), Name = "Service", IsServiceUser = true });
            draft.Peers.Put(new() { Id = new("p"), Name = "Machine", PublicKey = new([.. Enumerable.Repeat((byte)7, PublicKey.Size)]), OverlayAddress = IPAddress.Parse("100.64.0.9"), User = new("u") });
            draft.Providers.Put(new() { Id = new("a"), Name = "Anthropic", Kind = "anthropic_api", Upstream = new("https://api.anthropic.com"), Enabled = true });
            draft.Guardrails.Put(new() { Id = new("r"), Name = "Guardrail" });
            draft.Policies.Put(new() { Id = new("l"), Name = "Policy", SourceGroups = [new GroupId("g")], Providers = [new ProviderId("a")], Limits = caps });
            draft.BudgetRules.Put(new() { Id = new("b"), Name = "Rule", Limits = caps });
            draft.Webhooks.Put(new() { Id = new("w"), Name = "Hook", Url = "https://hooks.example.com/a", Sealed = "" });
            draft.SetupKeys.Put(new() { Id = new("k"), Name = "Key", Hash = "h", Prefix = "nbs_", ServiceUser = new("s") });
            return true;
        }, CancellationToken.None);
    }

    public async Task DisposeAsync()
    {
        _http.Dispose();
        await _plane.DisposeAsync();
    }

    [Fact]
    public void Document_OfTheCallsThatWrite_NamesABodyForEach()
        => Assert.Equal(24, _calls.Count);

    [Fact]
    public async Task Body_AsDocumented_IsAccepted()
    {
        foreach (var call in _calls)
        {
            using var answer = await SendAsync(call, call.Example(Known(call)));

            Assert.True(answer.IsSuccessStatusCode, $"{call.Method} {call.Path} {call.Example(Known(call))}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
        }
    }

    [Fact]
    public async Task Body_WithAFieldOfAnotherType_IsRefusedByItsName()
    {
        foreach (var call in _calls)
        {
            foreach (var (name, schema) in DocumentedCall.Read(call.Schema))
            {
                var body = call.Example(Known(call));
                body[name] = DocumentedCall.WrongFor(schema);
                await RefusedAsync(call, body, name, "must be");
                if ((string?)schema["type"] != "object" || schema["properties"] is null)
                {
                    continue;
                }

                foreach (var (inner, innerSchema) in DocumentedCall.Read(schema))
                {
                    body[name] = new JsonObject { [inner] = DocumentedCall.WrongFor(innerSchema) };
                    await RefusedAsync(call, body, $"{name}.{inner}", "must be");
                }
            }
        }
    }

    [Fact]
    public async Task Body_WithoutARequiredField_IsRefusedByItsName()
    {
        foreach (var call in _calls)
        {
            foreach (var name in DocumentedCall.Required(call.Schema))
            {
                var body = call.Example(Known(call));
                body.Remove(name);

                // A provider has its kind's name where none is given.
                if ((call.Path, name) is not ("/api/agent-network/providers", "name"))
                {
                    await RefusedAsync(call, body, name, "required");
                }
            }
        }
    }

    [Fact]
    public async Task Body_WithAFieldThatIsNotDocumented_IsRefusedByItsName()
    {
        foreach (var call in _calls)
        {
            Assert.False((bool?)call.Schema["additionalProperties"] ?? true);
            var body = call.Example(Known(call));
            body["surprise"] = 1;
            await RefusedAsync(call, body, "surprise", "no such field");
        }
    }

    private async Task RefusedAsync(DocumentedCall call, JsonObject body, string field, string why)
    {
        using var answer = await SendAsync(call, body);
        var text = await answer.Content.ReadAsStringAsync();
        var what = $"{call.Method} {call.Path} {body}: {(int)answer.StatusCode} {text}";
        Assert.True(answer.StatusCode == HttpStatusCode.BadRequest, what);
        Assert.True(JsonNode.Parse(text)!["errors"]!.AsObject().Any(error => error.Key == field && error.Value!.ToJsonString().Contains(why, StringComparison.Ordinal)), what);
    }

    private async Task<HttpResponseMessage> SendAsync(DocumentedCall call, JsonObject body)
    {
        using var request = new HttpRequestMessage(call.Method, call.Path.Replace("{id}", IdFor(call.Path), StringComparison.Ordinal)) { Content = JsonContent.Create(body) };
        return await _http.SendAsync(request);
    }

    private static string IdFor(string path) => path.Split('/') switch
    {
        [.., "groups", "{id}"] => "g",
        [.., "users", "{id}"] => "u",
        [.., "users", "{id}", "tokens"] => "s",
        [.., "peers", "{id}"] => "p",
        [.., "providers", "{id}"] or [.., "providers", "{id}", "keys"] => "a",
        [.., "guardrails", "{id}"] => "r",
        [.., "policies", "{id}"] => "l",
        [.., "budget-rules", "{id}"] => "b",
        [.., "webhooks", "{id}"] => "w",
        [.., "setup-keys", "{id}"] => "k",
        _ => "",
    };

    /// <summary>What a schema cannot say: which ids there are, what an address or a secret is, and which two fields exclude each other (null: left out).</summary>
    private Dictionary<string, JsonNode?> Known(DocumentedCall call)
    {
        var number = Interlocked.Increment(ref _names).ToString(CultureInfo.InvariantCulture);
        var known = new Dictionary<string, JsonNode?>
        {
            ["name"] = "Name " + number,
            ["email"] = $"person{number}@example.com",
            ["password"] = "a long enough sentence " + number,
            ["source_groups"] = new JsonArray("g"),
            ["target_groups"] = new JsonArray("g"),
            ["auto_groups"] = new JsonArray("g"),
            ["target_users"] = new JsonArray("u"),
            ["users"] = new JsonArray("u"),
            ["peers"] = new JsonArray("p"),
            ["destination_provider_ids"] = new JsonArray("a"),
            ["guardrail_ids"] = new JsonArray("r"),
            ["status"] = "active",
            ["provider_id"] = "anthropic_api",
            ["upstream_url"] = "https://api.example.com",
            ["api_key"] = "sk-ant-" + number,
            ["admin_api_key"] = "sk-ant-admin-" + number,
            ["url"] = "https://hooks.example.com/b",
            ["secret"] = "whsec_" + Convert.ToBase64String(new byte[32]),
            ["endpoint_name"] = "claude.acme.internal",
            ["source_id"] = "l",
            ["subject_id"] = "u",
            ["scope"] = "user",
            ["unit"] = "usd",
            ["starts_at"] = "2027-01-01T00:00:00Z",
            ["document"] = "groups: [{ name: Of a document }]",
            ["webhook"] = null,
            ["limit"] = 1000,
            ["enabled"] = true,
            ["user_cap"] = 1000,
            ["user_cap_usd"] = 1,
            ["id"] = "claude-opus-5-5",
            ["grants_role"] = "admin",
            ["role"] = "user",
        };
        if (call.Path.EndsWith("/configuration", StringComparison.Ordinal))
        {
            (known["provider"], known["secret"]) = ("Anthropic", null);
        }
        else if (call.Path.EndsWith("/reprice", StringComparison.Ordinal))
        {
            (known["provider"], known["from"]) = ("a", "2026-01-01T00:00:00Z");
            known["prices"] = JsonNode.Parse("""{"models":{"claude-opus-5-5":[{"input":3,"output":9,"cache_read":1,"cache_write_5m":4,"cache_write_1h":5}]}}""");
        }
        else if (call.Path.EndsWith("/guardrails", StringComparison.Ordinal) || call.Path.Contains("/guardrails/", StringComparison.Ordinal))
        {
            known["models"] = new JsonArray("claude-*");
        }

        return known;
    }
}
