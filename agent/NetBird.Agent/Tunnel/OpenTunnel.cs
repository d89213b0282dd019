using NetBird.Agent.Enrolment;
using NetBird.Agent.Store;
using NetBird.WireGuard;
using PublicKey = NetBird.Primitives.PublicKey;

namespace NetBird.Agent.Tunnel;

/// <summary>A tunnel that is up, with what it was opened for.</summary>
internal sealed class OpenTunnel(ITunnel tunnel, OverlayMap map, AgentSettings settings) : IAsyncDisposable
{
    private readonly HashSet<GatewayConnection> _connections = [];

    public ITunnel Tunnel => tunnel;

    public OverlayMap Map { get; set; } = map;

    /// <summary>True when a new map needs no new interface.</summary>
    public bool Fits(OverlayMap other, AgentSettings wanted)
        => Map.Addresses.SequenceEqual(other.Addresses) && Map.Routes.SequenceEqual(other.Routes) && Map.Mtu == other.Mtu
            && settings.Tunnel == wanted.Tunnel && settings.TunnelNamespace == wanted.TunnelNamespace;

    /// <summary>Hands out a connection that can be cut with its gateway.</summary>
    public Stream Track(Stream connection, PublicKey gateway, Action heard, Action moved)
    {
        var tracked = new GatewayConnection(connection, gateway, heard, moved, Forget);
        lock (_connections)
        {
            _connections.Add(tracked);
        }

        return tracked;
    }

    /// <summary>Ends every connection but those of one gateway, so that none waits for a gateway that was given up.</summary>
    public void CutConnectionsBut(PublicKey? gateway)
    {
        List<GatewayConnection> cut;
        lock (_connections)
        {
            cut = [.. _connections.Where(connection => connection.Gateway != gateway)];
        }

        foreach (var connection in cut)
        {
            connection.Dispose();
        }
    }

    public async ValueTask DisposeAsync()
    {
        CutConnectionsBut(null);
        await tunnel.DisposeAsync().ConfigureAwait(false);
    }

    private void Forget(GatewayConnection connection)
    {
        lock (_connections)
        {
            _connections.Remove(connection);
        }
    }
}
