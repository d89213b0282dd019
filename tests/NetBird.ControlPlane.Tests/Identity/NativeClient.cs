using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.IdentityModel.Tokens;

namespace NetBird.ControlPlane.Tests.Identity;

/// <summary>The agent's side of OpenID Connect, written out: PKCE, code, device code, refresh.</summary>
internal sealed class NativeClient(Uri site) : IDisposable
{
    public const string Callback = "http://127.0.0.1:27001/callback";
    public const string Scope = "openid profile email groups offline_access";

    private readonly HttpClient _http = new() { BaseAddress = site };

    public string Verifier { get; } = Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(32));

    public string AuthorizeUrl(string redirect = Callback, string client = "netbird-agent", string extra = "", bool pkce = true)
        => $"/idp/authorize?response_type=code&client_id={client}&redirect_uri={Uri.EscapeDataString(redirect)}"
            + $"&scope={Uri.EscapeDataString(Scope)}&state=st&nonce=n1{extra}"
            + (pkce ? $"&code_challenge={Challenge}&code_challenge_method=S256" : "");

    private string Challenge => Base64UrlEncoder.Encode(SHA256.HashData(System.Text.Encoding.ASCII.GetBytes(Verifier)));

    public Task<JsonElement> RedeemAsync(string code, string? verifier = null)
        => PostAsync("/idp/token", ("grant_type", "authorization_code"), ("code", code), ("redirect_uri", Callback),
            ("code_verifier", verifier ?? Verifier), ("client_id", "netbird-agent"));

    public Task<JsonElement> RefreshAsync(string token)
        => PostAsync("/idp/token", ("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", "netbird-agent"));

    public Task<JsonElement> StartDeviceAsync()
        => PostAsync("/idp/device_authorization", ("client_id", "netbird-agent"), ("scope", Scope));

    public Task<JsonElement> PollDeviceAsync(string deviceCode)
        => PostAsync("/idp/token", ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("device_code", deviceCode), ("client_id", "netbird-agent"));

    public async Task<JsonElement> PostAsync(string path, params (string Name, string Value)[] fields)
    {
        using var response = await _http.PostAsync(new Uri(path, UriKind.Relative), new FormUrlEncodedContent(
            fields.Select(field => KeyValuePair.Create(field.Name, field.Value))));
        var text = await response.Content.ReadAsStringAsync();
        return text.Length == 0 ? default : JsonDocument.Parse(text).RootElement;
    }

    public async Task<JsonElement> UserInfoAsync(string accessToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/idp/userinfo");
        request.Headers.Authorization = new("Bearer", accessToken);
        using var response = await _http.SendAsync(request);
        return await response.Content.ReadFromJsonAsync<JsonElement>();
    }

    public void Dispose() => _http.Dispose();
}
