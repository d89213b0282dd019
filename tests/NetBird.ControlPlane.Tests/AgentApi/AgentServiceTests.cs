using System.Net;
using Grpc.Core;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Peers;
using NetBird.ControlPlane.Tokens;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;
using NetBird.Protocol.Agent.V1;
using NetBird.WireGuard;

namespace NetBird.ControlPlane.Tests.AgentApi;

public class AgentServiceTests : IAsyncLifetime
{
    private RunningControlPlane _server = null!; // made in InitializeAsync
    private TestAgent _agent = null!;

    public async Task InitializeAsync()
    {
        _server = await StartAsync();
        _agent = new(_server.Url);
    }

    public async Task DisposeAsync()
    {
        if (_server is null)
        {
            return; // skipped
        }

        _agent.Dispose();
        await _server.DisposeAsync();
    }

    /// <summary>On which store; everything else is the same.</summary>
    private protected virtual Task<RunningControlPlane> StartAsync() => RunningControlPlane.StartAsync();

    [SkippableFact]
    public async Task GetLoginInfo_NamesTheEmbeddedIssuer()
    {
        var info = await _agent.Client.GetLoginInfoAsync(new());
        Assert.Equal(_server.Url.AbsoluteUri, info.Issuer);
        Assert.Equal("netbird-agent", info.ClientId);
        Assert.True(info.DeviceCodeSupported);
    }

    [SkippableFact]
    public async Task Enrol_WithALogin_BindsTheKeyToThePerson()
    {
        var ana = await _server.AddPersonAsync("ana@example.com");

        var reply = await _agent.EnrolAsync(await _agent.LogInAsync("ana@example.com"));

        var peer = Assert.Single(_server.Store.Current.Peers.Values);
        Assert.Equal(reply.PeerId, peer.Id.Value);
        Assert.Equal(ana.Id, peer.User);
        Assert.Equal(_agent.Key.PublicKey, peer.PublicKey);
        Assert.Equal(IPAddress.Parse("100.64.0.2"), peer.OverlayAddress);
        Assert.Equal(("laptop", "linux", "1.2.3", "userspace"), (peer.Hostname, peer.Os, peer.AgentVersion, peer.TunnelKind));
        Assert.Equal(peer.LoginExpiresAt!.Value.ToUnixTimeSeconds(), reply.LoginExpiresAt);
    }

    [SkippableFact]
    public async Task Enrol_Again_IsTheSamePeer()
    {
        await _server.AddPersonAsync("ana@example.com");
        var token = await _agent.LogInAsync("ana@example.com");
        var first = await _agent.EnrolAsync(token);
        var second = await _agent.EnrolAsync(token);
        Assert.Equal(first.PeerId, second.PeerId);
        Assert.Single(_server.Store.Current.Peers);
    }

    [SkippableFact]
    public async Task Enrol_KeyOfSomebodyElse_IsRefused()
    {
        await _server.AddPersonAsync("ana@example.com");
        await _server.AddPersonAsync("bob@example.com");
        await _agent.EnrolAsync(await _agent.LogInAsync("ana@example.com"));
        var token = await _agent.LogInAsync("bob@example.com");
        await RefusedAsync(StatusCode.PermissionDenied, () => _agent.EnrolAsync(token));
    }

    [SkippableFact]
    public async Task Enrol_ProofByAnotherKey_IsRefused()
    {
        await _server.AddPersonAsync("ana@example.com");
        var request = await _agent.EnrolRequestAsync(await _agent.LogInAsync("ana@example.com"));
        using var other = PrivateKey.Generate();
        request.PublicKey = Google.Protobuf.ByteString.CopyFrom(other.PublicKey.ToArray());
        await RefusedAsync(StatusCode.Unauthenticated, async () => await _agent.Client.EnrolAsync(request));
        Assert.Empty(_server.Store.Current.Peers);
    }

    [SkippableFact]
    public async Task Enrol_ProofOverAnotherToken_IsRefused()
    {
        await _server.AddPersonAsync("ana@example.com");
        await _server.AddPersonAsync("bob@example.com");
        var request = await _agent.EnrolRequestAsync(await _agent.LogInAsync("ana@example.com"));
        request.IdToken = await _agent.LogInAsync("bob@example.com");
        await RefusedAsync(StatusCode.Unauthenticated, async () => await _agent.Client.EnrolAsync(request));
    }

    [SkippableFact]
    public async Task Enrol_SameRequestTwice_IsRefusedTheSecondTime()
    {
        await _server.AddPersonAsync("ana@example.com");
        var request = await _agent.EnrolRequestAsync(await _agent.LogInAsync("ana@example.com"));
        await _agent.Client.EnrolAsync(request);
        await RefusedAsync(StatusCode.Unauthenticated, async () => await _agent.Client.EnrolAsync(request));
    }

    [SkippableTheory]
    [InlineData("")]
    [InlineData("AAAA")]
    [InlineData("not base64 at all !")]
    public async Task Enrol_NonceThatWeNeverGave_IsRefused(string nonce)
    {
        var request = await _agent.EnrolRequestAsync(setupKey: "nbs_x", nonce: nonce);
        await RefusedAsync(StatusCode.Unauthenticated, async () => await _agent.Client.EnrolAsync(request));
    }

    [SkippableFact]
    public async Task Enrol_NoIdentity_IsMalformed()
        => await RefusedAsync(StatusCode.InvalidArgument, () => _agent.EnrolAsync());

    [SkippableTheory]
    [InlineData(0)]
    [InlineData(31)]
    [InlineData(33)]
    public async Task Enrol_KeyOfWrongSize_IsMalformed(int bytes)
    {
        var request = await _agent.EnrolRequestAsync(setupKey: "nbs_x");
        request.PublicKey = Google.Protobuf.ByteString.CopyFrom(new byte[bytes]);
        await RefusedAsync(StatusCode.InvalidArgument, async () => await _agent.Client.EnrolAsync(request));
    }

    [SkippableTheory]
    [InlineData("nonsense")]
    [InlineData("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbmEifQ.")]
    public async Task Enrol_FalseToken_IsRefused(string token)
        => await RefusedAsync(StatusCode.Unauthenticated, () => _agent.EnrolAsync(token));

    [SkippableFact]
    public async Task Enrol_DisabledPerson_IsRefused()
    {
        var ana = await _server.AddPersonAsync("ana@example.com");
        var token = await _agent.LogInAsync("ana@example.com");
        await _server.ChangeAsync(ana, user => user with { Status = UserStatus.Disabled });
        await RefusedAsync(StatusCode.PermissionDenied, () => _agent.EnrolAsync(token));
        Assert.Empty(_server.Store.Current.Peers);
    }

    [SkippableFact]
    public async Task SetupKey_EnrolsAsOftenAsItMay()
    {
        var secret = await AddSetupKeyAsync(usageLimit: 1);
        var first = await _agent.EnrolAsync(setupKey: secret);
        Assert.Equal(0, first.LoginExpiresAt);
        Assert.Equal(first.PeerId, (await _agent.EnrolAsync(setupKey: secret)).PeerId);

        using var second = new TestAgent(_server.Url);
        await RefusedAsync(StatusCode.Unauthenticated, () => second.EnrolAsync(setupKey: secret));
        Assert.Equal(1, Assert.Single(_server.Store.Current.SetupKeys.Values).UsedTimes);
    }

    [SkippableFact]
    public async Task SetupKey_ManyAtOnce_StillOnlyAsOftenAsItMay()
    {
        var secret = await AddSetupKeyAsync(usageLimit: 3);
        var agents = Enumerable.Range(0, 12).Select(_ => new TestAgent(_server.Url)).ToList();
        var outcomes = await Task.WhenAll(agents.Select(async agent =>
        {
            try
            {
                await agent.EnrolAsync(setupKey: secret);
                return true;
            }
            catch (RpcException)
            {
                return false;
            }
        }));
        Assert.Equal(3, outcomes.Count(enrolled => enrolled));
        Assert.Equal(3, _server.Store.Current.Peers.Values.Select(peer => peer.OverlayAddress).Distinct().Count());
        agents.ForEach(agent => agent.Dispose());
    }

    [SkippableFact]
    public async Task SetupKey_RevokedOrExpired_IsRefused()
    {
        var revoked = await AddSetupKeyAsync(change: key => key with { Revoked = true });
        var expired = await AddSetupKeyAsync(change: key => key with { ExpiresAt = DateTimeOffset.UnixEpoch });
        await RefusedAsync(StatusCode.Unauthenticated, () => _agent.EnrolAsync(setupKey: revoked));
        await RefusedAsync(StatusCode.Unauthenticated, () => _agent.EnrolAsync(setupKey: expired));
        await RefusedAsync(StatusCode.Unauthenticated, () => _agent.EnrolAsync(setupKey: SecretHash.NewSecret("nbs_")));
    }

    [SkippableFact]
    public async Task Sync_GivesTheMap_ThenChanges_ThenTheEnd()
    {
        var ana = await _server.AddPersonAsync("ana@example.com");
        await _agent.EnrolAsync(await _agent.LogInAsync("ana@example.com"));
        using var call = await _agent.SyncAsync();
        var stream = call.ResponseStream;
        Assert.True(await stream.MoveNext(Soon()));
        var map = stream.Current.Map;
        Assert.Equal("100.64.0.2", Assert.Single(map.Addresses));
        var gateway = Assert.Single(map.Gateways);
        Assert.Equal((await _agent.ServerKeyAsync()).ToString(), gateway.PublicKey);
        Assert.Equal("100.64.0.1", gateway.OverlayAddress);
        Assert.Equal("100.64.0.1/32", Assert.Single(gateway.AllowedIps));
        Assert.StartsWith(":", gateway.Endpoint, StringComparison.Ordinal);
        Assert.Equal("All", Assert.Single(map.GroupNames));

        var group = new GroupId("eng");
        await _server.Store.CommitAsync(Actor.System, draft => { draft.Groups.Put(new() { Id = group, Name = "Engineering" }); return true; }, default);
        await _server.ChangeAsync(ana, user => user with { AutoGroups = [group] });
        Assert.True(await stream.MoveNext(Soon()));
        Assert.Contains("Engineering", stream.Current.Map.GroupNames);

        await _server.ChangeAsync(ana, user => user with { Status = UserStatus.Disabled });
        await RefusedAsync(StatusCode.PermissionDenied, () => stream.MoveNext(Soon()));
    }

    [SkippableFact]
    public async Task Sync_PeerRemoved_EndsWithNotFound()
    {
        await _server.AddPersonAsync("ana@example.com");
        await _agent.EnrolAsync(await _agent.LogInAsync("ana@example.com"));
        using var call = await _agent.SyncAsync();
        Assert.True(await call.ResponseStream.MoveNext(Soon()));
        using var other = new TestAgent(_server.Url) { Key = _agent.Key };
        await other.Client.LeaveAsync(new(), await other.ProofAsync("Leave"));
        await RefusedAsync(StatusCode.NotFound, () => call.ResponseStream.MoveNext(Soon()));
        Assert.Empty(_server.Store.Current.Peers);
    }

    [SkippableFact]
    public async Task Sync_ExpiredLogin_IsAskedForAgain_AndRenewed()
    {
        await _server.AddPersonAsync("ana@example.com");
        var token = await _agent.LogInAsync("ana@example.com");
        await _agent.EnrolAsync(token);
        await ChangePeerAsync(peer => peer with { LoginExpiresAt = DateTimeOffset.UnixEpoch });
        using (var refused = await _agent.SyncAsync())
        {
            await RefusedAsync(StatusCode.FailedPrecondition, () => refused.ResponseStream.MoveNext(Soon()));
        }

        var renewed = await _agent.Client.RenewLoginAsync(new() { IdToken = token }, await _agent.ProofAsync("RenewLogin"));
        Assert.True(renewed.LoginExpiresAt > 0);
        using var call = await _agent.SyncAsync();
        Assert.True(await call.ResponseStream.MoveNext(Soon()));
    }

    [SkippableFact]
    public async Task RenewLogin_BySomebodyElse_IsRefused()
    {
        await _server.AddPersonAsync("ana@example.com");
        await _server.AddPersonAsync("bob@example.com");
        await _agent.EnrolAsync(await _agent.LogInAsync("ana@example.com"));
        var token = await _agent.LogInAsync("bob@example.com");
        var proof = await _agent.ProofAsync("RenewLogin");
        await RefusedAsync(StatusCode.PermissionDenied, async () => await _agent.Client.RenewLoginAsync(new() { IdToken = token }, proof));
    }

    [SkippableFact]
    public async Task Blocked_OrUnapproved_IsRefused()
    {
        await _server.AddPersonAsync("ana@example.com");
        await _agent.EnrolAsync(await _agent.LogInAsync("ana@example.com"));
        foreach (var change in new Func<Peer, Peer>[] { peer => peer with { Blocked = true }, peer => peer with { Blocked = false, Approved = false } })
        {
            await ChangePeerAsync(change);
            using var call = await _agent.SyncAsync();
            await RefusedAsync(StatusCode.PermissionDenied, () => call.ResponseStream.MoveNext(Soon()));
        }
    }

    [SkippableFact]
    public async Task Call_WithoutProof_IsRefused()
        => await RefusedAsync(StatusCode.Unauthenticated, async () => await _agent.Client.LeaveAsync(new()));

    [SkippableFact]
    public async Task Call_WithProofForAnotherMethod_IsRefused()
    {
        await _server.AddPersonAsync("ana@example.com");
        await _agent.EnrolAsync(await _agent.LogInAsync("ana@example.com"));
        var proof = await _agent.ProofAsync("Sync");
        await RefusedAsync(StatusCode.Unauthenticated, async () => await _agent.Client.LeaveAsync(new(), proof));
        Assert.Single(_server.Store.Current.Peers);
    }

    [SkippableFact]
    public async Task Call_WithAForeignKeysProof_IsRefused()
    {
        await _server.AddPersonAsync("ana@example.com");
        await _agent.EnrolAsync(await _agent.LogInAsync("ana@example.com"));
        using var thief = PrivateKey.Generate();
        var proof = await _agent.ProofAsync("Leave", key: thief);
        await RefusedAsync(StatusCode.Unauthenticated, async () => await _agent.Client.LeaveAsync(new(), proof));
    }

    [SkippableFact]
    public async Task Call_ByAKeyNobodyEnrolled_IsNotFound()
    {
        var proof = await _agent.ProofAsync("Leave");
        await RefusedAsync(StatusCode.NotFound, async () => await _agent.Client.LeaveAsync(new(), proof));
    }

    [SkippableFact]
    public async Task Shutdown_EndsStreamsAtOnce()
    {
        await _server.AddPersonAsync("ana@example.com");
        await _agent.EnrolAsync(await _agent.LogInAsync("ana@example.com"));
        using var call = await _agent.SyncAsync();
        Assert.True(await call.ResponseStream.MoveNext(Soon()));
        var next = call.ResponseStream.MoveNext(Soon());
        await _server.RestartAsync();
        await RefusedAsync(StatusCode.Unavailable, () => next);
    }

    private static CancellationToken Soon() => new CancellationTokenSource(TimeSpan.FromSeconds(20)).Token;

    private static async Task RefusedAsync(StatusCode code, Func<Task> call)
    {
        var refusal = await Assert.ThrowsAsync<RpcException>(call);
        Assert.Equal(code, refusal.StatusCode);
        Assert.EndsWith(".", refusal.Status.Detail, StringComparison.Ordinal);
    }

    private Task ChangePeerAsync(Func<Peer, Peer> change)
        => _server.Store.CommitAsync(
            Actor.System, draft => { draft.Peers.Put(change(draft.Peers.All.Single())); return true; }, default);

    private async Task<string> AddSetupKeyAsync(int usageLimit = 0, Func<SetupKey, SetupKey>? change = null)
    {
        var secret = SecretHash.NewSecret(SecretHash.SetupKeyPrefix);
        await _server.Store.CommitAsync(
            Actor.System,
            draft =>
            {
                var user = new User { Id = UserId.New(), Name = "CI", IsServiceUser = true };
                draft.Users.Put(user);
                var key = new SetupKey
                {
                    Id = SetupKeyId.New(), Name = "ci", Hash = SecretHash.Of(secret), Prefix = secret[..8],
                    ServiceUser = user.Id, UsageLimit = usageLimit,
                };
                draft.SetupKeys.Put(change?.Invoke(key) ?? key);
                return true;
            },
            default);
        return secret;
    }
}
