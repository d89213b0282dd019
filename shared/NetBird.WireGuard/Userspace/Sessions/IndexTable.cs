using System.Collections.Concurrent;
using System.Security.Cryptography;
using NetBird.WireGuard.Userspace.Peers;

namespace NetBird.WireGuard.Userspace.Sessions;

/// <summary>
/// Who a receiver index means: a <see cref="Session"/>, or the <see cref="Peer"/> whose initiation awaits its response.
/// Indices are random, so that they say nothing of how many peers there are.
/// </summary>
internal sealed class IndexTable
{
    private readonly ConcurrentDictionary<uint, object> _holders = new();

    public int Count => _holders.Count;

    /// <summary>Reserves an index for the handshake of a peer.</summary>
    public uint Reserve(Peer peer)
    {
        Span<byte> random = stackalloc byte[4];
        while (true)
        {
            RandomNumberGenerator.Fill(random);
            var index = BitConverter.ToUInt32(random);
            if (_holders.TryAdd(index, peer))
            {
                return index;
            }
        }
    }

    /// <summary>The handshake under this index became a session.</summary>
    public void Promote(Session session) => _holders[session.LocalIndex] = session;

    public void Remove(uint index) => _holders.TryRemove(index, out _);

    public Session? FindSession(uint index) => _holders.TryGetValue(index, out var holder) ? holder as Session : null;

    public Peer? FindHandshake(uint index) => _holders.TryGetValue(index, out var holder) ? holder as Peer : null;

    public Peer? FindPeer(uint index)
        => _holders.TryGetValue(index, out var holder) ? holder as Peer ?? (holder as Session)?.Peer : null;
}
