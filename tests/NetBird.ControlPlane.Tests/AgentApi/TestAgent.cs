using System.Net;
using System.Security.Cryptography;
using System.Text;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Net.Client.Web;
using NetBird.ControlPlane.Tests.Identity;
using NetBird.Protocol.Agent.V1;
using NetBird.WireGuard;
using PublicKey = NetBird.Primitives.PublicKey;

namespace NetBird.ControlPlane.Tests.AgentApi;

/// <summary>The agent's side of agent.proto, written out, so that each step can also be done wrong.</summary>
internal sealed class TestAgent : IDisposable
{
    private readonly GrpcChannel _channel;

    public TestAgent(Uri url)
        : this(url, GrpcChannel.ForAddress(url, new GrpcChannelOptions
        {
            HttpHandler = new GrpcWebHandler(GrpcWebMode.GrpcWeb, new SocketsHttpHandler()),
            HttpVersion = HttpVersion.Version11,
        }))
    {
    }

    /// <summary>Over a channel that several share.</summary>
    public TestAgent(Uri url, GrpcChannel channel) => (Url, _channel, Client) = (url, channel, new(channel));

    public Uri Url { get; }

    public AgentService.AgentServiceClient Client { get; }

    public PrivateKey Key { get; set; } = PrivateKey.Generate();

    /// <summary>The control plane's key where it is known already; null: it is asked each time.</summary>
    public PublicKey? ServerKey { get; init; }

    public static Machine Laptop => new() { Hostname = "laptop", Os = "linux", AgentVersion = "1.2.3", TunnelKind = "userspace" };

    public async Task<PublicKey> ServerKeyAsync()
        => ServerKey is { } known ? known : PublicKey.TryParse((await Client.GetLoginInfoAsync(new())).ControlPlanePublicKey, out var key)
            ? key
            : throw new InvalidOperationException("No key.");

    public async Task<string> NonceAsync() => (await Client.GetChallengeAsync(new())).Nonce;

    public async Task<EnrolRequest> EnrolRequestAsync(string? idToken = null, string? setupKey = null, string? nonce = null)
    {
        nonce ??= await NonceAsync();
        var digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(idToken ?? setupKey ?? "")));
        var request = new EnrolRequest
        {
            PublicKey = ByteString.CopyFrom(Key.PublicKey.ToArray()),
            Nonce = nonce,
            Proof = ByteString.CopyFrom(KeyProof.Create(Key, await ServerKeyAsync(), Encoding.UTF8.GetBytes($"enrol|{nonce}|{digest}"))),
            Machine = Laptop,
        };
        if (idToken is not null)
        {
            request.IdToken = idToken;
        }
        else if (setupKey is not null)
        {
            request.SetupKey = setupKey;
        }

        return request;
    }

    /// <summary>A request for a certificate, with a fresh key.</summary>
    public static byte[] SigningRequest()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return new System.Security.Cryptography.X509Certificates.CertificateRequest("CN=x", key, HashAlgorithmName.SHA256).CreateSigningRequest();
    }

    public async Task<EnrolReply> EnrolAsync(string? idToken = null, string? setupKey = null)
        => await Client.EnrolAsync(await EnrolRequestAsync(idToken, setupKey));

    public async Task<Metadata> ProofAsync(string method, string? nonce = null, PrivateKey? key = null)
    {
        nonce ??= await NonceAsync();
        var message = Encoding.UTF8.GetBytes($"/netbird.agent.v1.AgentService/{method}|{nonce}");
        return new()
        {
            { "netbird-peer-key", Key.PublicKey.ToString() },
            { "netbird-nonce", nonce },
            { "netbird-proof-bin", KeyProof.Create(key ?? Key, await ServerKeyAsync(), message)! },
        };
    }

    public async Task<AsyncServerStreamingCall<SyncUpdate>> SyncAsync()
        => Client.Sync(new SyncRequest { Machine = Laptop }, await ProofAsync("Sync"));

    /// <summary>An ID token of the embedded IdP for a person with the standard password.</summary>
    public async Task<string> LogInAsync(string email)
    {
        using var browser = new Browser(Url);
        using var client = new NativeClient(Url);
        await browser.OpenAsync(client.AuthorizeUrl());
        await browser.LogInAsync(email);
        var tokens = await client.RedeemAsync(browser.Returned("code")!);
        return tokens.GetProperty("id_token").GetString()!;
    }

    public void Dispose()
    {
        _channel.Dispose();
        Key.Dispose();
    }
}
