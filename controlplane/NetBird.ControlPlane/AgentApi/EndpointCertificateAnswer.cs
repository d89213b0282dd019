using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Google.Protobuf;
using NetBird.ControlPlane.EndpointCertificates;
using NetBird.ControlPlane.Peers;
using NetBird.ControlPlane.Store;
using NetBird.Protocol.Agent.V1;
using Peer = NetBird.ControlPlane.Peers.Peer;

namespace NetBird.ControlPlane.AgentApi;

/// <summary>Certificates for the agents' https endpoint. Of a request only the key is taken: the name is the account's.</summary>
internal sealed partial class EndpointCertificateAnswer(
    IConfigurationStore store, EndpointAuthority authority, TimeProvider time, ILogger<EndpointCertificateAnswer> logger)
{
    // Bytes; agent.proto. A request with a P-256 key has 300.
    private const int LongestRequest = 4096;

    // RFC 5480 section 2.1.1: id-ecPublicKey; section 2.1.1.1: secp256r1.
    private const string EllipticCurve = "1.2.840.10045.2.1";
    private const string P256 = "1.2.840.10045.3.1.7";

    /// <param name="peer">Proved, and neither blocked nor disabled.</param>
    public IssueEndpointCertificateReply For(Peer peer, IssueEndpointCertificateRequest request)
    {
        if (peer.LoginExpiresAt <= time.GetUtcNow())
        {
            throw Refusal.LoginExpired();
        }

        var name = store.Current.Settings.EndpointName;
        if (name.Length == 0)
        {
            throw Refusal.NotSetUp("The account has no https endpoint name. An administrator sets endpoint_name in its settings.");
        }

        var issued = authority.Issue(name, KeyOf(request.CertificateRequest));
        Log.Issued(logger, name, peer.Id.Value);
        return new IssueEndpointCertificateReply
        {
            Certificate = ByteString.CopyFrom(issued.Certificate),
            Authority = ByteString.CopyFrom(issued.Authority),
            EndpointName = name,
        };
    }

    private static PublicKey KeyOf(ByteString request)
    {
        if (request.Length is 0 or > LongestRequest)
        {
            throw Refusal.Malformed("certificate_request has at most 4096 bytes.");
        }

        try
        {
            // Verifies the signature, which shows that the caller holds the key.
            var read = CertificateRequest.LoadSigningRequest(request.ToByteArray(), HashAlgorithmName.SHA256);
            using var key = read.PublicKey.Oid.Value == EllipticCurve ? read.PublicKey.GetECDsaPublicKey() : null;
            return key?.ExportParameters(false).Curve.Oid.Value == P256
                ? read.PublicKey
                : throw Refusal.Malformed("The certificate request's key is not a P-256 key.");
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw Refusal.Malformed("certificate_request is no PKCS#10 request signed with its own key.");
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.AgentApi + 2, LogLevel.Information, "Certificate for {Name} issued to peer {Peer}")]
        public static partial void Issued(ILogger logger, string name, string peer);
    }
}
