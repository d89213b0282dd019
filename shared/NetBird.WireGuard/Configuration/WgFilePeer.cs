namespace NetBird.WireGuard.Configuration;

/// <summary>One [Peer] section.</summary>
/// <param name="Change">All of it but an endpoint that is given by name.</param>
/// <param name="Name">The endpoint, where it is given by name.</param>
internal sealed record WgFilePeer(PeerChange Change, EndpointName? Name);
