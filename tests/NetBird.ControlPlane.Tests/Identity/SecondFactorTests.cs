using System.Net;
using System.Net.Http.Json;
using System.Text.RegularExpressions;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Users;
using OtpNet;

namespace NetBird.ControlPlane.Tests.Identity;

/// <summary>An authenticator app from its setting up to its loss, in the IdP's pages.</summary>
public sealed partial class SecondFactorTests : IAsyncLifetime
{
    private const string Ana = "ana@example.com";

    private RunningControlPlane _server = null!; // made in InitializeAsync
    private Browser _browser = null!;
    private NativeClient _client = null!;
    private Totp _app = new([1]);

    public async Task InitializeAsync()
    {
        _server = await RunningControlPlane.StartAsync();
        (_browser, _client) = (new(_server.Url), new(_server.Url));
        await _server.AddPersonAsync(Ana);
    }

    public async Task DisposeAsync()
    {
        _browser.Dispose();
        _client.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task SetUp_ThenLogIn_AsksForTheCode_AndTakesEachOnce()
    {
        await SetUpAsync();

        using var another = new Browser(_server.Url);
        await another.OpenAsync(_client.AuthorizeUrl());
        await another.LogInAsync(Ana);
        Assert.Contains("Second factor", another.Page, StringComparison.Ordinal);
        await another.SubmitAsync(("code", "000000"));
        Assert.Equal(HttpStatusCode.Unauthorized, another.Status);

        // The code that switched it on is used up; the next step's is taken, since a telephone may be ahead.
        await another.SubmitAsync(("code", _app.ComputeTotp()));
        Assert.Equal(HttpStatusCode.Unauthorized, another.Status);
        await another.SubmitAsync(("code", NextCode()));
        Assert.NotNull(another.Returned("code"));
    }

    [Fact]
    public async Task SetUp_EndsOtherSessions_AndIsInTheAuditLogWithoutTheSecret()
    {
        using var elsewhere = new Browser(_server.Url);
        await elsewhere.OpenAsync(_client.AuthorizeUrl());
        await elsewhere.LogInAsync(Ana);

        var codes = await SetUpAsync();

        await elsewhere.OpenAsync(_client.AuthorizeUrl());
        Assert.Null(elsewhere.Returned("code"));
        await _browser.OpenAsync("/idp/account");
        Assert.Contains("10 recovery codes are left", _browser.Page, StringComparison.Ordinal);
        var entries = await AuditAsync();
        Assert.Contains("authenticator app set up", entries, StringComparison.Ordinal);
        Assert.DoesNotContain(codes[0], entries, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SetUp_WrongCode_OrAnotherSecret_SwitchesNothingOn()
    {
        await OpenAppPageAsync();
        await _browser.SubmitAsync(("code", "123"));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, _browser.Status);

        // A secret that somebody else chose, with a code that fits it.
        var theirs = Base32Encoding.ToString(new byte[20]).TrimEnd('=');
        await _browser.SubmitAsync(("secret", theirs), ("code", new Totp(new byte[20]).ComputeTotp()));

        Assert.Equal(HttpStatusCode.BadRequest, _browser.Status);
        Assert.Null(Person().Credential!.SealedTotpSecret);
    }

    [Fact]
    public async Task RecoveryCode_LogsInOnce()
    {
        var codes = await SetUpAsync();
        foreach (var works in (bool[])[true, false])
        {
            using var browser = new Browser(_server.Url);
            await browser.OpenAsync(_client.AuthorizeUrl());
            await browser.LogInAsync(Ana);
            await browser.SubmitAsync(("code", " " + codes[3].ToUpperInvariant()));

            Assert.Equal(works, browser.Returned("code") is not null);
        }

        Assert.Equal(9, Person().Credential!.RecoveryCodes.Length);
    }

    [Fact]
    public async Task NewCodes_ReplaceTheOld_AndTakingOffNeedsACode()
    {
        var old = await SetUpAsync();
        await _browser.OpenAsync("/idp/account");
        await _browser.SubmitAsync(("code", old[0]));
        var fresh = Codes();
        Assert.Empty(old.Intersect(fresh));

        await _browser.OpenAsync("/idp/account");
        await SubmitToAsync("/idp/account/remove", old[1]);
        Assert.Equal(HttpStatusCode.Unauthorized, _browser.Status);
        Assert.NotNull(Person().Credential!.SealedTotpSecret);
        await _browser.OpenAsync("/idp/account");
        await SubmitToAsync("/idp/account/remove", fresh[1]);

        Assert.Null(Person().Credential!.SealedTotpSecret);
        Assert.Empty(Person().Credential!.RecoveryCodes);
        Assert.Contains("password alone", _browser.Page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Administrator_TakesItAwayForWhoLostEverything_ButPutsNoneOn()
    {
        await SetUpAsync();
        using var admin = new HttpClient { BaseAddress = _server.Url };
        admin.DefaultRequestHeaders.TryAddWithoutValidation(
            "Authorization", "Token " + (await File.ReadAllTextAsync(Path.Combine(_server.Options.StateDirectory, "admin-token"))).Trim());
        var path = "/api/users/" + Person().Id.Value;

        Assert.Contains("\"second_factor\":true", await admin.GetStringAsync(path), StringComparison.Ordinal);
        using var taken = await admin.PutAsJsonAsync(path, new { second_factor = false });
        using var put = await admin.PutAsJsonAsync(path, new { second_factor = true });

        Assert.Equal(HttpStatusCode.OK, taken.StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, put.StatusCode);
        Assert.Contains("themselves", await put.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Null(Person().Credential!.SealedTotpSecret);
        using var browser = new Browser(_server.Url);
        await browser.OpenAsync(_client.AuthorizeUrl());
        await browser.LogInAsync(Ana);
        Assert.NotNull(browser.Returned("code"));
    }

    [Fact]
    public async Task Page_WithoutALogin_AsksForOne()
    {
        await _browser.OpenAsync("/idp/account/app");

        Assert.Contains("name=\"password\"", _browser.Page, StringComparison.Ordinal);
        Assert.DoesNotContain("name=\"secret\"", _browser.Page, StringComparison.Ordinal);
    }

    private async Task OpenAppPageAsync()
    {
        await _browser.OpenAsync("/idp/account");
        await _browser.LogInAsync(Ana);
        await _browser.OpenAsync("/idp/account/app");
        _app = new(Base32Encoding.ToBytes(Secret().Match(_browser.Page).Groups[1].Value));
        Assert.Contains("<svg", _browser.Page, StringComparison.Ordinal);
    }

    private async Task<List<string>> SetUpAsync()
    {
        await OpenAppPageAsync();
        await _browser.SubmitAsync(("code", _app.ComputeTotp()));
        var codes = Codes();
        Assert.Equal(10, codes.Count);
        return codes;
    }

    private Task SubmitToAsync(string action, string code)
        => _browser.SubmitAsync(action, ("code", code));

    private List<string> Codes() => [.. Code().Matches(_browser.Page).Select(match => match.Groups[1].Value)];

    private string NextCode() => _app.ComputeTotp(DateTime.UtcNow.AddSeconds(30));

    private User Person() => _server.Store.Current.Users.Values.Single(user => user.Email == Ana);

    private async Task<string> AuditAsync()
    {
        var text = "";
        await foreach (var entry in ((ControlPlane.Store.ConfigurationStore)_server.Store).ReadAuditAsync(1, descending: false, default))
        {
            text += System.Text.Json.JsonSerializer.Serialize(AuditAnswer(entry));
        }

        return text;
    }

    private static object AuditAnswer(AuditEntry entry) => new { entry.Action, entry.Detail, Before = entry.Before?.ToJsonString(), After = entry.After?.ToJsonString() };

    [GeneratedRegex("name=\"secret\" value=\"([A-Z2-7]+)\"")]
    private static partial Regex Secret();

    [GeneratedRegex("<li>([a-z0-9-]{19})</li>")]
    private static partial Regex Code();
}
