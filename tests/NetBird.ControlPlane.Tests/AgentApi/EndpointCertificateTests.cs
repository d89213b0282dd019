using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Google.Protobuf;
using Grpc.Core;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Peers;
using NetBird.Protocol.Agent.V1;

namespace NetBird.ControlPlane.Tests.AgentApi;

/// <summary>Certificates for the https endpoint: to whom, for which name, and how long.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class EndpointCertificateTests : IAsyncLifetime
{
    private const string Name = "claude.acme.internal";

    private RunningControlPlane _server = null!; // made in InitializeAsync
    private TestAgent _agent = null!;

    public async Task InitializeAsync()
    {
        _server = await RunningControlPlane.StartAsync();
        _agent = new(_server.Url);
        await _server.AddPersonAsync("ana@example.com");
        await _agent.EnrolAsync(await _agent.LogInAsync("ana@example.com"));
    }

    public async Task DisposeAsync()
    {
        _agent.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Issue_AskedForAnotherName_GivesTheAccountsAlone()
    {
        await NameAsync(Name);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=api.anthropic.com", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("api.anthropic.com");
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));

        var reply = await IssueAsync(request.CreateSigningRequest());
        using var leaf = X509CertificateLoader.LoadCertificate(reply.Certificate.Span);

        Assert.Equal(Name, reply.EndpointName);
        Assert.Equal([Name], leaf.Extensions.OfType<X509SubjectAlternativeNameExtension>().Single().EnumerateDnsNames());
        Assert.False(leaf.Extensions.OfType<X509BasicConstraintsExtension>().Single().CertificateAuthority);
        Assert.Equal(key.ExportSubjectPublicKeyInfo(), leaf.PublicKey.ExportSubjectPublicKeyInfo());
        Assert.InRange(leaf.NotAfter - DateTime.Now, TimeSpan.FromDays(5), TimeSpan.FromDays(6.1));
        Assert.True(Trusts(reply, Name));
        Assert.False(Trusts(reply, "api.anthropic.com"));
    }

    [Fact]
    public async Task Issue_AfterARestart_IsByTheSameAuthority_AndByAnotherOnceTheNameChanges()
    {
        await NameAsync(Name);
        var first = await IssueAsync();
        await _server.RestartAsync();
        var second = await IssueAsync();
        await NameAsync("ai.acme.example");
        var third = await IssueAsync();

        Assert.Equal(first.Authority, second.Authority);
        Assert.NotEqual(first.Authority, third.Authority);
        await NameAsync(Name);
        Assert.Equal(first.Authority, (await IssueAsync()).Authority);
        Assert.True(Trusts(third, "ai.acme.example"));
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite,
            Directory.GetFiles(Path.Combine(_server.Options.StateDirectory, "endpoint"), "*.sealed").Select(File.GetUnixFileMode).Distinct().Single());
    }

    [Fact]
    public async Task Issue_NoNameInTheAccount_IsRefused()
        => await RefusedAsync(StatusCode.FailedPrecondition, () => IssueAsync());

    [Fact]
    public async Task Issue_ToAStranger_IsRefused()
    {
        await NameAsync(Name);
        using var stranger = new TestAgent(_server.Url);
        await RefusedAsync(StatusCode.NotFound, () => IssueAsync(by: stranger));
        await RefusedAsync(StatusCode.Unauthenticated, async () => await _agent.Client.IssueEndpointCertificateAsync(new()));
    }

    [Fact]
    public async Task Issue_AfterTheLoginEnded_OrToABlockedMachine_IsRefused()
    {
        await NameAsync(Name);
        await ChangePeerAsync(peer => peer with { LoginExpiresAt = DateTimeOffset.UtcNow.AddMinutes(-1) });
        await RefusedAsync(StatusCode.FailedPrecondition, () => IssueAsync());
        await ChangePeerAsync(peer => peer with { LoginExpiresAt = null, Blocked = true });
        await RefusedAsync(StatusCode.PermissionDenied, () => IssueAsync());
    }

    [Theory]
    [InlineData("empty")]
    [InlineData("noise")]
    [InlineData("too long")]
    [InlineData("an RSA key")]
    [InlineData("another curve")]
    [InlineData("a wrong signature")]
    public async Task Issue_BadRequest_IsMalformed(string what)
    {
        await NameAsync(Name);
        using var rsa = RSA.Create(2048);
        using var curve = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        var broken = TestAgent.SigningRequest();
        broken[^5] ^= 1;
        var request = what switch
        {
            "empty" => [],
            "noise" => RandomNumberGenerator.GetBytes(300),
            "too long" => new byte[4097],
            "an RSA key" => new CertificateRequest("CN=x", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).CreateSigningRequest(),
            "another curve" => new CertificateRequest("CN=x", curve, HashAlgorithmName.SHA256).CreateSigningRequest(),
            _ => broken,
        };

        await RefusedAsync(StatusCode.InvalidArgument, () => IssueAsync(request));
    }

    [Fact]
    public async Task Sync_WhileBlocked_StaysAndBringsTheMapTheMomentItIsLifted()
    {
        await ChangePeerAsync(peer => peer with { Blocked = true });
        using var call = _agent.Client.Sync(new SyncRequest { Machine = TestAgent.Laptop, StaysWhileBlocked = true }, await _agent.ProofAsync("Sync"));
        Assert.True(await call.ResponseStream.MoveNext(Soon()));
        var blocked = call.ResponseStream.Current;
        await ChangePeerAsync(peer => peer with { Blocked = false });
        Assert.True(await call.ResponseStream.MoveNext(Soon()));

        Assert.Equal("An administrator blocked this machine.", blocked.Blocked.Detail);
        Assert.Equal(SyncUpdate.UpdateOneofCase.Map, call.ResponseStream.Current.UpdateCase);
    }

    private static CancellationToken Soon() => new CancellationTokenSource(TimeSpan.FromSeconds(20)).Token;

    private static bool Trusts(IssueEndpointCertificateReply reply, string name)
    {
        using var leaf = X509CertificateLoader.LoadCertificate(reply.Certificate.Span);
        using var authority = X509CertificateLoader.LoadCertificate(reply.Authority.Span);
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(authority);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return chain.Build(leaf) && leaf.MatchesHostname(name);
    }

    private static async Task RefusedAsync(StatusCode code, Func<Task> call)
    {
        var refusal = await Assert.ThrowsAsync<RpcException>(call);
        Assert.Equal(code, refusal.StatusCode);
    }

    private async Task<IssueEndpointCertificateReply> IssueAsync(byte[]? request = null, TestAgent? by = null)
        => await (by ?? _agent).Client.IssueEndpointCertificateAsync(
            new IssueEndpointCertificateRequest { CertificateRequest = ByteString.CopyFrom(request ?? TestAgent.SigningRequest()) },
            await (by ?? _agent).ProofAsync("IssueEndpointCertificate"));

    private Task NameAsync(string name)
        => _server.Store.CommitAsync(
            Actor.System,
            draft =>
            {
                draft.Settings.Put((draft.Settings.All.SingleOrDefault() ?? new()) with { EndpointName = name });
                return true;
            },
            default);

    private Task ChangePeerAsync(Func<Peer, Peer> change)
        => _server.Store.CommitAsync(
            Actor.System, draft => { draft.Peers.Put(change(draft.Peers.All.Single())); return true; }, default);
}
