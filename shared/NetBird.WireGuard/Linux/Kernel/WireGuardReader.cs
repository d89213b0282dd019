using System.Buffers.Binary;
using System.Net;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using NetBird.Primitives;
using NetBird.WireGuard.Configuration;
using NetBird.WireGuard.Linux.Netlink;
using static NetBird.WireGuard.Linux.Kernel.WireGuardAttributes;
using static Tmds.Linux.LibC;

namespace NetBird.WireGuard.Linux.Kernel;

/// <summary>
/// Puts an interface together from the messages of a WG_CMD_GET_DEVICE dump. A peer whose allowed IPs do not
/// fit goes on in the next message, with its key alone (linux/wireguard.h, comment on WG_CMD_GET_DEVICE).
/// </summary>
internal sealed class WireGuardReader : IDisposable
{
    private readonly List<PartialPeer> _peers = [];
    private string _name = "";
    private PrivateKey? _privateKey;
    private ushort _listenPort;
    private uint _firewallMark;

    /// <param name="payload">A message from after its generic netlink header.</param>
    /// <exception cref="InvalidDataException">The message is not one the kernel makes.</exception>
    public void Add(ReadOnlySpan<byte> payload)
    {
        var attributes = new NetlinkAttributes(payload);
        while (attributes.Next())
        {
            switch (attributes.Type)
            {
                case Device.Name:
                    _name = attributes.ReadText();
                    break;
                case Device.PrivateKey:
                    SetPrivateKey(attributes.Value);
                    break;
                case Device.ListenPort:
                    _listenPort = attributes.Read<ushort>();
                    break;
                case Device.FirewallMark:
                    _firewallMark = attributes.Read<uint>();
                    break;
                case Device.Peers:
                    AddPeers(attributes.Value);
                    break;
            }
        }
    }

    /// <summary>The interface as read; the caller owns its secrets.</summary>
    public InterfaceState Complete()
    {
        var state = new InterfaceState
        {
            Name = _name,
            PrivateKey = _privateKey,
            ListenPort = _listenPort,
            FirewallMark = _firewallMark,
            Peers = [.. _peers.Select(peer => peer.Complete())],
        };
        _privateKey = null;
        _peers.Clear();
        return state;
    }

    public void Dispose()
    {
        _privateKey?.Dispose();
        foreach (var peer in _peers)
        {
            CryptographicOperations.ZeroMemory(peer.PresharedKey);
        }
    }

    private void SetPrivateKey(ReadOnlySpan<byte> value)
    {
        if (value.Length != PrivateKey.Size)
        {
            throw new InvalidDataException($"A private key of {value.Length} bytes.");
        }

        _privateKey?.Dispose();
        _privateKey = value.ContainsAnyExcept((byte)0) ? new PrivateKey(value) : null;
    }

    private void AddPeers(ReadOnlySpan<byte> list)
    {
        var items = new NetlinkAttributes(list);
        while (items.Next())
        {
            AddPeer(items.Value);
        }
    }

    private void AddPeer(ReadOnlySpan<byte> item)
    {
        PartialPeer? peer = null;
        var attributes = new NetlinkAttributes(item);
        while (attributes.Next())
        {
            if (attributes.Type == Peer.PublicKey)
            {
                var key = ReadKey(attributes.Value);
                peer = _peers.Count > 0 && _peers[^1].Key == key ? _peers[^1] : null;
                if (peer is null)
                {
                    _peers.Add(peer = new PartialPeer { Key = key });
                }

                continue;
            }

            // The kernel always puts the key first.
            if (peer is null)
            {
                throw new InvalidDataException("A peer's settings came before its key.");
            }

            AddToPeer(peer, ref attributes);
        }
    }

    private static void AddToPeer(PartialPeer peer, ref NetlinkAttributes attribute)
    {
        switch (attribute.Type)
        {
            case Peer.PresharedKey:
                peer.PresharedKey = attribute.Value.ContainsAnyExcept((byte)0) ? attribute.Value.ToArray() : null;
                break;
            case Peer.Endpoint:
                peer.Endpoint = ParseEndpoint(attribute.Value);
                break;
            case Peer.PersistentKeepalive:
                peer.Keepalive = TimeSpan.FromSeconds(attribute.Read<ushort>());
                break;
            case Peer.LastHandshake:
                peer.LastHandshake = ParseTime(attribute.Value);
                break;
            case Peer.ReceivedBytes:
                peer.ReceivedBytes = attribute.Read<long>();
                break;
            case Peer.SentBytes:
                peer.SentBytes = attribute.Read<long>();
                break;
            case Peer.AllowedIPs:
                AddAllowedIPs(peer, attribute.Value);
                break;
        }
    }

    private static void AddAllowedIPs(PartialPeer peer, ReadOnlySpan<byte> list)
    {
        var items = new NetlinkAttributes(list);
        while (items.Next())
        {
            IPAddress? address = null;
            int? length = null;
            var attributes = new NetlinkAttributes(items.Value);
            while (attributes.Next())
            {
                switch (attributes.Type)
                {
                    case AllowedIP.Address when attributes.Value.Length is 4 or 16:
                        address = new IPAddress(attributes.Value);
                        break;
                    case AllowedIP.PrefixLength:
                        length = attributes.Read<byte>();
                        break;
                }
            }

            if (address is null || length is null || length > address.GetAddressBytes().Length * 8)
            {
                throw new InvalidDataException("An allowed IP is not an address with a prefix.");
            }

            peer.AllowedIPs.Add(RouteSocket.Prefix(address, length.Value));
        }
    }

    private static PublicKey ReadKey(ReadOnlySpan<byte> value)
        => value.Length == PublicKey.Size
            ? new PublicKey(value)
            : throw new InvalidDataException($"A public key of {value.Length} bytes.");

    /// <summary>struct sockaddr_in: family, port, address; sockaddr_in6: family, port, flow, address, scope.</summary>
    private static IPEndPoint ParseEndpoint(ReadOnlySpan<byte> value)
    {
        var family = value.Length >= 2 ? MemoryMarshal.Read<ushort>(value) : 0;
        if (family == (ushort)AF_INET && value.Length >= 16)
        {
            return new IPEndPoint(new IPAddress(value[4..8]), BinaryPrimitives.ReadUInt16BigEndian(value[2..]));
        }

        if (family == (ushort)AF_INET6 && value.Length >= 28)
        {
            var scope = MemoryMarshal.Read<uint>(value[24..]);
            return new IPEndPoint(new IPAddress(value[8..24], scope), BinaryPrimitives.ReadUInt16BigEndian(value[2..]));
        }

        throw new InvalidDataException($"An endpoint of family {family} and {value.Length} bytes.");
    }

    /// <summary>struct __kernel_timespec: seconds and nanoseconds, both 64 bits; zero is never.</summary>
    private static DateTimeOffset? ParseTime(ReadOnlySpan<byte> value)
    {
        // The last second that DateTimeOffset can say.
        const long LastSecond = 253_402_300_799;
        if (value.Length < 16)
        {
            throw new InvalidDataException($"A time of {value.Length} bytes.");
        }

        var seconds = MemoryMarshal.Read<long>(value);
        var nanoseconds = MemoryMarshal.Read<long>(value[8..]);
        if (seconds is < 0 or > LastSecond || nanoseconds is < 0 or > 999_999_999)
        {
            throw new InvalidDataException("A time out of range.");
        }

        return seconds == 0 && nanoseconds == 0
            ? null
            : DateTimeOffset.FromUnixTimeSeconds(seconds).AddTicks(nanoseconds / TimeSpan.NanosecondsPerTick);
    }

    private sealed class PartialPeer
    {
        public required PublicKey Key { get; init; }

        public byte[]? PresharedKey { get; set; }

        public IPEndPoint? Endpoint { get; set; }

        public TimeSpan Keepalive { get; set; }

        public DateTimeOffset? LastHandshake { get; set; }

        public long ReceivedBytes { get; set; }

        public long SentBytes { get; set; }

        public List<IPNetwork> AllowedIPs { get; } = [];

        public PeerState Complete() => new(
            new PeerStatus(Key, Endpoint, LastHandshake, ReceivedBytes, SentBytes, AllowedIPs, Keepalive), PresharedKey);
    }
}
