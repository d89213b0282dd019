using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Tokens;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tests.Identity.Scim;

/// <summary>A running control plane and a SCIM client with its own token.</summary>
public sealed class ScimWorld : IAsyncLifetime
{
    internal const string Patch = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

    internal RunningControlPlane Server { get; private set; } = null!; // set by InitializeAsync

    internal string Token { get; private set; } = "";

    internal HttpClient Http { get; } = new();

    public async Task InitializeAsync()
    {
        Server = await RunningControlPlane.StartAsync(options => options with { Oidc = new(new("http://127.0.0.1:9"), "client", "groups", null) });
        Http.BaseAddress = Server.Url;
        Token = await AddTokenAsync(Role.Admin, scimOnly: true);
    }

    public async Task DisposeAsync()
    {
        Http.Dispose();
        await Server.DisposeAsync();
    }

    internal async Task<string> AddTokenAsync(Role role, bool scimOnly)
    {
        var secret = SecretHash.NewSecret(SecretHash.AccessTokenPrefix);
        await Server.Store.CommitAsync(Actor.System, draft =>
        {
            var user = new User { Id = new($"scim-{role}-{scimOnly}".ToLowerInvariant()), Name = "SCIM", Role = role, IsServiceUser = true };
            draft.Users.Put(user);
            draft.AccessTokens.Put(new() { Id = AccessTokenId.New(), Name = "scim", User = user.Id, Hash = SecretHash.Of(secret), ScimOnly = scimOnly });
            return true;
        }, default);
        return secret;
    }

    internal async Task<(HttpStatusCode Status, JsonObject? Body, string? Version)> SendAsync(
        string method, string path, string? body = null, string? authorization = "", string type = "application/scim+json", string? match = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), "/scim/v2" + path);
        if (authorization is not null)
        {
            request.Headers.TryAddWithoutValidation("Authorization", authorization.Length == 0 ? "Bearer " + Token : authorization);
        }

        if (match is not null)
        {
            request.Headers.TryAddWithoutValidation(method == "GET" ? "If-None-Match" : "If-Match", match);
        }

        if (body is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
        }

        using var response = await Http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        var node = text.Length > 0 && response.Content.Headers.ContentType?.MediaType == "application/scim+json" ? JsonNode.Parse(text)!.AsObject() : null;
        return (response.StatusCode, node, response.Headers.ETag?.ToString());
    }

    internal async Task<JsonObject> OkAsync(string method, string path, object? body = null, string? match = null)
    {
        var text = body is null ? null : body as string ?? System.Text.Json.JsonSerializer.Serialize(body);
        var (status, answer, _) = await SendAsync(method, path, text, match: match);
        Assert.True((int)status < 300, $"{method} {path}: {(int)status} {answer}");
        return answer ?? [];
    }

    internal Task<JsonObject> AddAsync(string userName, string? externalId = null) => OkAsync("POST", "/Users", new
    {
        schemas = new[] { "urn:ietf:params:scim:schemas:core:2.0:User" },
        userName,
        externalId,
        name = new { givenName = "Given", familyName = "Family" },
        emails = new[] { new { value = userName, type = "work", primary = true } },
        active = true,
    });

    internal Task<JsonObject> PatchAsync(string path, params object[] operations)
        => OkAsync("PATCH", path, new { schemas = new[] { Patch }, Operations = operations });
}
