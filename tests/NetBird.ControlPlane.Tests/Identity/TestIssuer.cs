using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Tokens;

namespace NetBird.ControlPlane.Tests.Identity;

/// <summary>
/// An issuer that can be told to be wrong: it publishes a discovery document and keys, and signs whatever it is given.
/// </summary>
internal sealed partial class TestIssuer : IAsyncDisposable
{
    public const string ClientId = "netbird";

    private readonly WebApplication _app;
    private readonly List<(RSA Key, string Id)> _published = [];

    private TestIssuer(WebApplication app) => _app = app;

    public string Url => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();

    /// <summary>What the discovery document calls itself; null: the truth.</summary>
    public string? ClaimedIssuer { get; set; }

    /// <summary>Where tokens are to be had; null: here.</summary>
    public string? TokenEndpoint { get; set; }

    /// <summary>Answers nothing but 503.</summary>
    public bool IsDown { get; set; }

    public RSA Key => _published[^1].Key;

    public static async Task<TestIssuer> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var issuer = new TestIssuer(app);
        app.Use((context, next) =>
        {
            if (issuer.IsDown)
            {
                context.Response.StatusCode = 503;
                return Task.CompletedTask;
            }

            return next(context);
        });
        app.MapGet("/.well-known/openid-configuration", () => Results.Json(new Dictionary<string, object>
        {
            ["issuer"] = issuer.ClaimedIssuer ?? issuer.Url,
            ["jwks_uri"] = issuer.Url + "/keys",
            ["authorization_endpoint"] = issuer.Url + "/authorize",
            ["token_endpoint"] = issuer.TokenEndpoint ?? issuer.Url + "/token",
            ["device_authorization_endpoint"] = issuer.Url + "/device",
            ["scopes_supported"] = new[] { "openid", "profile", "email", "groups" },
            ["response_types_supported"] = new[] { "code" },
            ["subject_types_supported"] = new[] { "public" },
            ["id_token_signing_alg_values_supported"] = new[] { "RS256" },
        }));
        app.MapGet("/keys", () => Results.Json(new Dictionary<string, object> { ["keys"] = issuer._published.Select(Jwk).ToArray() }));
        issuer.MapLogin(app);
        issuer.Rotate();
        await app.StartAsync();
        return issuer;
    }

    /// <summary>Publishes a new key beside the old ones and signs with it.</summary>
    public void Rotate() => _published.Add((RSA.Create(2048), Guid.NewGuid().ToString("N")));

    /// <summary>Stops publishing every key but the newest.</summary>
    public void Withdraw() => _published.RemoveRange(0, _published.Count - 1);

    /// <summary>Claims of an honest token.</summary>
    public Dictionary<string, object?> Claims(string subject = "u-1", params string[] groups)
    {
        var now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        return new()
        {
            ["iss"] = Url, ["aud"] = ClientId, ["sub"] = subject, ["iat"] = now, ["exp"] = now + 600,
            ["email"] = subject + "@example.com", ["name"] = "Person " + subject, ["groups"] = groups,
        };
    }

    public string Sign(Dictionary<string, object?> claims, string alg = "RS256", string? kid = null, RSA? key = null)
    {
        var header = new Dictionary<string, object?> { ["alg"] = alg, ["kid"] = kid ?? _published[^1].Id, ["typ"] = "JWT" };
        var input = $"{Base64UrlEncoder.Encode(JsonSerializer.Serialize(header))}.{Base64UrlEncoder.Encode(JsonSerializer.Serialize(claims))}";
        var bytes = Encoding.ASCII.GetBytes(input);
        var signature = alg switch
        {
            "none" => [],
            "HS256" => HMACSHA256.HashData(Encoding.ASCII.GetBytes(Key.ExportSubjectPublicKeyInfoPem()), bytes),
            _ => (key ?? Key).SignData(bytes, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1),
        };
        return $"{input}.{Base64UrlEncoder.Encode(signature)}";
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private static Dictionary<string, string> Jwk((RSA Key, string Id) entry)
    {
        var parameters = entry.Key.ExportParameters(includePrivateParameters: false);
        return new()
        {
            ["kty"] = "RSA", ["use"] = "sig", ["alg"] = "RS256", ["kid"] = entry.Id,
            ["n"] = Base64UrlEncoder.Encode(parameters.Modulus), ["e"] = Base64UrlEncoder.Encode(parameters.Exponent),
        };
    }
}
