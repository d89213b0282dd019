using System.Buffers.Text;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using NetBird.Primitives;
using NetBird.WireGuard.Configuration;

namespace NetBird.WireGuard.Uapi;

/// <summary>
/// Reads the lines of a "set=1" request (the Configuration Protocol of wireguard.com/xplatform). Nothing is
/// applied until the whole request was understood, so a request with a mistake changes nothing. Lines stay
/// bytes: they hold keys, and a string could not be zeroed.
/// </summary>
internal sealed class UapiParser : IDisposable
{
    private readonly List<PeerBuilder> _peers = [];
    private PrivateKey? _privateKey;
    private bool _removePrivateKey;
    private ushort? _listenPort;
    private uint? _firewallMark;
    private bool _replacePeers;

    private PeerBuilder? Current => _peers.Count > 0 ? _peers[^1] : null;

    /// <param name="line">One line without its line feed.</param>
    /// <exception cref="UapiException">EINVAL: not a line of the protocol, or not at this place.</exception>
    public void Add(ReadOnlySpan<byte> line)
    {
        var equals = line.IndexOf((byte)'=');
        if (equals < 0)
        {
            throw Invalid("a line has no '='");
        }

        var key = line[..equals];
        var value = line[(equals + 1)..];
        if (key.SequenceEqual("public_key"u8))
        {
            _peers.Add(new PeerBuilder(ReadPublicKey(value)));
        }
        else if (Current is { } peer)
        {
            SetPeer(peer, key, value);
        }
        else
        {
            SetInterface(key, value);
        }
    }

    /// <summary>The whole change. Its key belongs to this parser and is zeroed with it.</summary>
    public InterfaceChange Complete() => new()
    {
        PrivateKey = _privateKey,
        RemovePrivateKey = _removePrivateKey,
        ListenPort = _listenPort,
        FirewallMark = _firewallMark,
        ReplacePeers = _replacePeers,
        Peers = [.. _peers.Select(peer => peer.Build())],
    };

    public void Dispose()
    {
        _privateKey?.Dispose();
        foreach (var peer in _peers)
        {
            CryptographicOperations.ZeroMemory(peer.PresharedKey);
        }
    }

    private void SetInterface(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (key.SequenceEqual("private_key"u8))
        {
            SetPrivateKey(value);
        }
        else if (key.SequenceEqual("listen_port"u8))
        {
            _listenPort = (ushort)ReadNumber("listen_port", value, ushort.MaxValue);
        }
        else if (key.SequenceEqual("fwmark"u8))
        {
            _firewallMark = value.IsEmpty ? 0 : ReadNumber("fwmark", value, uint.MaxValue);
        }
        else if (key.SequenceEqual("replace_peers"u8))
        {
            _replacePeers = ReadTrue("replace_peers", value);
        }
        else
        {
            throw Invalid("an interface has no such key");
        }
    }

    private static void SetPeer(PeerBuilder peer, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (key.SequenceEqual("allowed_ip"u8))
        {
            peer.AllowedIPs.Add(ReadPrefix(value));
        }
        else if (key.SequenceEqual("endpoint"u8))
        {
            peer.Endpoint = ReadEndpoint(value);
        }
        else if (key.SequenceEqual("preshared_key"u8))
        {
            peer.PresharedKey = new byte[32];
            ReadKey("preshared_key", value, peer.PresharedKey);
        }
        else if (key.SequenceEqual("persistent_keepalive_interval"u8))
        {
            peer.Keepalive = (ushort)ReadNumber("persistent_keepalive_interval", value, ushort.MaxValue);
        }
        else if (key.SequenceEqual("replace_allowed_ips"u8))
        {
            peer.ReplaceAllowedIPs = ReadTrue("replace_allowed_ips", value);
        }
        else if (key.SequenceEqual("remove"u8))
        {
            peer.Remove = ReadTrue("remove", value);
        }
        else if (key.SequenceEqual("update_only"u8))
        {
            peer.UpdateOnly = ReadTrue("update_only", value);
        }
        else if (!key.SequenceEqual("protocol_version"u8) || !value.SequenceEqual("1"u8))
        {
            throw Invalid("a peer has no such key, or protocol_version is not 1");
        }
    }

    private void SetPrivateKey(ReadOnlySpan<byte> value)
    {
        Span<byte> key = stackalloc byte[PrivateKey.Size];
        try
        {
            ReadKey("private_key", value, key);
            _privateKey?.Dispose();
            _removePrivateKey = !key.ContainsAnyExcept((byte)0);
            _privateKey = _removePrivateKey ? null : new PrivateKey(key);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }

    private static PublicKey ReadPublicKey(ReadOnlySpan<byte> value)
    {
        Span<byte> key = stackalloc byte[PublicKey.Size];
        ReadKey("public_key", value, key);
        return new PublicKey(key);
    }

    private static void ReadKey(string name, ReadOnlySpan<byte> hex, Span<byte> key)
    {
        if (hex.Length != key.Length * 2
            || Convert.FromHexString(hex, key, out _, out _) != System.Buffers.OperationStatus.Done)
        {
            throw Invalid($"{name} is not 64 hexadecimal digits");
        }
    }

    private static uint ReadNumber(string name, ReadOnlySpan<byte> value, uint most)
        => Utf8Parser.TryParse(value, out uint number, out var used) && used == value.Length && number <= most && value[0] != '+'
            ? number
            : throw Invalid($"{name} is not a whole number from 0 to {most.ToString(CultureInfo.InvariantCulture)}");

    private static bool ReadTrue(string name, ReadOnlySpan<byte> value)
        => value.SequenceEqual("true"u8) ? true : throw Invalid($"{name} takes only 'true'");

    private static IPNetwork ReadPrefix(ReadOnlySpan<byte> value)
    {
        // Longer than any prefix: nothing below has to read it.
        const int Longest = 64;
        return value.Length <= Longest && AddressText.TryParsePrefix(Encoding.ASCII.GetString(value), out var prefix)
            ? prefix
            : throw Invalid("allowed_ip is not an address with a prefix length");
    }

    private static IPEndPoint ReadEndpoint(ReadOnlySpan<byte> value)
    {
        const int Longest = 128;
        return value.Length <= Longest && AddressText.TryParseEndpoint(Encoding.ASCII.GetString(value), out var endpoint)
            ? endpoint
            : throw Invalid("endpoint is not ADDRESS:PORT or [ADDRESS]:PORT");
    }

    private static UapiException Invalid(string what) => new(UapiException.Invalid, $"Not understood: {what}.");

    private sealed class PeerBuilder(PublicKey key)
    {
        public List<IPNetwork> AllowedIPs { get; } = [];

        public IPEndPoint? Endpoint { get; set; }

        public byte[]? PresharedKey { get; set; }

        public ushort? Keepalive { get; set; }

        public bool ReplaceAllowedIPs { get; set; }

        public bool Remove { get; set; }

        public bool UpdateOnly { get; set; }

        public PeerChange Build() => new()
        {
            PublicKey = key,
            Remove = Remove,
            UpdateOnly = UpdateOnly,
            PresharedKey = PresharedKey,
            Endpoint = Endpoint,
            PersistentKeepaliveSeconds = Keepalive,
            ReplaceAllowedIPs = ReplaceAllowedIPs,
            AllowedIPs = AllowedIPs,
        };
    }
}
