using System.Net;
using Grpc.Core;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Peers;
using NetBird.ControlPlane.Store.Secrets;
using NetBird.ControlPlane.Tests.AgentApi;
using NetBird.ControlPlane.Tests.Identity;
using NetBird.ControlPlane.Tests.Store;
using NetBird.ControlPlane.Tests.Usage;
using NetBird.ControlPlane.Tokens;
using NetBird.Protocol.Agent.V1;
using NetBird.WireGuard;

namespace NetBird.ControlPlane.Tests.Hosting;

/// <summary>Several control planes over one PostgreSQL, each with a state directory of its own.</summary>
public sealed class SeveralNodesTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>
{
    [SkippableFact]
    public async Task RefreshToken_OfOneNode_IsTakenByAnotherOnce()
    {
        await using var one = await RunningControlPlane.StartOnAsync(cluster);
        var port = LoopbackPort.Free();
        await using var two = await SecondAsync(one, options => options with { Http = new(IPAddress.Loopback, port), PublicUrl = one.Url });
        await one.AddPersonAsync("ana@example.com");
        using var browser = new Browser(one.Url);
        using var first = new NativeClient(one.Url);
        using var second = new NativeClient(new($"http://127.0.0.1:{port}"));
        await browser.OpenAsync(first.AuthorizeUrl());
        await browser.LogInAsync("ana@example.com");
        var code = browser.Returned("code")!;

        var tokens = await second.RedeemAsync(code, first.Verifier);
        var again = await first.RedeemAsync(code);
        var refreshed = await first.RefreshAsync(tokens.GetProperty("refresh_token").GetString()!);

        Assert.True(tokens.TryGetProperty("id_token", out _), tokens.ToString());
        Assert.Equal("invalid_grant", again.GetProperty("error").GetString());

        // The second use of the code revoked what the first gave, at every node (RFC 6749 section 4.1.2).
        Assert.Equal("invalid_grant", refreshed.GetProperty("error").GetString());
    }

    [SkippableFact]
    public async Task Challenge_OfOneNode_IsGoodAtAnother_OnceAmongAll()
    {
        await using var one = await RunningControlPlane.StartOnAsync(cluster);
        await using var two = await SecondAsync(one, options => options with { PublicUrl = one.Url });
        await one.AddPersonAsync("ana@example.com");
        using var here = new TestAgent(one.Url);
        using var there = new TestAgent(two.Url);
        there.Key = here.Key;
        await here.EnrolAsync(await here.LogInAsync("ana@example.com"));
        await Eventually.TrueAsync(() => Task.FromResult(two.Store.Current.Peers.Count == 1));

        var proof = await here.ProofAsync("GetBudget");
        await there.Client.GetBudgetAsync(new(), proof);
        var again = await Assert.ThrowsAsync<RpcException>(async () => await here.Client.GetBudgetAsync(new(), proof));

        Assert.Equal(StatusCode.Unauthenticated, again.StatusCode);
    }

    [SkippableFact]
    public async Task Start_WithoutTheClusterKey_IsRefusedWithWords()
    {
        await using var one = await RunningControlPlane.StartOnAsync(cluster);

        var fault = await Assert.ThrowsAsync<InvalidDataException>(() => RunningControlPlane.StartAsync(
            options => options with { Postgres = one.Options.Postgres }));

        Assert.Contains("--cluster-key", fault.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task GatewayNode_IsToldToAgents_AndTheirChangesReachIt()
    {
        await using var management = await RunningControlPlane.StartOnAsync(cluster);
        await using var gateway = await SecondAsync(management, options => options with
        {
            Management = false,
            Gateway = true,
            Tunnel = TunnelKind.Rootless,
            WireGuardEndpoint = "gw1.example.com:51820",
        });
        await using var another = await SecondAsync(management, options => options with
        {
            Management = false,
            Gateway = true,
            Tunnel = TunnelKind.Rootless,
            WireGuardEndpoint = "gw2.example.com:51820",
        });
        await management.AddPersonAsync("ana@example.com");
        using var agent = new TestAgent(management.Url);
        await agent.EnrolAsync(await agent.LogInAsync("ana@example.com"));
        using var sync = await agent.SyncAsync();
        Assert.True(await sync.ResponseStream.MoveNext(default));

        var map = sync.ResponseStream.Current.Map;

        Assert.Equal(["gw1.example.com:51820", "gw2.example.com:51820"], map.Gateways.Select(entry => entry.Endpoint).Order());
        Assert.Equal(2, map.Gateways.Select(entry => entry.PublicKey).Distinct().Count());
        Assert.Equal(2, map.Gateways.Select(entry => entry.OverlayAddress).Distinct().Count());
        Assert.DoesNotContain(map.Addresses, address => map.Gateways.Any(entry => entry.OverlayAddress == address));

        // The gateway works from a snapshot that follows the configuration.
        await Eventually.TrueAsync(() => Task.FromResult(gateway.Store.Current.Peers.Count == 1));
        using (var http = new HttpClient { BaseAddress = gateway.Url })
        {
            Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/healthz")).StatusCode);
            Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync("/api/users")).StatusCode);
            Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync("/login")).StatusCode);
        }
    }

    [SkippableFact]
    public async Task Start_WithAnotherOverlay_IsRefusedWithWords()
    {
        await using var one = await RunningControlPlane.StartOnAsync(cluster, options => options with { Gateway = true, Tunnel = TunnelKind.Rootless });

        var fault = await Assert.ThrowsAsync<StartException>(() => SecondAsync(
            one, options => options with { Gateway = true, Tunnel = TunnelKind.Rootless, Overlay = IPNetwork.Parse("10.9.0.0/16") }));

        Assert.Contains("--overlay", fault.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task EndpointCertificate_OfAnyNode_IsOfTheSameAuthority()
    {
        await using var one = await RunningControlPlane.StartOnAsync(cluster);
        await using var two = await SecondAsync(one);
        await one.Store.CommitAsync(Actor.System, draft =>
        {
            draft.Settings.Put(new() { EndpointName = "claude.acme.internal" });
            return true;
        }, CancellationToken.None);
        await one.AddPersonAsync("ana@example.com");
        using var here = new TestAgent(one.Url);
        using var there = new TestAgent(two.Url);
        there.Key = here.Key;
        await here.EnrolAsync(await here.LogInAsync("ana@example.com"));
        await Eventually.TrueAsync(() => Task.FromResult(two.Store.Current.Version == one.Store.Current.Version));
        var request = Google.Protobuf.ByteString.CopyFrom(TestAgent.SigningRequest());

        // Both at once, and neither has one yet.
        var replies = await Task.WhenAll(new[] { here, there }.Select(async agent => await agent.Client.IssueEndpointCertificateAsync(
            new() { CertificateRequest = request }, await agent.ProofAsync("IssueEndpointCertificate"))));

        Assert.Equal(replies[0].Authority, replies[1].Authority);
        Assert.NotEqual(replies[0].Certificate, replies[1].Certificate);
        Assert.Empty(Directory.GetFiles(one.Options.StateDirectory, "*endpoint*", SearchOption.AllDirectories));
    }

    [SkippableFact]
    public async Task Addresses_GivenByTwoNodesAtOnceWhileGatewaysJoin_AreEachGivenOnce()
    {
        // Room for fifty addresses and some: the gateways take theirs from the far end, where the last peers come to.
        var overlay = IPNetwork.Parse("100.64.9.0/26");
        await using var one = await RunningControlPlane.StartOnAsync(cluster, options => options with { Overlay = overlay });
        await using var two = await SecondAsync(one, options => options with { Overlay = overlay });
        var nodes = new[] { one, two };
        var secret = SecretHash.NewSecret(SecretHash.SetupKeyPrefix);
        await one.Store.CommitAsync(Actor.System, draft =>
        {
            draft.Users.Put(new() { Id = new("machines"), Name = "machines", IsServiceUser = true });
            draft.SetupKeys.Put(new() { Id = new("many"), Name = "many", Hash = SecretHash.Of(secret), Prefix = secret[..8], ServiceUser = new("machines") });
            return true;
        }, CancellationToken.None);
        await Eventually.TrueAsync(() => Task.FromResult(two.Store.Current.SetupKeys.Count == 1));

        var full = 0;
        var joining = Task.WhenAll(Enumerable.Range(0, 3).Select(_ => SecondAsync(
            one, options => options with { Management = false, Gateway = true, Tunnel = TunnelKind.Rootless, Overlay = overlay })));
        await Parallel.ForAsync(0, 70, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (i, _) =>
        {
            using var agent = new TestAgent(nodes[i % 2].Url);
            try
            {
                await agent.EnrolAsync(setupKey: secret);
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.Unavailable)
            {
                Interlocked.Increment(ref full);
            }
        });
        foreach (var gateway in await joining)
        {
            await gateway.DisposeAsync();
        }

        await Eventually.TrueAsync(() => Task.FromResult(two.Store.Current.Version == one.Store.Current.Version));
        var addresses = one.Store.Current.Peers.Values.Select(peer => peer.OverlayAddress)
            .Concat(one.Store.Current.Gateways.Values.Select(gateway => gateway.OverlayAddress)).Select(OverlayAddresses.NumberOf).ToList();

        // 64 less the network's and the broadcast address: all are given, each once, and who came after was told so.
        Assert.Equal(3, one.Store.Current.Gateways.Count);
        Assert.Equal(addresses.Count, addresses.Distinct().Count());
        Assert.Equal(62, addresses.Count);
        Assert.Equal(70 - 59, full);
    }

    private static Task<RunningControlPlane> SecondAsync(RunningControlPlane first, Func<ServeOptions, ServeOptions>? adjust = null)
        => RunningControlPlane.StartAsync(options => (adjust?.Invoke(options) ?? options) with
        {
            Postgres = first.Options.Postgres,
            ClusterKey = Path.Combine(first.Options.StateDirectory, ClusterKey.FileName),
        });
}
