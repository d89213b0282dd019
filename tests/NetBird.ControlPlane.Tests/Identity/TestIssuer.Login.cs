using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.IdentityModel.Tokens;

namespace NetBird.ControlPlane.Tests.Identity;

/// <summary>Its login in a browser: whoever comes is <see cref="Person"/>, and is sent back at once.</summary>
internal sealed partial class TestIssuer
{
    private readonly ConcurrentDictionary<string, (string Nonce, string Challenge, string Redirect, string Scope)> _codes = new(StringComparer.Ordinal);

    public string Person { get; set; } = "u-1";

    /// <summary>What is wrong with the ID token of a login.</summary>
    public Action<Dictionary<string, object?>>? Spoil { get; set; }

    /// <summary>How the ID token of a login is signed.</summary>
    public Func<Dictionary<string, object?>, string>? SignsBy { get; set; }

    /// <summary>The token endpoint refuses every code.</summary>
    public bool RefusesCodes { get; set; }

    /// <summary>Redeemed without a verifier that fits its challenge, at another redirect, or twice.</summary>
    public int Misused { get; private set; }

    private void MapLogin(WebApplication app)
    {
        app.MapGet("/authorize", (HttpRequest request) =>
        {
            var query = request.Query;
            var code = Convert.ToHexString(RandomNumberGenerator.GetBytes(16));
            _codes[code] = (query["nonce"].ToString(), query["code_challenge"].ToString(), query["redirect_uri"].ToString(), query["scope"].ToString());
            return query["code_challenge_method"] == "S256" && query["client_id"] == ClientId && query["state"].Count == 1
                ? Results.Redirect($"{query["redirect_uri"]}?code={code}&state={Uri.EscapeDataString(query["state"].ToString())}")
                : Results.BadRequest();
        });
        app.MapPost("/token", async (HttpRequest request) =>
        {
            var form = await request.ReadFormAsync();
            var challenge = Base64UrlEncoder.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(form["code_verifier"].ToString())));
            if (!_codes.TryRemove(form["code"].ToString(), out var code) || code.Challenge != challenge || code.Redirect != form["redirect_uri"] || RefusesCodes)
            {
                Misused += RefusesCodes ? 0 : 1;
                return Results.Json(new { error = "invalid_grant" }, statusCode: 400);
            }

            var claims = Claims(Person, "Staff");
            claims["nonce"] = code.Nonce;
            if (!code.Scope.Split(' ').Contains("groups"))
            {
                claims.Remove("groups"); // as Okta: what is not asked for is not told
            }

            Spoil?.Invoke(claims);
            return Results.Json(new { id_token = SignsBy?.Invoke(claims) ?? Sign(claims), access_token = "opaque", token_type = "Bearer", expires_in = 600 });
        });
    }
}
