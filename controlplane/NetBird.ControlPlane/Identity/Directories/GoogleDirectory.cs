using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using NetBird.ControlPlane.Identity.Tokens;

namespace NetBird.ControlPlane.Identity.Directories;

/// <summary>
/// Google's Directory API, <c>groups.list</c>: asked by a service account that stands in for an administrator (domain-wide
/// delegation, RFC 7523). Groups are named by their address, which is unique where names are not.
/// </summary>
internal sealed class GoogleDirectory(ExternalDirectory directory, IHttpClientFactory http, TimeProvider time) : GroupDirectory(http, time)
{
    private const string Scope = "https://www.googleapis.com/auth/admin.directory.group.readonly";

    private static readonly TimeSpan AssertionLifetime = TimeSpan.FromMinutes(10);

    private readonly TimeProvider _time = time;

    // Its tokens never carry groups.
    public override bool IsNeeded(JsonElement payload, bool groupsElsewhere) => true;

    protected override Uri FirstPage(JsonElement payload)
        => new($"{directory.Url.AbsoluteUri.TrimEnd('/')}/groups?userKey={Uri.EscapeDataString(payload.Text("sub"))}&maxResults=200");

    protected override Uri? NextPage(Uri page, JsonElement answer)
        => answer.Text("nextPageToken") is { Length: > 0 } token
            ? new(page.AbsoluteUri.Split("&pageToken=")[0] + "&pageToken=" + Uri.EscapeDataString(token)) : null;

    protected override IEnumerable<string> NamesIn(JsonElement answer)
        => answer.TryGetProperty("groups", out var groups) ? [.. groups.EnumerateArray().Select(group => group.Text("email"))] : [];

    protected override async Task<HttpRequestMessage> TokenRequestAsync(CancellationToken cancellationToken)
    {
        using var account = JsonDocument.Parse(await File.ReadAllTextAsync(directory.CredentialsFile ?? "", cancellationToken));
        var endpoint = account.RootElement.GetProperty("token_uri").GetString() ?? "";
        using var rsa = RSA.Create();
        rsa.ImportFromPem(account.RootElement.GetProperty("private_key").GetString());
        var now = _time.GetUtcNow();
        var assertion = new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(new SecurityTokenDescriptor
        {
            Issuer = account.RootElement.GetProperty("client_email").GetString(),
            Audience = endpoint,
            IssuedAt = now.UtcDateTime,
            Expires = (now + AssertionLifetime).UtcDateTime,
            Claims = new Dictionary<string, object> { ["sub"] = directory.Administrator, ["scope"] = Scope },
            SigningCredentials = new(new RsaSecurityKey(rsa.ExportParameters(includePrivateParameters: true)), SecurityAlgorithms.RsaSha256),
        });
        return new(HttpMethod.Post, endpoint)
        {
            Content = new FormUrlEncodedContent(new Dictionary<string, string>
            {
                ["grant_type"] = "urn:ietf:params:oauth:grant-type:jwt-bearer",
                ["assertion"] = assertion,
            }),
        };
    }
}
