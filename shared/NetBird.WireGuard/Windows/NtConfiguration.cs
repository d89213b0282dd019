using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using NetBird.Primitives;
using NetBird.WireGuard.Configuration;

namespace NetBird.WireGuard.Windows;

/// <summary>
/// The driver's configuration in memory: an interface, then each peer with its allowed IPs behind it, without gaps
/// (wireguard.h, WireGuardSetConfiguration).
/// </summary>
internal static unsafe class NtConfiguration
{
    /// <summary>Lays a change out in pinned memory, which the caller zeroes.</summary>
    /// <exception cref="IOException">The change has what the driver cannot do.</exception>
    public static byte[] Write(InterfaceChange change)
    {
        if (change.FirewallMark is > 0)
        {
            throw new IOException("Windows has no firewall marks.");
        }

        var size = sizeof(NtInterface) + change.Peers.Sum(peer => sizeof(NtPeer) + (CountOf(peer) * sizeof(NtAllowedIP)));
        var buffer = GC.AllocateArray<byte>(size, pinned: true);
        ref var head = ref MemoryMarshal.AsRef<NtInterface>(buffer.AsSpan());
        WriteInterface(ref head, change);
        var rest = buffer.AsSpan(sizeof(NtInterface));
        foreach (var peer in change.Peers)
        {
            WritePeer(ref MemoryMarshal.AsRef<NtPeer>(rest), peer);
            rest = rest[sizeof(NtPeer)..];
            foreach (var prefix in peer.Remove ? [] : peer.AllowedIPs)
            {
                WriteAllowedIP(ref MemoryMarshal.AsRef<NtAllowedIP>(rest), prefix);
                rest = rest[sizeof(NtAllowedIP)..];
            }
        }

        return buffer;
    }

    /// <summary>Reads what the driver answered.</summary>
    /// <param name="name">Interface name, for the answer.</param>
    /// <param name="configuration">The driver's bytes; what lies behind the last peer is not looked at.</param>
    /// <exception cref="InvalidDataException">Counts that do not fit the bytes, or a value out of range.</exception>
    public static InterfaceState Read(string name, ReadOnlySpan<byte> configuration)
    {
        ref readonly var head = ref Take<NtInterface>(ref configuration);
        var peers = new List<PeerState>();
        try
        {
            for (var i = 0u; i < head.PeersCount; i++)
            {
                peers.Add(ReadPeer(ref configuration));
            }

            return new InterfaceState
            {
                Name = name,
                PrivateKey = ReadPrivateKey(in head),
                ListenPort = head.ListenPort,
                Peers = peers,
            };
        }
        catch
        {
            peers.ForEach(peer => CryptographicOperations.ZeroMemory(peer.PresharedKey));
            throw;
        }
    }

    private static int CountOf(PeerChange peer) => peer.Remove ? 0 : peer.AllowedIPs.Count;

    private static void WriteInterface(ref NtInterface head, InterfaceChange change)
    {
        head.PeersCount = (uint)change.Peers.Count;
        if (change.ReplacePeers)
        {
            head.Flags |= NtFlags.Interface.ReplacePeers;
        }

        if (change.ListenPort is { } port)
        {
            head.Flags |= NtFlags.Interface.HasListenPort;
            head.ListenPort = port;
        }

        if (change.PrivateKey is not null || change.RemovePrivateKey)
        {
            // All zero takes the key away.
            head.Flags |= NtFlags.Interface.HasPrivateKey;
            fixed (byte* key = head.PrivateKey)
            {
                change.PrivateKey?.Export(new Span<byte>(key, PrivateKey.Size));
            }
        }
    }

    private static void WritePeer(ref NtPeer target, PeerChange peer)
    {
        target.Flags = NtFlags.Peer.HasPublicKey;
        fixed (byte* key = target.PublicKey)
        {
            peer.PublicKey.CopyTo(new Span<byte>(key, PublicKey.Size));
        }

        if (peer.UpdateOnly)
        {
            target.Flags |= NtFlags.Peer.UpdateOnly;
        }

        if (peer.Remove)
        {
            target.Flags |= NtFlags.Peer.Remove;
            return;
        }

        if (peer.ReplaceAllowedIPs)
        {
            target.Flags |= NtFlags.Peer.ReplaceAllowedIPs;
        }

        if (peer.PresharedKey is { } preshared)
        {
            target.Flags |= NtFlags.Peer.HasPresharedKey;
            fixed (byte* key = target.PresharedKey)
            {
                preshared.CopyTo(new Span<byte>(key, 32));
            }
        }

        if (peer.PersistentKeepaliveSeconds is { } seconds)
        {
            target.Flags |= NtFlags.Peer.HasPersistentKeepalive;
            target.PersistentKeepalive = seconds;
        }

        if (peer.Endpoint is { } endpoint)
        {
            target.Flags |= NtFlags.Peer.HasEndpoint;
            target.Endpoint = SocketAddressInet.From(endpoint);
        }

        target.AllowedIPsCount = (uint)peer.AllowedIPs.Count;
    }

    private static void WriteAllowedIP(ref NtAllowedIP target, IPNetwork prefix)
    {
        var isV6 = prefix.BaseAddress.AddressFamily == AddressFamily.InterNetworkV6;
        target.AddressFamily = isV6 ? SocketAddressInet.V6 : SocketAddressInet.V4;
        target.Cidr = (byte)prefix.PrefixLength;
        fixed (byte* address = target.Address)
        {
            _ = prefix.BaseAddress.TryWriteBytes(new Span<byte>(address, 16), out _);
        }
    }

    private static PeerState ReadPeer(ref ReadOnlySpan<byte> rest)
    {
        ref readonly var peer = ref Take<NtPeer>(ref rest);

        // Checked before the list is made: a count is not believed for its memory.
        if (peer.AllowedIPsCount > (uint)(rest.Length / sizeof(NtAllowedIP)))
        {
            throw new InvalidDataException($"A peer says it has {peer.AllowedIPsCount} allowed IPs where {rest.Length} bytes are left.");
        }

        var prefixes = new IPNetwork[peer.AllowedIPsCount];
        for (var i = 0; i < prefixes.Length; i++)
        {
            prefixes[i] = ReadAllowedIP(in Take<NtAllowedIP>(ref rest));
        }

        fixed (byte* key = peer.PublicKey)
        fixed (byte* preshared = peer.PresharedKey)
        {
            var presharedKey = new ReadOnlySpan<byte>(preshared, 32);
            var status = new PeerStatus(
                new PublicKey(new ReadOnlySpan<byte>(key, PublicKey.Size)),
                peer.Flags.HasFlag(NtFlags.Peer.HasEndpoint) ? peer.Endpoint.ToEndPoint() : null,
                ReadTime(peer.LastHandshake),
                (long)Math.Min(peer.RxBytes, long.MaxValue),
                (long)Math.Min(peer.TxBytes, long.MaxValue),
                prefixes,
                TimeSpan.FromSeconds(peer.PersistentKeepalive));
            return new PeerState(status, presharedKey.ContainsAnyExcept((byte)0) ? presharedKey.ToArray() : null);
        }
    }

    private static IPNetwork ReadAllowedIP(in NtAllowedIP item)
    {
        var size = item.AddressFamily switch
        {
            SocketAddressInet.V4 => 4,
            SocketAddressInet.V6 => 16,
            _ => throw new InvalidDataException($"An allowed IP of family {item.AddressFamily}."),
        };
        if (item.Cidr > size * 8)
        {
            throw new InvalidDataException($"An allowed IP with a prefix of {item.Cidr} bits.");
        }

        fixed (byte* address = item.Address)
        {
            return Linux.Netlink.RouteSocket.Prefix(new IPAddress(new ReadOnlySpan<byte>(address, size)), item.Cidr);
        }
    }

    private static PrivateKey? ReadPrivateKey(in NtInterface head)
    {
        fixed (byte* key = head.PrivateKey)
        {
            var bytes = new ReadOnlySpan<byte>(key, PrivateKey.Size);
            return head.Flags.HasFlag(NtFlags.Interface.HasPrivateKey) && bytes.ContainsAnyExcept((byte)0) ? new PrivateKey(bytes) : null;
        }
    }

    private static DateTimeOffset? ReadTime(ulong fileTime)
    {
        // The last that DateTimeOffset can say: 9999-12-31.
        const ulong Last = 2_650_467_743_999_999_999;
        return fileTime switch
        {
            0 => null,
            <= Last => DateTimeOffset.FromFileTime((long)fileTime).ToUniversalTime(),
            _ => throw new InvalidDataException("A time out of range."),
        };
    }

    private static ref readonly T Take<T>(ref ReadOnlySpan<byte> rest)
        where T : unmanaged
    {
        if (rest.Length < sizeof(T))
        {
            throw new InvalidDataException($"The driver's configuration ends {sizeof(T) - rest.Length} bytes early.");
        }

        ref readonly var value = ref MemoryMarshal.AsRef<T>(rest);
        rest = rest[sizeof(T)..];
        return ref value;
    }
}
