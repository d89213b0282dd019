using System.Net;
using NetBird.Primitives;
using NetBird.WireGuard.Configuration;

namespace NetBird.WireGuard.Tests.Uapi;

/// <summary>The plain model of an interface: what a change does to it by the book, without any packets.</summary>
internal sealed class MemoryInterface : IInterfaceControl
{
    private readonly Dictionary<PublicKey, Entry> _peers = [];
    private byte[]? _privateKey;
    private ushort _port;
    private uint _mark;

    /// <summary>Thrown by the next change.</summary>
    public IOException? Refusal { get; set; }

    public void Apply(InterfaceChange change)
    {
        if (Refusal is { } refusal)
        {
            throw refusal;
        }

        if (change.RemovePrivateKey)
        {
            _privateKey = null;
        }

        if (change.PrivateKey is { } key)
        {
            key.Export(_privateKey = new byte[32]);
        }

        (_port, _mark) = (change.ListenPort ?? _port, change.FirewallMark ?? _mark);
        if (change.ReplacePeers)
        {
            _peers.Clear();
        }

        foreach (var peer in change.Peers)
        {
            Apply(peer);
        }
    }

    public InterfaceState Read() => new()
    {
        Name = "memory",
        PrivateKey = _privateKey is null ? null : new PrivateKey(_privateKey),
        ListenPort = _port,
        FirewallMark = _mark,
        Peers =
        [
            .. _peers.Select(pair => new PeerState(
                new PeerStatus(
                    pair.Key,
                    pair.Value.Endpoint,
                    DateTimeOffset.FromUnixTimeSeconds(1_700_000_000),
                    ReceivedBytes: 11,
                    SentBytes: 22,
                    [.. pair.Value.AllowedIPs],
                    TimeSpan.FromSeconds(pair.Value.Keepalive)),
                pair.Value.PresharedKey?.ToArray())),
        ],
    };

    private void Apply(PeerChange change)
    {
        if (change.Remove)
        {
            _peers.Remove(change.PublicKey);
            return;
        }

        if (!_peers.TryGetValue(change.PublicKey, out var entry))
        {
            if (change.UpdateOnly)
            {
                return;
            }

            _peers.Add(change.PublicKey, entry = new Entry());
        }

        if (change.PresharedKey is { } preshared)
        {
            entry.PresharedKey = preshared.All(b => b == 0) ? null : preshared.ToArray();
        }

        entry.Endpoint = change.Endpoint ?? entry.Endpoint;
        entry.Keepalive = change.PersistentKeepaliveSeconds ?? entry.Keepalive;
        if (change.ReplaceAllowedIPs)
        {
            entry.AllowedIPs.Clear();
        }

        foreach (var prefix in change.AllowedIPs)
        {
            foreach (var other in _peers.Values)
            {
                other.AllowedIPs.Remove(prefix);
            }

            entry.AllowedIPs.Add(prefix);
        }
    }

    private sealed class Entry
    {
        public byte[]? PresharedKey { get; set; }

        public IPEndPoint? Endpoint { get; set; }

        public ushort Keepalive { get; set; }

        public List<IPNetwork> AllowedIPs { get; } = [];
    }
}
