using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using NetBird.WireGuard.Userspace.Peers;

namespace NetBird.WireGuard.Userspace.Routing;

/// <summary>
/// Cryptokey routing (WireGuard paper, section 2): which peer owns an inner address. A prefix belongs to the peer it was
/// given to last. Reads take no lock.
/// </summary>
internal sealed class AllowedIPs
{
    private readonly Lock _gate = new();
    private volatile PrefixTrie<Peer> _v4 = PrefixTrie<Peer>.Empty;
    private volatile PrefixTrie<Peer> _v6 = PrefixTrie<Peer>.Empty;

    public Peer? Find(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        _ = address.TryWriteBytes(bytes, out var length);
        return length == 4 ? FindV4(bytes) : FindV6(bytes);
    }

    /// <summary>The owner of the IPv4 address in the first 4 bytes.</summary>
    public Peer? FindV4(ReadOnlySpan<byte> address)
        => _v4.Find((UInt128)BinaryPrimitives.ReadUInt32BigEndian(address) << 96);

    /// <summary>The owner of the IPv6 address in the first 16 bytes.</summary>
    public Peer? FindV6(ReadOnlySpan<byte> address) => _v6.Find(BinaryPrimitives.ReadUInt128BigEndian(address));

    /// <summary>Makes <paramref name="networks"/> all that the peer owns.</summary>
    public void Set(Peer peer, IReadOnlyList<IPNetwork> networks)
    {
        lock (_gate)
        {
            var wanted = new HashSet<IPNetwork>(networks);
            foreach (var network in peer.AllowedIPs)
            {
                if (!wanted.Contains(network))
                {
                    RemoveLocked(network);
                }
            }

            var taken = new Dictionary<Peer, HashSet<IPNetwork>>();
            foreach (var network in wanted)
            {
                var (bits, length) = KeyOf(network);
                var table = TableOf(network);
                if (table.FindExact(bits, length) is { } owner && owner != peer)
                {
                    (CollectionsMarshal.GetValueRefOrAddDefault(taken, owner, out _) ??= []).Add(network);
                }

                Replace(network, table.With(bits, length, peer));
            }

            foreach (var (owner, lost) in taken)
            {
                owner.AllowedIPs = [.. owner.AllowedIPs.Where(network => !lost.Contains(network))];
            }

            peer.AllowedIPs = [.. wanted];
        }
    }

    /// <summary>Forgets everything that the peer owns.</summary>
    public void Remove(Peer peer) => Set(peer, []);

    private void RemoveLocked(IPNetwork network)
    {
        var (bits, length) = KeyOf(network);
        Replace(network, TableOf(network).Without(bits, length));
    }

    private PrefixTrie<Peer> TableOf(IPNetwork network) => IsV4(network) ? _v4 : _v6;

    private void Replace(IPNetwork network, PrefixTrie<Peer> table)
    {
        if (IsV4(network))
        {
            _v4 = table;
        }
        else
        {
            _v6 = table;
        }
    }

    private static bool IsV4(IPNetwork network) => network.BaseAddress.AddressFamily == AddressFamily.InterNetwork;

    private static (UInt128 Bits, int Length) KeyOf(IPNetwork network)
    {
        Span<byte> bytes = stackalloc byte[16];
        bytes.Clear();
        _ = network.BaseAddress.TryWriteBytes(bytes, out _);
        return (BinaryPrimitives.ReadUInt128BigEndian(bytes), network.PrefixLength);
    }
}
