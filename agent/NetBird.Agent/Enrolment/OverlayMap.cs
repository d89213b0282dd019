using System.Globalization;
using System.Net;
using NetBird.Protocol.Agent.V1;
using PublicKey = NetBird.Primitives.PublicKey;

namespace NetBird.Agent.Enrolment;

/// <summary>The network map, parsed: what we are on the overlay and which gateways serve us.</summary>
internal sealed record OverlayMap
{
    public required string PeerId { get; init; }

    public required IReadOnlyList<IPAddress> Addresses { get; init; }

    public required IReadOnlyList<IPNetwork> Routes { get; init; }

    public required int Mtu { get; init; }

    /// <summary>In the order in which the control plane wants them tried.</summary>
    public required IReadOnlyList<GatewayLink> Gateways { get; init; }

    public required string UserName { get; init; }

    public required string UserEmail { get; init; }

    public required IReadOnlyList<string> Groups { get; init; }

    public required string AccountName { get; init; }

    /// <summary>Null when the login does not expire.</summary>
    public DateTimeOffset? LoginExpiresAt { get; init; }

    /// <summary>Host name of the https form of the endpoint; empty when the account has none.</summary>
    public string EndpointName { get; init; } = "";

    /// <exception cref="ControlPlaneException">A field does not parse.</exception>
    public static OverlayMap Parse(NetworkMap map, Uri controlPlane) => new()
    {
        PeerId = map.PeerId,
        Addresses = [.. map.Addresses.Select(text => Address(text.Split('/')[0]))],
        Routes = [Network(map.OverlayCidr)],
        Mtu = map.Mtu is >= 1280 and <= 65535 ? map.Mtu : 1420,
        Gateways = [.. map.Gateways.Select(gateway => Link(gateway, controlPlane))],
        UserName = map.UserName,
        UserEmail = map.UserEmail,
        Groups = [.. map.GroupNames],
        AccountName = map.AccountName,
        LoginExpiresAt = map.LoginExpiresAt > 0 ? DateTimeOffset.FromUnixTimeSeconds(map.LoginExpiresAt) : null,
        EndpointName = map.EndpointName,
    };

    private static GatewayLink Link(Gateway gateway, Uri controlPlane)
    {
        var colon = gateway.Endpoint.LastIndexOf(':');
        if (!PublicKey.TryParse(gateway.PublicKey, out var key) || colon < 0
            || !int.TryParse(gateway.Endpoint.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            || port is < 1 or > 65535)
        {
            throw Malformed($"gateway {gateway.Endpoint}");
        }

        var host = gateway.Endpoint[..colon].Trim('[', ']');
        return new GatewayLink
        {
            Key = key,
            Host = host.Length == 0 ? controlPlane.DnsSafeHost : host,
            Port = port,
            Overlay = new IPEndPoint(Address(gateway.OverlayAddress), gateway.HttpPort is > 0 and <= 65535 ? gateway.HttpPort : 80),
            AllowedIPs = [.. gateway.AllowedIps.Select(Network)],
            Keepalive = TimeSpan.FromSeconds(Math.Clamp(gateway.PersistentKeepalive, 0, 65535)),
        };
    }

    private static IPAddress Address(string text) => IPAddress.TryParse(text, out var address) ? address : throw Malformed($"address {text}");

    private static IPNetwork Network(string text)
        => IPNetwork.TryParse(text, out var network) ? network
            : IPAddress.TryParse(text, out var one) ? new IPNetwork(one, one.GetAddressBytes().Length * 8)
            : throw Malformed($"network {text}");

    private static ControlPlaneException Malformed(string what) => new(ControlPlaneProblem.Misunderstood,
        $"The control plane sent a network map that this version cannot read ({what}). Check the versions of both ends.");
}

/// <summary>One gateway: where its tunnel end is, and where it serves HTTP inside.</summary>
internal sealed record GatewayLink
{
    public required PublicKey Key { get; init; }

    public required string Host { get; init; }

    public required int Port { get; init; }

    public required IPEndPoint Overlay { get; init; }

    public required IReadOnlyList<IPNetwork> AllowedIPs { get; init; }

    public required TimeSpan Keepalive { get; init; }
}
