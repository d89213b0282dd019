using System.Collections.Concurrent;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Peers;

/// <summary>
/// Signs of life of machines, in memory: they come every few seconds from thousands, and a write for each would be
/// more than all other writes together. <see cref="PeerUpkeep"/> writes them down now and then.
/// </summary>
internal sealed class PeerActivity(TimeProvider time)
{
    private readonly ConcurrentDictionary<PeerId, DateTimeOffset> _lastSeen = new();
    private readonly ConcurrentDictionary<PeerId, int> _connections = new();

    /// <summary>A machine gave a sign of life now.</summary>
    public void Seen(PeerId peer) => _lastSeen[peer] = time.GetUtcNow();

    /// <summary>A machine follows our changes; dispose when it no longer does.</summary>
    public IDisposable Connected(PeerId peer)
    {
        _connections.AddOrUpdate(peer, 1, (_, count) => count + 1);
        Seen(peer);
        return new Connection(this, peer);
    }

    public bool IsConnected(PeerId peer) => _connections.GetValueOrDefault(peer) > 0;

    /// <summary>The last sign of life known here, or null.</summary>
    public DateTimeOffset? LastSeen(PeerId peer)
        => IsConnected(peer) ? time.GetUtcNow() : _lastSeen.TryGetValue(peer, out var at) ? at : null;

    /// <summary>The later of what is known here and what was stored.</summary>
    public DateTimeOffset? LastSeen(Peer peer)
        => LastSeen(peer.Id) is { } at && !(peer.LastSeen > at) ? at : peer.LastSeen;

    /// <summary>Forgets a machine that is no more.</summary>
    public void Forget(PeerId peer) => _lastSeen.TryRemove(peer, out _);

    private void Disconnected(PeerId peer)
    {
        Seen(peer);
        _connections.AddOrUpdate(peer, 0, (_, count) => Math.Max(0, count - 1));
        _connections.TryRemove(new(peer, 0));
    }

    private sealed class Connection(PeerActivity owner, PeerId peer) : IDisposable
    {
        private int _disposed;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) == 0)
            {
                owner.Disconnected(peer);
            }
        }
    }
}
