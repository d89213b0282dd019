using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using NetBird.Primitives;
using NetBird.WireGuard.Userspace.Routing;

namespace NetBird.WireGuard.Configuration;

/// <summary>
/// Which peer owns an inner address, for adapters whose driver cannot be asked that: what we told the driver,
/// kept beside it. Reads take no lock.
/// </summary>
internal sealed class AddressOwners
{
    private readonly Lock _gate = new();
    private readonly Dictionary<PublicKey, Owner> _owners = [];
    private volatile PrefixTrie<Owner> _v4 = PrefixTrie<Owner>.Empty;
    private volatile PrefixTrie<Owner> _v6 = PrefixTrie<Owner>.Empty;

    public PublicKey? Find(IPAddress address)
        => address.AddressFamily == AddressFamily.InterNetwork ? _v4.Find(BitsOf(address))?.Key : _v6.Find(BitsOf(address))?.Key;

    public bool Contains(PublicKey peer)
    {
        lock (_gate)
        {
            return _owners.ContainsKey(peer);
        }
    }

    /// <summary>Makes <paramref name="prefixes"/> all that the peer owns, whoever had them before.</summary>
    public void Set(PublicKey peer, IReadOnlyList<IPNetwork> prefixes)
    {
        lock (_gate)
        {
            SetLocked(peer, prefixes);
        }
    }

    /// <summary>Does to this table what a driver did with the same change.</summary>
    public void Follow(InterfaceChange change)
    {
        lock (_gate)
        {
            foreach (var gone in change.ReplacePeers ? _owners.Keys.Except(change.Peers.Select(peer => peer.PublicKey)).ToArray() : [])
            {
                _ = RemoveLocked(gone);
            }

            foreach (var peer in change.Peers)
            {
                var known = _owners.TryGetValue(peer.PublicKey, out var owner);
                if (peer.Remove)
                {
                    _ = RemoveLocked(peer.PublicKey);
                }
                else if (known || !peer.UpdateOnly)
                {
                    var replaces = peer.ReplaceAllowedIPs || change.ReplacePeers || owner is null;
                    SetLocked(peer.PublicKey, replaces ? peer.AllowedIPs : [.. owner!.Prefixes, .. peer.AllowedIPs]);
                }
            }
        }
    }

    /// <summary>Forgets all and takes what a driver says it has.</summary>
    public void Replace(IEnumerable<PeerStatus> peers)
    {
        lock (_gate)
        {
            // Built aside and put in place at the end: readers never see a table that lacks a peer which stays.
            _owners.Clear();
            var fresh = new AddressOwners();
            foreach (var peer in peers)
            {
                fresh.SetLocked(peer.PublicKey, peer.AllowedIPs);
            }

            foreach (var (key, owner) in fresh._owners)
            {
                _owners.Add(key, owner);
            }

            (_v4, _v6) = (fresh._v4, fresh._v6);
        }
    }

    /// <summary>False when there was no such peer.</summary>
    public bool Remove(PublicKey peer)
    {
        lock (_gate)
        {
            return RemoveLocked(peer);
        }
    }

    private void SetLocked(PublicKey peer, IReadOnlyList<IPNetwork> prefixes)
    {
        var wanted = prefixes.ToHashSet();
        if (_owners.TryGetValue(peer, out var owner))
        {
            foreach (var prefix in owner.Prefixes.Except(wanted).ToArray())
            {
                owner.Prefixes.Remove(prefix);
                Replace(prefix, TableOf(prefix).Without(BitsOf(prefix.BaseAddress), prefix.PrefixLength));
            }
        }
        else
        {
            _owners.Add(peer, owner = new Owner(peer));
        }

        foreach (var prefix in wanted)
        {
            var (bits, length) = (BitsOf(prefix.BaseAddress), prefix.PrefixLength);
            var table = TableOf(prefix);
            if (table.FindExact(bits, length) is { } former && former != owner)
            {
                former.Prefixes.Remove(prefix);
            }

            owner.Prefixes.Add(prefix);
            Replace(prefix, table.With(bits, length, owner));
        }
    }

    private bool RemoveLocked(PublicKey peer)
    {
        if (!_owners.Remove(peer, out var owner))
        {
            return false;
        }

        foreach (var prefix in owner.Prefixes)
        {
            Replace(prefix, TableOf(prefix).Without(BitsOf(prefix.BaseAddress), prefix.PrefixLength));
        }

        return true;
    }

    private PrefixTrie<Owner> TableOf(IPNetwork prefix) => IsV4(prefix) ? _v4 : _v6;

    private void Replace(IPNetwork prefix, PrefixTrie<Owner> table)
    {
        if (IsV4(prefix))
        {
            _v4 = table;
        }
        else
        {
            _v6 = table;
        }
    }

    private static bool IsV4(IPNetwork prefix) => prefix.BaseAddress.AddressFamily == AddressFamily.InterNetwork;

    private static UInt128 BitsOf(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        bytes.Clear();
        _ = address.TryWriteBytes(bytes, out _);
        return BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }

    private sealed class Owner(PublicKey key)
    {
        public PublicKey Key { get; } = key;

        public HashSet<IPNetwork> Prefixes { get; } = [];
    }
}
