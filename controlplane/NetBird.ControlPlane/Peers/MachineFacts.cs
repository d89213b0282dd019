namespace NetBird.ControlPlane.Peers;

/// <summary>What a machine says of itself. Shown to administrators; nothing is decided by it.</summary>
internal sealed record MachineFacts(string Hostname, string Os, string AgentVersion, string TunnelKind)
{
    private const int Longest = 64;

    /// <summary>Cuts and cleans what came from outside.</summary>
    public static MachineFacts Of(string hostname, string os, string agentVersion, string tunnelKind)
        => new(Clean(hostname), Clean(os), Clean(agentVersion), Clean(tunnelKind));

    /// <summary>The peer with these facts; what the machine left empty stays.</summary>
    public Peer ApplyTo(Peer peer) => peer with
    {
        Hostname = Hostname.Length > 0 ? Hostname : peer.Hostname,
        Os = Os.Length > 0 ? Os : peer.Os,
        AgentVersion = AgentVersion.Length > 0 ? AgentVersion : peer.AgentVersion,
        TunnelKind = TunnelKind.Length > 0 ? TunnelKind : peer.TunnelKind,
    };

    private static string Clean(string text)
    {
        var printable = new string([.. text.Where(c => !char.IsControl(c) && !char.IsSurrogate(c)).Take(Longest)]);
        return printable.Trim();
    }
}
