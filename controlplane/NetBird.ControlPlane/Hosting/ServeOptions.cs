using System.Net;
using NetBird.ControlPlane.Identity.Directories;
using NetBird.WireGuard;

namespace NetBird.ControlPlane.Hosting;

/// <summary>All that <c>serve</c> was told, checked. Read once at start.</summary>
internal sealed record ServeOptions
{
    /// <summary>Where everything that must survive a restart lives; mode 0700.</summary>
    public required string StateDirectory { get; init; }

    /// <summary>Where REST, gRPC, the embedded IdP and pages are served. Port 0 takes a free one.</summary>
    public required IPEndPoint Http { get; init; }

    /// <summary>PEM files of the certificate chain and its key; null serves without TLS, on loopback only.</summary>
    public TlsFiles? Tls { get; init; }

    /// <summary>The URL that people and agents use; null is derived from <see cref="Http"/> and the certificate.</summary>
    public Uri? PublicUrl { get; init; }

    /// <summary>UDP port of the tunnel.</summary>
    public required int WireGuardPort { get; init; }

    /// <summary>host:port that agents dial; null lets them use the host they reached us by.</summary>
    public string? WireGuardEndpoint { get; init; }

    /// <summary>Addresses of the overlay; the gateway has the first.</summary>
    public required IPNetwork Overlay { get; init; }

    /// <summary>What carries the tunnel.</summary>
    public required TunnelKind Tunnel { get; init; }

    /// <summary>Whether the interface lives in a namespace of this process alone.</summary>
    public required bool OwnTunnelNamespace { get; init; }

    /// <summary>The interface that another program runs; null where the tunnel is ours.</summary>
    public string? TunnelInterface { get; init; }

    /// <summary>The network namespace of <see cref="TunnelInterface"/>; null for the one of this process.</summary>
    public string? TunnelNamespacePath { get; init; }

    /// <summary>PostgreSQL connection string; null keeps everything in LiteDB in the state directory.</summary>
    public string? Postgres { get; init; }

    /// <summary>File of the key that seals every other secret; null: in the state directory.</summary>
    public string? ClusterKey { get; init; }

    /// <summary>File that the audit log is written to as well, a JSON object a line; null: none.</summary>
    public string? AuditFile { get; init; }

    /// <summary>The company's IdP; null runs the embedded one.</summary>
    public ExternalIssuer? Oidc { get; init; }

    /// <summary>Owns configuration, identity and pages.</summary>
    public required bool Management { get; init; }

    /// <summary>Terminates tunnels and serves the gateway.</summary>
    public required bool Gateway { get; init; }

    /// <summary>Where metrics are sent by OTLP over HTTP, such as http://127.0.0.1:4318; null: nowhere.</summary>
    public Uri? OtlpEndpoint { get; init; }

    /// <summary>What is logged, and how.</summary>
    public LogOptions Log { get; init; } = new();

    /// <summary>How long requests in flight may go on after SIGTERM; 0 to 3600 s, 4 s unless set.</summary>
    public required TimeSpan Drain { get; init; }
}

/// <summary>Certificate chain and private key, both PEM; read again when they change.</summary>
internal sealed record TlsFiles(string Certificate, string Key);

/// <summary>An OIDC issuer outside.</summary>
/// <param name="Issuer">Its identifier, as its discovery document states it.</param>
/// <param name="ClientId">Our client there; the audience of its ID tokens.</param>
/// <param name="GroupsClaim">Which claim carries groups.</param>
/// <param name="ClientSecretFile">File with the client's secret, where the IdP wants one for web sign-in; else null.</param>
internal sealed record ExternalIssuer(Uri Issuer, string ClientId, string GroupsClaim, string? ClientSecretFile)
{
    /// <summary>Where groups are asked for that the token leaves out; null: nowhere.</summary>
    public ExternalDirectory? Directory { get; init; }
}
