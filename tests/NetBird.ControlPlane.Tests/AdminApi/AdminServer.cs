using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using NetBird.ControlPlane.AdminApi;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Tokens;
using NetBird.ControlPlane.Users;
using NetBird.ControlPlane.Webhooks;
using NetBird.ControlPlane.Webhooks.LiteDb;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tests.AdminApi;

/// <summary>Administration behind a real HTTP server on a free loopback port, with a token for each role.</summary>
internal sealed class AdminServer : IAsyncDisposable
{
    private readonly Dictionary<Role, string> _tokens = [];
    private WebApplication? _app;
    private LiteDbWebhookOutbox? _outbox;

    public required TemporaryState State { get; init; }

    public ConfigurationStore Store { get; private set; } = null!; // set by StartAsync

    public HttpClient Http { get; } = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });

    public string OwnerToken => _tokens[Role.Owner];

    public IServiceProvider Services => _app!.Services; // set by StartAsync

    public static async Task<AdminServer> StartAsync(TemporaryState? state = null)
    {
        var server = new AdminServer { State = state ?? new() };
        var account = await server.State.OpenStateAsync();
        server.Store = account.Configuration;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<TimeProvider>(server.State.Time);
        var port = LoopbackPort.Free();
        builder.WebHost.UseUrls($"http://127.0.0.1:{port}");
        builder.Services.AddAdministration(
            new() { StateDirectory = server.State.Path, EmbeddedIdentity = true, PublicUrl = new($"http://127.0.0.1:{port}") },
            account);
        builder.Services.AddUpkeep();
        server._outbox = LiteDbWebhookOutbox.Open(Path.Combine(server.State.Path, "webhooks.db"));
        builder.Services.AddSingleton<IWebhookOutbox>(server._outbox).AddWebhooks();
        server._app = builder.Build();
        server._app.MapAdminApi();
        await FirstToken.EnsureAsync(server.Store, server.State.Path, server.State.Time, CancellationToken.None);
        await server._app.StartAsync();
        server.Http.BaseAddress = new($"http://127.0.0.1:{port}");
        server._tokens[Role.Owner] = (await File.ReadAllTextAsync(Path.Combine(server.State.Path, FirstToken.FileName))).Trim();
        foreach (var role in (Role[])[Role.User, Role.Auditor, Role.Admin])
        {
            server._tokens[role] = await server.AddTokenAsync(role);
        }

        return server;
    }

    /// <summary>Sends a request with the token of a role; null: without one.</summary>
    public Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, object? body, Role? role = Role.Owner)
        => SendAsync(method, path, body, role is { } known ? "Token " + _tokens[known] : null);

    public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, object? body, string? authorization)
    {
        using var request = new HttpRequestMessage(method, path);
        if (authorization is not null)
        {
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
        }

        if (body is not null)
        {
            var text = body as string ?? System.Text.Json.JsonSerializer.Serialize(body);
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(text))
            {
                Headers = { ContentType = MediaTypeHeaderValue.Parse("application/json") },
            };
        }

        return await Http.SendAsync(request);
    }

    /// <summary>Sends, expects success, gives the JSON.</summary>
    public async Task<JsonNode> OkAsync(HttpMethod method, string path, object? body = null, Role role = Role.Owner)
    {
        using var response = await SendAsync(method, path, body, role);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, $"{(int)response.StatusCode} {text}");
        return JsonNode.Parse(text)!; // a JSON answer is never the literal null here
    }

    public Task<JsonNode> GetAsync(string path, Role role = Role.Owner) => OkAsync(HttpMethod.Get, path, null, role);

    public Task<JsonNode> PostAsync(string path, object body, Role role = Role.Owner) => OkAsync(HttpMethod.Post, path, body, role);

    public Task<JsonNode> PutAsync(string path, object body, Role role = Role.Owner) => OkAsync(HttpMethod.Put, path, body, role);

    public string TokenOf(Role role) => _tokens[role];

    public static UserId UserOf(Role role) => new("test-" + role.ToString().ToLowerInvariant());

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        if (_app is not null)
        {
            await _app.DisposeAsync();
        }

        _outbox?.Dispose();
        await Store.DisposeAsync();
        State.Dispose();
    }

    private async Task<string> AddTokenAsync(Role role)
    {
        var secret = SecretHash.NewSecret(SecretHash.AccessTokenPrefix);
        await Store.CommitAsync(Actor.System, draft =>
        {
            draft.Users.Put(new() { Id = UserOf(role), Name = $"Test {role}", Role = role, IsServiceUser = true });
            draft.AccessTokens.Put(new() { Id = AccessTokenId.New(), Name = "test", User = UserOf(role), Hash = SecretHash.Of(secret) });
            return true;
        }, CancellationToken.None);
        return secret;
    }
}
