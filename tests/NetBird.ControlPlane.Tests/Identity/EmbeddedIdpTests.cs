using System.Net;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tests.Identity;

public class EmbeddedIdpTests : IAsyncLifetime
{
    private RunningControlPlane _server = null!; // made in InitializeAsync
    private NativeClient _client = null!;
    private Browser _browser = null!;

    public async Task InitializeAsync()
    {
        _server = await StartAsync();
        (_client, _browser) = (new(_server.Url), new(_server.Url));
    }

    public async Task DisposeAsync()
    {
        if (_server is null)
        {
            return; // skipped
        }

        _browser.Dispose();
        _client.Dispose();
        await _server.DisposeAsync();
    }

    /// <summary>On which store; everything else is the same.</summary>
    private protected virtual Task<RunningControlPlane> StartAsync() => RunningControlPlane.StartAsync();

    [SkippableFact]
    public async Task Login_WithCodeAndPkce_GivesTokensAboutThePerson()
    {
        var engineering = new GroupId("eng");
        await _server.Store.CommitAsync(
            Actor.System, draft => { draft.Groups.Put(new() { Id = engineering, Name = "Engineering" }); return true; }, default);
        var ana = await _server.AddPersonAsync("ana@example.com", groups: engineering);

        var tokens = await LogInAsync();

        var id = new JsonWebToken(tokens.GetProperty("id_token").GetString());
        Assert.Equal(_server.Url.AbsoluteUri, id.Issuer);
        Assert.Equal("netbird-agent", Assert.Single(id.Audiences));
        Assert.Equal(ana.Subject, id.Subject);
        Assert.Equal("n1", id.GetClaim("nonce").Value);
        Assert.Equal("ana@example.com", id.GetClaim("email").Value);
        Assert.Equal(["All", "Engineering"], id.Claims.Where(claim => claim.Type == "groups").Select(claim => claim.Value).Order());
        Assert.Equal("st", _browser.Returned("state"));
        var info = await _client.UserInfoAsync(tokens.GetProperty("access_token").GetString()!);
        Assert.Equal(ana.Subject, info.GetProperty("sub").GetString());
    }

    [SkippableFact]
    public async Task Login_AnyLoopbackPort_IsTheSameRedirect()
    {
        await _server.AddPersonAsync("ana@example.com");
        await _browser.OpenAsync(_client.AuthorizeUrl("http://127.0.0.1:27999/"));
        await _browser.LogInAsync("ana@example.com");
        Assert.Equal(27999, _browser.Left?.Port);
    }

    [SkippableTheory]
    [InlineData("https://evil.example/callback")]
    [InlineData("http://127.0.0.1.evil.example/callback")]
    [InlineData("http://127.0.0.1:27001/elsewhere")]
    [InlineData("http://10.0.0.1:27001/callback")]
    public async Task Authorize_ForeignRedirect_StaysHere(string redirect)
    {
        await _browser.OpenAsync(_client.AuthorizeUrl(redirect));
        Assert.Null(_browser.Left);
        Assert.Equal(HttpStatusCode.BadRequest, _browser.Status);
    }

    [SkippableTheory]
    [InlineData("")]
    [InlineData("&code_challenge=abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz&code_challenge_method=plain")]
    public async Task Authorize_WithoutHashedPkce_IsRefused(string challenge)
    {
        await _browser.OpenAsync(_client.AuthorizeUrl(pkce: false, extra: challenge));
        Assert.Null(_browser.Left);
        Assert.Equal(HttpStatusCode.BadRequest, _browser.Status);
    }

    [SkippableFact]
    public async Task Redeem_WrongVerifier_IsRefused()
    {
        var code = await CodeAsync();
        Assert.Equal("invalid_grant", ErrorOf(await _client.RedeemAsync(code, new string('x', 43))));
    }

    [SkippableFact]
    public async Task Redeem_SecondTime_IsRefused_AndEndsTheFirst()
    {
        var code = await CodeAsync();
        var tokens = await _client.RedeemAsync(code);
        Assert.Equal("invalid_grant", ErrorOf(await _client.RedeemAsync(code)));
        Assert.Equal("invalid_grant", ErrorOf(await _client.RefreshAsync(tokens.GetProperty("refresh_token").GetString()!)));
    }

    [SkippableFact]
    public async Task Refresh_RotatesAndSurvivesARestart()
    {
        await _server.AddPersonAsync("ana@example.com");
        var tokens = await LogInAsync();
        await _server.RestartAsync();

        var renewed = await _client.RefreshAsync(tokens.GetProperty("refresh_token").GetString()!);

        Assert.NotEqual(tokens.GetProperty("refresh_token").GetString(), renewed.GetProperty("refresh_token").GetString());
        Assert.Equal(
            new JsonWebToken(tokens.GetProperty("id_token").GetString()).Subject,
            new JsonWebToken(renewed.GetProperty("id_token").GetString()).Subject);
    }

    [SkippableFact]
    public async Task Refresh_AfterRevocation_IsRefused()
    {
        await _server.AddPersonAsync("ana@example.com");
        var token = (await LogInAsync()).GetProperty("refresh_token").GetString()!;
        await _client.PostAsync("/idp/revoke", ("token", token), ("client_id", "netbird-agent"));
        Assert.Equal("invalid_grant", ErrorOf(await _client.RefreshAsync(token)));
    }

    [SkippableFact]
    public async Task DisabledPerson_IsRefusedEverywhere()
    {
        var ana = await _server.AddPersonAsync("ana@example.com");
        var tokens = await LogInAsync();
        await _server.ChangeAsync(ana, user => user with { Status = UserStatus.Disabled });

        Assert.Equal("invalid_grant", ErrorOf(await _client.RefreshAsync(tokens.GetProperty("refresh_token").GetString()!)));
        await _browser.OpenAsync(_client.AuthorizeUrl());
        Assert.Contains("name=\"password\"", _browser.Page, StringComparison.Ordinal);
        await _browser.LogInAsync("ana@example.com");
        Assert.Equal(HttpStatusCode.Unauthorized, _browser.Status);
    }

    [SkippableFact]
    public async Task Session_AfterLogin_NeedsNoSecondLogin_UnlessAskedFor()
    {
        await _server.AddPersonAsync("ana@example.com");
        await LogInAsync();

        await _browser.OpenAsync(_client.AuthorizeUrl());
        Assert.NotNull(_browser.Returned("code"));
        await _browser.OpenAsync(_client.AuthorizeUrl(extra: "&prompt=login"));
        Assert.Null(_browser.Left);
        await _browser.LogInAsync("ana@example.com");
        Assert.NotNull(_browser.Returned("code"));
    }

    [SkippableFact]
    public async Task Authorize_PromptNone_WithNobody_SaysLoginRequired()
    {
        await _browser.OpenAsync(_client.AuthorizeUrl(extra: "&prompt=none"));
        Assert.Equal("login_required", _browser.Returned("error"));
    }

    [SkippableFact]
    public async Task Login_FiveWrongPasswords_LocksTheName()
    {
        await _server.AddPersonAsync("ana@example.com");
        await _browser.OpenAsync(_client.AuthorizeUrl());
        for (var attempt = 0; attempt < 5; attempt++)
        {
            await _browser.LogInAsync("ana@example.com", "not this one");
            Assert.Equal(HttpStatusCode.Unauthorized, _browser.Status);
        }

        await _browser.LogInAsync("ana@example.com");
        Assert.Equal(HttpStatusCode.TooManyRequests, _browser.Status);
    }

    [SkippableFact]
    public async Task Login_WithoutTheFormsToken_IsRefused()
    {
        await _server.AddPersonAsync("ana@example.com");
        await _browser.OpenAsync(_client.AuthorizeUrl());
        await _browser.SubmitAsync(
            ("username", "ana@example.com"), ("password", RunningControlPlane.Password), ("__RequestVerificationToken", "forged"));
        Assert.Equal(HttpStatusCode.BadRequest, _browser.Status);
    }

    [SkippableTheory]
    [InlineData("https://evil.example/")]
    [InlineData("//evil.example/idp/authorize?")]
    [InlineData("/\\evil.example")]
    public async Task Login_ForeignDestination_IsForgotten(string destination)
    {
        await _server.AddPersonAsync("ana@example.com");
        await _browser.OpenAsync("/idp/login?return=" + Uri.EscapeDataString(destination));
        await _browser.SubmitAsync(
            ("username", "ana@example.com"), ("password", RunningControlPlane.Password), ("return", destination));
        Assert.Null(_browser.Left);
    }

    [SkippableFact]
    public async Task Login_FirstPassword_HasToBeChanged()
    {
        await _server.AddPersonAsync("ana@example.com", mustChange: true);
        await _browser.OpenAsync(_client.AuthorizeUrl());
        await _browser.LogInAsync("ana@example.com");
        Assert.Null(_browser.Left);
        await _browser.SubmitAsync(("new_password", "short"), ("repeated", "short"));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, _browser.Status);
        await _browser.SubmitAsync(("new_password", "a much longer one"), ("repeated", "a much longer one"));
        Assert.NotNull(_browser.Returned("code"));
        Assert.False(_server.Store.Current.FindEmbeddedUser("ana@example.com")!.Credential!.MustChange);
    }

    [SkippableFact]
    public async Task DeviceCode_ConfirmedInABrowser_GivesTokens()
    {
        var ana = await _server.AddPersonAsync("ana@example.com");
        var device = await _client.StartDeviceAsync();
        Assert.Equal("authorization_pending", ErrorOf(await _client.PollDeviceAsync(device.GetProperty("device_code").GetString()!)));

        await _browser.OpenAsync(device.GetProperty("verification_uri_complete").GetString()!);
        await _browser.LogInAsync("ana@example.com");
        Assert.Contains(device.GetProperty("user_code").GetString()!, _browser.Page, StringComparison.Ordinal);
        await _browser.SubmitAsync(("answer", "yes"));

        var tokens = await _client.PollDeviceAsync(device.GetProperty("device_code").GetString()!);
        Assert.Equal(ana.Subject, new JsonWebToken(tokens.GetProperty("id_token").GetString()).Subject);
    }

    [SkippableFact]
    public async Task DeviceCode_Refused_IsDenied()
    {
        await _server.AddPersonAsync("ana@example.com");
        var device = await _client.StartDeviceAsync();
        await _browser.OpenAsync(device.GetProperty("verification_uri_complete").GetString()!);
        await _browser.LogInAsync("ana@example.com");
        await _browser.SubmitAsync(("answer", "no"));
        Assert.Equal("access_denied", ErrorOf(await _client.PollDeviceAsync(device.GetProperty("device_code").GetString()!)));
    }

    [SkippableFact]
    public async Task DevicePage_WrongCode_SaysSo()
    {
        await _server.AddPersonAsync("ana@example.com");
        await _browser.OpenAsync("/idp/device?user_code=BBBB-BBBB");
        await _browser.LogInAsync("ana@example.com");
        Assert.Equal(HttpStatusCode.BadRequest, _browser.Status);
        Assert.Contains("wrong or has expired", _browser.Page, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Login_WhereNobodyHasOne_SaysHowToBegin()
    {
        await _browser.OpenAsync("/login");
        Assert.Contains("Nobody can log in yet", _browser.Page, StringComparison.Ordinal);
        Assert.Contains("netbird-controlplane user create you@example.com --role owner", _browser.Page, StringComparison.Ordinal);
        Assert.Contains("href=\"/login?return=%2F\"", _browser.Page, StringComparison.Ordinal);

        await _server.AddPersonAsync("ana@example.com");
        await _browser.OpenAsync("/login");
        await _browser.LogInAsync("ana@example.com");
        Assert.Equal(HttpStatusCode.OK, _browser.Status);
    }

    [SkippableFact]
    public async Task Logout_EndsTheSession()
    {
        await _server.AddPersonAsync("ana@example.com");
        await LogInAsync();
        await _browser.OpenAsync("/idp/logout");
        await _browser.OpenAsync(_client.AuthorizeUrl());
        Assert.Null(_browser.Left);
    }

    [SkippableFact]
    public async Task StateDirectory_HoldsNoPasswordOrToken()
    {
        await _server.AddPersonAsync("ana@example.com");
        var tokens = await LogInAsync();
        foreach (var file in Directory.EnumerateFiles(_server.Options.StateDirectory, "*", SearchOption.AllDirectories)
            .Where(path => !path.EndsWith("lock", StringComparison.Ordinal)))
        {
            await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var reader = new StreamReader(stream, System.Text.Encoding.Latin1);
            var text = await reader.ReadToEndAsync();
            Assert.DoesNotContain(RunningControlPlane.Password, text, StringComparison.Ordinal);
            Assert.DoesNotContain(tokens.GetProperty("refresh_token").GetString()!, text, StringComparison.Ordinal);
        }
    }

    private static string? ErrorOf(JsonElement answer) => answer.TryGetProperty("error", out var error) ? error.GetString() : null;

    private async Task<string> CodeAsync()
    {
        await _server.AddPersonAsync("ana@example.com");
        await _browser.OpenAsync(_client.AuthorizeUrl());
        await _browser.LogInAsync("ana@example.com");
        return _browser.Returned("code")!;
    }

    private async Task<JsonElement> LogInAsync()
    {
        await _browser.OpenAsync(_client.AuthorizeUrl());
        await _browser.LogInAsync("ana@example.com");
        return await _client.RedeemAsync(_browser.Returned("code")!);
    }
}
