using System.Net;
using System.Security.Cryptography;
using Grpc.Core;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Groups;
using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Tests.AgentApi;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tests.Identity;

/// <summary>What an identity provider, or somebody who pretends to be one, can send.</summary>
public sealed class ExternalIssuerTests : IAsyncLifetime
{
    private TestIssuer _issuer = null!; // made in InitializeAsync
    private RunningControlPlane _server = null!;
    private TestAgent _agent = null!;

    public async Task InitializeAsync()
    {
        _issuer = await TestIssuer.StartAsync();
        _server = await RunningControlPlane.StartAsync(options => options with
        {
            Oidc = new(new Uri(_issuer.Url), TestIssuer.ClientId, "groups", null),
        });
        _agent = new(_server.Url);
    }

    public async Task DisposeAsync()
    {
        _agent.Dispose();
        await _server.DisposeAsync();
        await _issuer.DisposeAsync();
    }

    public static TheoryData<string, Action<Dictionary<string, object?>>> Wrong => new()
    {
        { "another issuer", claims => claims["iss"] = "https://evil.example" },
        { "no issuer", claims => claims.Remove("iss") },
        { "another audience", claims => claims["aud"] = "other" },
        { "no audience", claims => claims.Remove("aud") },
        { "several audiences, issued to another", claims => { claims["aud"] = new[] { "netbird", "other" }; claims["azp"] = "other"; } },
        { "several audiences, issued to nobody", claims => claims["aud"] = new[] { "netbird", "other" } },
        { "expired", claims => claims["exp"] = DateTimeOffset.UtcNow.AddMinutes(-6).ToUnixTimeSeconds() },
        { "no expiry", claims => claims.Remove("exp") },
        { "expiry as text", claims => claims["exp"] = "tomorrow" },
        { "not yet valid", claims => claims["nbf"] = DateTimeOffset.UtcNow.AddMinutes(6).ToUnixTimeSeconds() },
        { "no subject", claims => claims.Remove("sub") },
        { "empty subject", claims => claims["sub"] = "" },
        { "endless subject", claims => claims["sub"] = new string('s', 256) },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public async Task Token_WithAWrongClaim_IsRefused(string what, Action<Dictionary<string, object?>> spoil)
    {
        var claims = _issuer.Claims();
        spoil(claims);
        await RefusedAsync(_issuer.Sign(claims));
        Assert.True(_server.Store.Current.Users.Values.All(user => user.IsServiceUser), what);
    }

    [Theory]
    [InlineData("none")]
    [InlineData("HS256")]
    [InlineData("RS1")]
    public async Task Token_WithAWeakAlgorithm_IsRefused(string alg) => await RefusedAsync(_issuer.Sign(_issuer.Claims(), alg));

    [Fact]
    public async Task Token_SignedByAnotherKey_IsRefused()
    {
        using var stranger = RSA.Create(2048);
        await RefusedAsync(_issuer.Sign(_issuer.Claims(), key: stranger));
        await RefusedAsync(_issuer.Sign(_issuer.Claims(), kid: "unknown", key: stranger));
    }

    [Fact]
    public async Task Token_ChangedAfterSigning_IsRefused()
    {
        var parts = _issuer.Sign(_issuer.Claims("u-1")).Split('.');
        var other = _issuer.Sign(_issuer.Claims("u-2")).Split('.');
        await RefusedAsync($"{parts[0]}.{other[1]}.{parts[2]}");
    }

    [Theory]
    [InlineData(-4)]
    [InlineData(4)]
    public async Task Token_WithinFiveMinutesOfSkew_IsTaken(int minutes)
    {
        var claims = _issuer.Claims();
        claims[minutes < 0 ? "exp" : "nbf"] = DateTimeOffset.UtcNow.AddMinutes(minutes).ToUnixTimeSeconds();
        await _agent.EnrolAsync(_issuer.Sign(claims));
    }

    [Fact]
    public async Task Token_ForUsAmongOthers_IsTaken()
    {
        var claims = _issuer.Claims();
        claims["aud"] = new[] { "other", "netbird" };
        claims["azp"] = "netbird";
        await _agent.EnrolAsync(_issuer.Sign(claims));
    }

    [Fact]
    public async Task Keys_RotatedIn_AreFetched()
    {
        await _agent.EnrolAsync(_issuer.Sign(_issuer.Claims()));
        _issuer.Rotate();
        await _agent.EnrolAsync(_issuer.Sign(_issuer.Claims()));
    }

    [Fact]
    public async Task Keys_Withdrawn_StopCounting_OnceNewOnesAreSeen()
    {
        await _agent.EnrolAsync(_issuer.Sign(_issuer.Claims()));
        var old = _issuer.Key;
        _issuer.Rotate();
        _issuer.Withdraw();
        await _agent.EnrolAsync(_issuer.Sign(_issuer.Claims()));
        await RefusedAsync(_issuer.Sign(_issuer.Claims(), key: old));
    }

    [Fact]
    public async Task Discovery_NamingAnotherIssuer_IsNotBelieved()
    {
        _issuer.ClaimedIssuer = "https://evil.example";
        var claims = _issuer.Claims();
        claims["iss"] = "https://evil.example";
        await RefusedAsync(_issuer.Sign(claims), StatusCode.Unavailable);
    }

    [Fact]
    public async Task Issuer_DownAndUpAgain_RecoversByItself()
    {
        _issuer.IsDown = true;
        await RefusedAsync(_issuer.Sign(_issuer.Claims()), StatusCode.Unavailable);
        _issuer.IsDown = false;
        await _agent.EnrolAsync(_issuer.Sign(_issuer.Claims()));
    }

    [Fact]
    public async Task GetLoginInfo_NamesTheIssuer_AndAsksForGroupsWhereItHasThem()
    {
        var info = await _agent.Client.GetLoginInfoAsync(new());
        Assert.Equal((_issuer.Url, TestIssuer.ClientId), (info.Issuer, info.ClientId));
        Assert.Equal("openid profile email groups", info.Scope);
        Assert.True(info.DeviceCodeSupported);
    }

    [Fact]
    public async Task Groups_OfTheClaim_AreMadeAndFollowed()
    {
        await _agent.EnrolAsync(_issuer.Sign(_issuer.Claims("u-1", "Engineering", "Ops")));
        Assert.Equal(["Engineering", "Ops"], GroupsOf("u-1"));
        Assert.All(_server.Store.Current.Groups.Values.Where(group => group.Id != Group.AllId), group => Assert.Equal(GroupSource.Idp, group.Source));

        await _agent.Client.RenewLoginAsync(
            new() { IdToken = _issuer.Sign(_issuer.Claims("u-1", "ops")) }, await _agent.ProofAsync("RenewLogin"));
        Assert.Equal(["Ops"], GroupsOf("u-1"));
    }

    [Fact]
    public async Task Groups_OwnedByHand_AreNotJoinedByAClaim()
    {
        var admins = new GroupId("admins");
        await _server.Store.CommitAsync(
            Actor.System,
            draft => { draft.Groups.Put(new() { Id = admins, Name = "Admins", GrantsRole = Role.Owner }); return true; },
            default);
        await _agent.EnrolAsync(_issuer.Sign(_issuer.Claims("u-1", "Admins")));
        Assert.Empty(GroupsOf("u-1"));
        Assert.Equal(Role.User, _server.Store.Current.RoleOf(Person("u-1")));
    }

    [Fact]
    public async Task Groups_WithARole_GiveItWhileThePersonIsIn()
    {
        await _agent.EnrolAsync(_issuer.Sign(_issuer.Claims("u-1", "Platform")));
        await _server.Store.CommitAsync(
            Actor.System,
            draft => { draft.Groups.Put(draft.Groups.All.Single(group => group.Name == "Platform") with { GrantsRole = Role.Admin }); return true; },
            default);
        Assert.Equal(Role.Admin, _server.Store.Current.RoleOf(Person("u-1")));
        await _agent.EnrolAsync(_issuer.Sign(_issuer.Claims("u-1")));
        Assert.Equal(Role.User, _server.Store.Current.RoleOf(Person("u-1")));
    }

    [Fact]
    public async Task Groups_TooManyForTheToken_StayAsTheyWere()
    {
        await _agent.EnrolAsync(_issuer.Sign(_issuer.Claims("u-1", "Engineering")));
        var claims = _issuer.Claims("u-1");
        claims.Remove("groups");
        claims["_claim_names"] = new Dictionary<string, string> { ["groups"] = "src1" };
        claims["_claim_sources"] = new Dictionary<string, object> { ["src1"] = new { endpoint = "https://graph.example/groups" } };
        await _agent.EnrolAsync(_issuer.Sign(claims));
        Assert.Equal(["Engineering"], GroupsOf("u-1"));
    }

    [Fact]
    public async Task Groups_InStrangeForms_AreReadWithCare()
    {
        var claims = _issuer.Claims("u-1");
        claims["groups"] = new object?[] { "Engineering", "engineering", "", " Ops ", 7, null, new[] { "x" }, new string('g', 129), "a\u0007b" };
        await _agent.EnrolAsync(_issuer.Sign(claims));
        Assert.Equal(["Engineering", "Ops"], GroupsOf("u-1"));
        claims["groups"] = "Single";
        await _agent.EnrolAsync(_issuer.Sign(claims));
        Assert.Equal(["Single"], GroupsOf("u-1"));
        claims["groups"] = new { not = "a list" };
        await _agent.EnrolAsync(_issuer.Sign(claims));
        Assert.Empty(GroupsOf("u-1"));
    }

    [Fact]
    public async Task Identity_IsTheSubject_NotTheAddress()
    {
        await _agent.EnrolAsync(_issuer.Sign(_issuer.Claims("u-1")));
        var before = Person("u-1").Id;
        var moved = _issuer.Claims("u-1");
        moved["email"] = "renamed@example.com";
        await _agent.EnrolAsync(_issuer.Sign(moved));
        Assert.Equal((before, "renamed@example.com"), (Person("u-1").Id, Person("u-1").Email));

        // Somebody else who now has the old address is somebody else, and the machine is not theirs.
        var heir = _issuer.Claims("u-2");
        heir["email"] = "u-1@example.com";
        await RefusedAsync(_issuer.Sign(heir), StatusCode.PermissionDenied);
        Assert.NotEqual(before, Person("u-2").Id);
    }

    /// <summary>A subject is one issuer's word: at another issuer it is somebody else, with none of the other's groups, role or machines.</summary>
    [Fact]
    public async Task Subject_OfAnotherIssuer_IsSomebodyElse()
    {
        await _agent.EnrolAsync(_issuer.Sign(_issuer.Claims("u-1", "Engineering")));
        var before = Person("u-1");
        await _server.ChangeAsync(before, user => user with { Role = Role.Owner });
        await using var other = await TestIssuer.StartAsync();
        await _server.StopAsync();
        await _server.StartAgainAsync(options => options with { Oidc = new(new Uri(other.Url), TestIssuer.ClientId, "groups", null) });

        await RefusedAsync(other.Sign(other.Claims("u-1", "Engineering")), StatusCode.PermissionDenied);
        using var theirs = new TestAgent(_server.Url);
        await theirs.EnrolAsync(other.Sign(other.Claims("u-1")));

        var namesake = _server.Store.Current.FindUser(other.Url, "u-1")!;
        Assert.NotEqual(before.Id, namesake.Id);
        Assert.Equal((Role.User, 0), (_server.Store.Current.RoleOf(namesake), namesake.IdpGroups.Count));

        // And the issuer of before is believed no more.
        await RefusedAsync(_issuer.Sign(_issuer.Claims("u-1")));
    }

    [Fact]
    public async Task Subject_ThatComesTwentyTimesAtOnce_IsOnePerson()
    {
        var token = _issuer.Sign(_issuer.Claims("u-1", "Engineering"));
        await Task.WhenAll(Enumerable.Range(0, 20).Select(async _ =>
        {
            using var agent = new TestAgent(_server.Url);
            await agent.EnrolAsync(token);
        }));

        Assert.Single(_server.Store.Current.Users.Values, user => !user.IsServiceUser);
        Assert.Single(_server.Store.Current.Groups.Values, group => group.Name == "Engineering");
        Assert.Equal(20, _server.Store.Current.Peers.Count);
    }

    [Fact]
    public async Task Disabled_StaysOut_WhateverTheTokenSays()
    {
        await _agent.EnrolAsync(_issuer.Sign(_issuer.Claims("u-1")));
        await _server.ChangeAsync(Person("u-1"), user => user with { Status = UserStatus.Disabled });
        await RefusedAsync(_issuer.Sign(_issuer.Claims("u-1")), StatusCode.PermissionDenied);
        Assert.Equal(UserStatus.Disabled, Person("u-1").Status);
    }

    [Fact]
    public async Task ScimPerson_IsTiedToTheirSubjectOnce()
    {
        var id = UserId.New();
        await _server.Store.CommitAsync(
            Actor.System,
            draft => { draft.Users.Put(new() { Id = id, Email = "u-1@example.com", Name = "From SCIM", IsScim = true }); return true; },
            default);
        await _agent.EnrolAsync(_issuer.Sign(_issuer.Claims("u-1")));
        Assert.Equal((id, "From SCIM"), (Person("u-1").Id, Person("u-1").Name));

        var second = _issuer.Claims("u-9");
        second["email"] = "u-1@example.com";
        using var other = new TestAgent(_server.Url);
        await other.EnrolAsync(_issuer.Sign(second));
        Assert.NotEqual(id, Person("u-9").Id);
    }

    [Fact]
    public async Task EmbeddedPages_AreNotThere()
    {
        using var http = new HttpClient();
        using var response = await http.GetAsync(new Uri(_server.Url, "/idp/login"));
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    private User Person(string subject) => _server.Store.Current.FindUser(_issuer.Url, subject)!;

    private string[] GroupsOf(string subject)
        => [.. Person(subject).IdpGroups.Select(id => _server.Store.Current.Groups[id].Name).Order(StringComparer.Ordinal)];

    private async Task RefusedAsync(string token, StatusCode code = StatusCode.Unauthenticated)
    {
        var refusal = await Assert.ThrowsAsync<RpcException>(() => _agent.EnrolAsync(token));
        Assert.Equal(code, refusal.StatusCode);
        Assert.DoesNotContain("eyJ", refusal.Status.Detail, StringComparison.Ordinal);
    }
}
