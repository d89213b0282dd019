using NetBird.Primitives;
using NetBird.WireGuard.Configuration;
using NetBird.WireGuard.Userspace.Noise;
using NetBird.WireGuard.Userspace.Peers;
using NetBird.WireGuard.Userspace.Sockets;

namespace NetBird.WireGuard.Userspace;

/// <summary>What only the owner of the interface may do; see <see cref="EngineControl"/>.</summary>
internal sealed partial class Engine
{
    public Peer? GetPeer(PublicKey key) => _peers.GetValueOrDefault(key);

    /// <summary>Every peer with its preshared key.</summary>
    public IReadOnlyList<PeerState> GetPeerStates()
        => [.. _peers.Values.Select(peer => new PeerState(peer.GetStatus(), peer.CopyPresharedKey()))];

    /// <summary>
    /// Takes another private key. Every peer is forgotten: its secrets and sessions were made with the old key.
    /// </summary>
    public void SetPrivateKey(PrivateKey key)
    {
        lock (_configuring)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            foreach (var peer in _peers.Keys)
            {
                RemovePeer(peer);
            }

            // A handshake being read with the old ones fails its authentication, as it should.
            using var oldIdentity = Identity;
            using var oldCookies = _cookies;
            Identity = new StaticIdentity(key);
            _cookies = new CookieIssuer(Identity, Clock);
        }
    }

    /// <summary>Sends and receives on another socket from now on; the old one is closed.</summary>
    public async Task ReplaceSocketAsync(IUdpSocket socket)
    {
        IUdpSocket old;
        lock (_configuring)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            old = Socket;
            Socket = socket;
            socket.Start(this);
        }

        await old.DisposeAsync().ConfigureAwait(false);
    }
}
