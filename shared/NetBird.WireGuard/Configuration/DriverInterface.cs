using System.Net;
using NetBird.Primitives;

namespace NetBird.WireGuard.Configuration;

/// <summary>
/// An interface that a driver outside this process runs, with what we remember of it: who owns which address, its key and its port. One change
/// at a time, so that the driver and the memory of it go the same way.
/// </summary>
/// <param name="read">Reads it from the driver; the caller owns its secrets.</param>
/// <param name="set">Changes it there; an <see cref="IOException"/> says that part of the change may have been done.</param>
internal sealed class DriverInterface(Func<InterfaceState> read, Action<InterfaceChange> set)
{
    private readonly AddressOwners _owners = new();
    private readonly Lock _change = new();
    private bool _closed;

    /// <summary>All zero while the interface has no key.</summary>
    public PublicKey PublicKey { get; private set; }

    /// <summary>The UDP port in use.</summary>
    public int ListenPort { get; private set; }

    public void SetPeer(PeerConfiguration peer)
    {
        ArgumentNullException.ThrowIfNull(peer);
        Apply(new InterfaceChange { Peers = [PeerChange.From(peer)] });
    }

    public bool RemovePeer(PublicKey peer)
    {
        lock (_change)
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            var known = _owners.Contains(peer);
            ApplyLocked(new InterfaceChange { Peers = [new PeerChange { PublicKey = peer, Remove = true }] });
            return known;
        }
    }

    public IReadOnlyList<PeerStatus> GetPeers()
    {
        using var state = read();
        return [.. state.Peers.Select(peer => peer.Status)];
    }

    public PublicKey? FindPeer(IPAddress innerAddress)
    {
        ArgumentNullException.ThrowIfNull(innerAddress);
        return _owners.Find(innerAddress);
    }

    public void Apply(InterfaceChange change)
    {
        lock (_change)
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            ApplyLocked(change);
        }
    }

    /// <summary>Is heard from this machine's new address at once; nothing once closed.</summary>
    /// <param name="forgetSources">A change that makes the driver forget the addresses it sent from; null where it does so by itself.</param>
    public void NetworkChanged(Func<InterfaceState, InterfaceChange>? forgetSources)
    {
        lock (_change)
        {
            if (_closed)
            {
                return;
            }

            using var state = read();
            if (forgetSources is not null)
            {
                ApplyLocked(forgetSources(state));
            }

            foreach (var change in KeepalivePoke.For(state.Peers.Select(peer => peer.Status)))
            {
                ApplyLocked(change);
            }
        }
    }

    /// <summary>Reads key and port again, after they were set.</summary>
    public void Remember()
    {
        using var state = read();
        ListenPort = state.ListenPort;
        PublicKey = state.PrivateKey?.PublicKey ?? default;
    }

    /// <summary>No change comes after this; the first call alone runs <paramref name="release"/>.</summary>
    public void Close(Action release)
    {
        lock (_change)
        {
            if (!_closed)
            {
                _closed = true;
                release();
            }
        }
    }

    private void ApplyLocked(InterfaceChange change)
    {
        try
        {
            set(change);
        }
        catch (IOException)
        {
            // Part of it may have been done: the driver says which.
            using var state = read();
            _owners.Replace(state.Peers.Select(peer => peer.Status));
            throw;
        }

        _owners.Follow(change);
        if (change.PrivateKey is not null || change.RemovePrivateKey || change.ListenPort is not null)
        {
            Remember();
        }
    }
}
