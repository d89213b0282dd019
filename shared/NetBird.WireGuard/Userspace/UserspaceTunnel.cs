using System.Net;
using NetBird.Primitives;
using NetBird.WireGuard.Configuration;
using NetBird.WireGuard.Userspace.Sockets;

namespace NetBird.WireGuard.Userspace;

/// <summary>A tunnel carried by our engine, over whatever device it was given.</summary>
/// <param name="kind">Userspace or rootless.</param>
/// <param name="kindReason">One sentence: why this adapter.</param>
/// <param name="interfaceName">As asked for.</param>
/// <param name="engine">Owned.</param>
/// <param name="overlay">TCP over the device.</param>
/// <param name="also">Released after the engine, in order; owned.</param>
internal sealed class UserspaceTunnel(
    TunnelKind kind, string kindReason, string interfaceName, Engine engine, IOverlay overlay, params IDisposable[] also)
    : ITunnel, IInterfaceControl
{
    private EngineControl? _control;

    /// <summary>Opens the UDP socket anew when the port is changed.</summary>
    public Func<int, IUdpSocket> OpenSocket { get; init; } = port => new ManagedUdpSocket(port);

    private EngineControl Control
        => LazyInitializer.EnsureInitialized(ref _control, () => new EngineControl(engine, interfaceName, OpenSocket));

    public TunnelKind Kind => kind;

    public string KindReason => kindReason;

    public string InterfaceName => interfaceName;

    public PublicKey PublicKey => engine.Identity.PublicKey;

    public int ListenPort => engine.Socket.Port;

    public IOverlay Overlay => overlay;

    public void SetPeer(PeerConfiguration peer) => engine.SetPeer(peer);

    public bool RemovePeer(PublicKey peer) => engine.RemovePeer(peer);

    public IReadOnlyList<PeerStatus> GetPeers() => engine.GetPeers();

    public PublicKey? FindPeer(IPAddress innerAddress) => engine.FindPeer(innerAddress);

    public void NetworkChanged() => engine.NetworkChanged();

    public InterfaceState Read() => Control.Read();

    public void Apply(InterfaceChange change) => Control.Apply(change);

    public async ValueTask DisposeAsync()
    {
        await engine.DisposeAsync().ConfigureAwait(false);
        foreach (var resource in also)
        {
            resource.Dispose();
        }
    }
}
