using System.Net;
using System.Security.Cryptography;
using NetBird.ControlPlane.Store;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Gateways;

/// <summary>A node that terminates tunnels for an account of several nodes; it enters itself at its start.</summary>
internal sealed record GatewayRecord : IDocument<GatewayId>
{
    public required GatewayId Id { get; init; }

    /// <summary>The machine's name, shown to people.</summary>
    public required string Name { get; init; }

    /// <summary>Of its tunnel; no two gateways share one.</summary>
    public required PublicKey PublicKey { get; init; }

    /// <summary>Its address inside the overlay, which no peer and no other gateway has.</summary>
    public required IPAddress OverlayAddress { get; init; }

    /// <summary>The overlay in CIDR form; the same at every node.</summary>
    public required string Overlay { get; init; }

    /// <summary><c>host:port</c> that agents dial; an empty host is the one they reached the control plane by. Empty until the tunnel is up.</summary>
    public string Endpoint { get; init; } = "";

    public string Version { get; init; } = "";

    public DateTimeOffset CreatedAt { get; init; }

    string IDocument.Label => Name;

    /// <summary>A gateway is its tunnel key: the same key is the same gateway, wherever it moves.</summary>
    public static GatewayId IdOf(PublicKey key) => new("gw-" + Convert.ToHexStringLower(SHA256.HashData(key.ToArray()).AsSpan(0, 10)));
}
