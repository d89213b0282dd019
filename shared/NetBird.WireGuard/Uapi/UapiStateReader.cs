using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using NetBird.Primitives;
using NetBird.WireGuard.Configuration;

namespace NetBird.WireGuard.Uapi;

/// <summary>
/// Reads the lines that answer "get=1" or "set=1". Another program wrote them: a key that is not known is passed over, since
/// later versions may have more, and a value that cannot be read is an error.
/// </summary>
internal sealed class UapiStateReader(string interfaceName) : IDisposable
{
    private readonly List<PeerBuilder> _peers = [];
    private PrivateKey? _privateKey;
    private ushort _listenPort;
    private uint _firewallMark;

    /// <summary>What the program answered; zero is done. Null until it said so.</summary>
    public int? Errno { get; private set; }

    /// <exception cref="UapiException">EINVAL: a line that the protocol does not have.</exception>
    public void Add(ReadOnlySpan<byte> line)
    {
        var equals = line.IndexOf((byte)'=');
        if (equals < 0)
        {
            throw Invalid("a line without '='");
        }

        var key = line[..equals];
        var value = line[(equals + 1)..];
        if (key.SequenceEqual("errno"u8))
        {
            Errno = (int)Math.Abs(ReadNumber(value));
        }
        else if (key.SequenceEqual("public_key"u8))
        {
            Span<byte> raw = stackalloc byte[PublicKey.Size];
            ReadKey(value, raw);
            _peers.Add(new PeerBuilder(new PublicKey(raw)));
        }
        else if (_peers is [.., var peer])
        {
            ReadPeer(peer, key, value);
        }
        else
        {
            ReadInterface(key, value);
        }
    }

    /// <summary>What was read; the caller owns its keys from now on.</summary>
    public InterfaceState Complete()
    {
        var key = _privateKey;
        _privateKey = null;
        return new()
        {
            Name = interfaceName,
            PrivateKey = key,
            ListenPort = _listenPort,
            FirewallMark = _firewallMark,
            Peers = [.. _peers.Select(peer => peer.Build())],
        };
    }

    public void Dispose() => _privateKey?.Dispose();

    private void ReadInterface(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (key.SequenceEqual("private_key"u8))
        {
            Span<byte> raw = stackalloc byte[PrivateKey.Size];
            ReadKey(value, raw);
            _privateKey = raw.ContainsAnyExcept((byte)0) ? new PrivateKey(raw) : null;
            CryptographicOperations.ZeroMemory(raw);
        }
        else if (key.SequenceEqual("listen_port"u8))
        {
            _listenPort = checked((ushort)Math.Min(ReadNumber(value), ushort.MaxValue));
        }
        else if (key.SequenceEqual("fwmark"u8))
        {
            _firewallMark = (uint)Math.Min(ReadNumber(value), uint.MaxValue);
        }
    }

    private static void ReadPeer(PeerBuilder peer, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (key.SequenceEqual("endpoint"u8))
        {
            peer.Endpoint = AddressText.TryParseEndpoint(Encoding.ASCII.GetString(value), out var endpoint) ? endpoint : null;
        }
        else if (key.SequenceEqual("last_handshake_time_sec"u8))
        {
            peer.HandshakeSeconds = ReadNumber(value);
        }
        else if (key.SequenceEqual("last_handshake_time_nsec"u8))
        {
            peer.HandshakeNanoseconds = ReadNumber(value);
        }
        else if (key.SequenceEqual("tx_bytes"u8))
        {
            peer.Sent = ReadNumber(value);
        }
        else if (key.SequenceEqual("rx_bytes"u8))
        {
            peer.Received = ReadNumber(value);
        }
        else if (key.SequenceEqual("persistent_keepalive_interval"u8))
        {
            peer.Keepalive = TimeSpan.FromSeconds(Math.Min(ReadNumber(value), ushort.MaxValue));
        }
        else if (key.SequenceEqual("allowed_ip"u8))
        {
            peer.AllowedIPs.Add(AddressText.TryParsePrefix(Encoding.ASCII.GetString(value), out var prefix)
                ? prefix
                : throw Invalid("an allowed_ip that is no prefix"));
        }
    }

    private static void ReadKey(ReadOnlySpan<byte> hex, Span<byte> key)
    {
        if (hex.Length != key.Length * 2 || Convert.FromHexString(hex, key, out _, out _) != System.Buffers.OperationStatus.Done)
        {
            throw Invalid("a key that is not 64 hexadecimal digits");
        }
    }

    private static long ReadNumber(ReadOnlySpan<byte> value)
        => Utf8Parser.TryParse(value, out long number, out var used) && used == value.Length ? number : throw Invalid("a number that is none");

    private static UapiException Invalid(string what) => new(UapiException.Invalid, $"The program that runs the interface answered {what}.");

    private sealed class PeerBuilder(PublicKey key)
    {
        // 9999-12-31; a clock beyond it is no handshake time.
        private const long LastSecond = 253402300799;

        public IPEndPoint? Endpoint { get; set; }

        public long HandshakeSeconds { get; set; }

        public long HandshakeNanoseconds { get; set; }

        public long Sent { get; set; }

        public long Received { get; set; }

        public TimeSpan Keepalive { get; set; }

        public List<IPNetwork> AllowedIPs { get; } = [];

        public PeerState Build() => new(
            new PeerStatus(key, Endpoint, Handshake(), Received, Sent, AllowedIPs, Keepalive), PresharedKey: null);

        private DateTimeOffset? Handshake()
            => HandshakeSeconds is <= 0 or > LastSecond
                ? null
                : DateTimeOffset.FromUnixTimeSeconds(HandshakeSeconds).AddTicks(HandshakeNanoseconds / TimeSpan.NanosecondsPerTick);
    }
}
