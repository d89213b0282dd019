using System.Security.Cryptography;
using System.Text.Json;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using NetBird.ControlPlane.Identity.Directories;
using NetBird.ControlPlane.Tests.AgentApi;

namespace NetBird.ControlPlane.Tests.Identity.Directories;

/// <summary>
/// Groups that a token leaves out, against endpoints of the providers' public shape: Microsoft Graph's transitiveMemberOf,
/// Google's groups.list; and Okta's claim, which leaves nothing out.
/// </summary>
public sealed class GroupDirectoryTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("netbird-directory-").FullName;
    private readonly List<string> _asked = [];
    private WebApplication _directory = null!; // made in InitializeAsync
    private TestIssuer _issuer = null!;
    private bool _isDown;

    private Uri Url => new(_directory.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());

    public async Task InitializeAsync()
    {
        _issuer = await TestIssuer.StartAsync();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _directory = builder.Build();
        _directory.Use((context, next) =>
        {
            context.Response.StatusCode = _isDown ? 503 : context.Response.StatusCode;
            return _isDown ? Task.CompletedTask : next(context);
        });
        _directory.MapGet("/v1.0/users/{oid}/transitiveMemberOf/microsoft.graph.group", (string oid, HttpRequest request) =>
        {
            _asked.Add($"graph {oid} {request.Headers.Authorization}");
            var page = request.Query["$skiptoken"] == "2" ? 2 : 1;
            var value = Enumerable.Range(page * 1000, 150).Select(i => new { id = $"guid-{i}" });
            return page == 1
                ? Results.Json(new Dictionary<string, object> { ["value"] = value, ["@odata.nextLink"] = $"{Url}v1.0/users/{oid}/transitiveMemberOf/microsoft.graph.group?$skiptoken=2" })
                : Results.Json(new Dictionary<string, object> { ["value"] = value, ["@odata.nextLink"] = "https://elsewhere.example/steal" });
        });
        _directory.MapGet("/admin/directory/v1/groups", (HttpRequest request) =>
        {
            _asked.Add($"google {request.Query["userKey"]} {request.Headers.Authorization}");
            return request.Query["pageToken"] == "p2"
                ? Results.Json(new { groups = new[] { new { email = "sales@acme.example" } } })
                : Results.Json(new { groups = new[] { new { email = "eng@acme.example" } }, nextPageToken = "p2" });
        });
        _directory.MapPost("/token", async (HttpRequest request) =>
        {
            var form = await request.ReadFormAsync();
            _asked.Add($"token {form["grant_type"]} {form["client_id"]} {form["client_secret"]} {form["assertion"]}");
            return Results.Json(new { access_token = "directory-token", expires_in = 3600, token_type = "Bearer" });
        });
        await _directory.StartAsync();
        _issuer.TokenEndpoint = Url + "token";
    }

    public async Task DisposeAsync()
    {
        await _directory.DisposeAsync();
        await _issuer.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Entra_TooManyGroupsForTheToken_AreReadFromGraphPageByPage()
    {
        await using var server = await StartAsync(new(DirectoryKind.Entra, new(Url, "v1.0"), null, ""));
        var claims = _issuer.Claims("ana");
        claims.Remove("groups");
        claims["oid"] = "oid-ana";
        claims["_claim_names"] = new { groups = "src1" };
        claims["_claim_sources"] = new { src1 = new { endpoint = "https://graph.windows.net/acme/users/ana/getMemberObjects" } };

        await EnrolAsync(server, claims);

        var ana = server.Store.Current.FindUser(_issuer.Url, "ana")!;
        Assert.Equal(300, ana.IdpGroups.Count);
        Assert.Contains(server.Store.Current.Groups.Values, group => group.Name == "guid-2149");
        Assert.Equal(["token client_credentials netbird s3cret ", "graph oid-ana Bearer directory-token", "graph oid-ana Bearer directory-token"], _asked);
    }

    [Fact]
    public async Task Entra_GroupsInTheToken_AreNotAskedFor()
    {
        await using var server = await StartAsync(new(DirectoryKind.Entra, new(Url, "v1.0"), null, ""));

        await EnrolAsync(server, _issuer.Claims("ana", "guid-1", "guid-2"));

        Assert.Equal(2, server.Store.Current.FindUser(_issuer.Url, "ana")!.IdpGroups.Count);
        Assert.Empty(_asked);
    }

    [Fact]
    public async Task Entra_GraphIsDown_TheLoginIsToBeTriedAgain()
    {
        await using var server = await StartAsync(new(DirectoryKind.Entra, new(Url, "v1.0"), null, ""));
        _isDown = true;
        var claims = _issuer.Claims("ana");
        claims.Remove("groups");
        claims["oid"] = "oid-ana";
        claims["_claim_names"] = new { groups = "src1" };

        var fault = await Assert.ThrowsAsync<RpcException>(() => EnrolAsync(server, claims));

        Assert.Equal(StatusCode.Unavailable, fault.StatusCode);
        Assert.Null(server.Store.Current.FindUser(_issuer.Url, "ana"));
    }

    [Fact]
    public async Task Google_Groups_ComeFromTheDirectoryAtEveryLogin()
    {
        using var key = RSA.Create(2048);
        var file = Path.Combine(_folder, "account.json");
        await File.WriteAllTextAsync(file, JsonSerializer.Serialize(new
        {
            type = "service_account", client_email = "netbird@acme.iam.gserviceaccount.com", private_key = key.ExportPkcs8PrivateKeyPem(), token_uri = Url + "token",
        }));
        await using var server = await StartAsync(new(DirectoryKind.Google, new(Url, "admin/directory/v1"), file, "admin@acme.example"));

        await EnrolAsync(server, _issuer.Claims("1077"));

        var names = server.Store.Current.FindUser(_issuer.Url, "1077")!.IdpGroups.Select(id => server.Store.Current.Groups[id].Name);
        Assert.Equal(["eng@acme.example", "sales@acme.example"], names.Order());
        Assert.Equal(2, _asked.Count(line => line == "google 1077 Bearer directory-token"));
        var assertion = new JsonWebToken(_asked.Single(line => line.StartsWith("token ", StringComparison.Ordinal)).Split(' ')[^1]);
        Assert.Equal(("netbird@acme.iam.gserviceaccount.com", "admin@acme.example"), (assertion.Issuer, assertion.Subject));
        Assert.Contains("admin.directory.group.readonly", assertion.GetClaim("scope").Value, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Okta_GroupsClaim_IsTakenAsItIs()
    {
        await using var server = await StartAsync(null);

        await EnrolAsync(server, _issuer.Claims("00u1", "Everyone", "Engineering"));

        var names = server.Store.Current.FindUser(_issuer.Url, "00u1")!.IdpGroups.Select(id => server.Store.Current.Groups[id].Name);
        Assert.Equal(["Engineering", "Everyone"], names.Order());
    }

    [Fact]
    public async Task Email_ThatTheIdpHasNotVerified_IsNotTaken()
    {
        await using var server = await StartAsync(null);
        var claims = _issuer.Claims("mallory");
        claims["email"] = "boss@acme.example";
        claims["email_verified"] = false;

        await EnrolAsync(server, claims);

        Assert.Equal("", server.Store.Current.FindUser(_issuer.Url, "mallory")!.Email);
    }

    private Task<RunningControlPlane> StartAsync(ExternalDirectory? directory)
    {
        var secret = Path.Combine(_folder, "client-secret");
        File.WriteAllText(secret, "s3cret\n");
        return RunningControlPlane.StartAsync(options => options with
        {
            Oidc = new(new Uri(_issuer.Url), TestIssuer.ClientId, "groups", secret) { Directory = directory },
        });
    }

    private async Task EnrolAsync(RunningControlPlane server, Dictionary<string, object?> claims)
    {
        using var agent = new TestAgent(server.Url);
        await agent.EnrolAsync(_issuer.Sign(claims));
    }
}
