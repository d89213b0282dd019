using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using NetBird.Primitives;
using NetBird.WireGuard.Configuration;
using NetBird.WireGuard.Linux.Netlink;
using static NetBird.WireGuard.Linux.Kernel.WireGuardAttributes;
using static Tmds.Linux.LibC;

namespace NetBird.WireGuard.Linux.Kernel;

/// <summary>
/// Turns a change into WG_CMD_SET_DEVICE messages. A message is sent when it is full, in the middle of a
/// peer's allowed IPs if need be: the peer then goes on in the next one, without the flags and settings that
/// must be applied once (linux/wireguard.h, comment on WG_CMD_SET_DEVICE).
/// </summary>
internal sealed class WireGuardWriter(Func<NetlinkMessage> compose, Action<NetlinkMessage> send, string name) : IDisposable
{
    /// <summary>
    /// Ours: half of what a nested attribute can hold (64 KiB, its length is 16 bits) and of no concern to the
    /// socket's send buffer (208 KiB).
    /// </summary>
    internal const int FullAt = 32 * 1024;

    private NetlinkMessage? _message;
    private int _peers;

    public void Write(InterfaceChange change)
    {
        Start();
        if (change.ReplacePeers)
        {
            _message!.Put(Device.Flags, Device.ReplacePeers);
        }

        PutPrivateKey(change);
        if (change.ListenPort is { } port)
        {
            _message!.Put(Device.ListenPort, port);
        }

        if (change.FirewallMark is { } mark)
        {
            _message!.Put(Device.FirewallMark, mark);
        }

        _peers = _message!.Begin(Device.Peers);
        foreach (var peer in change.Peers)
        {
            if (_message.Length >= FullAt)
            {
                Continue();
            }

            WritePeer(peer);
        }

        Send();
    }

    public void Dispose() => _message?.Dispose();

    private void WritePeer(PeerChange peer)
    {
        var start = BeginPeer(peer.PublicKey);
        var flags = (peer.Remove ? Peer.RemoveMe : 0)
            | (peer.ReplaceAllowedIPs ? Peer.ReplaceAllowedIPs : 0)
            | (peer.UpdateOnly ? Peer.UpdateOnly : 0);
        if (flags != 0)
        {
            _message!.Put(Peer.Flags, flags);
        }

        if (peer.Remove)
        {
            _message!.End(start);
            return;
        }

        if (peer.PresharedKey is { } preshared)
        {
            _message!.Put(Peer.PresharedKey, preshared);
        }

        if (peer.Endpoint is { } endpoint)
        {
            _message!.Put(Peer.Endpoint, SocketAddressOf(endpoint));
        }

        if (peer.PersistentKeepaliveSeconds is { } keepalive)
        {
            _message!.Put(Peer.PersistentKeepalive, keepalive);
        }

        WriteAllowedIPs(peer, start);
    }

    private void WriteAllowedIPs(PeerChange peer, int start)
    {
        var list = _message!.Begin(Peer.AllowedIPs);
        foreach (var prefix in peer.AllowedIPs)
        {
            if (_message.Length >= FullAt)
            {
                _message.End(list).End(start);
                Continue();

                // Made by the message before, unless update-only met no peer: it must not be made here then.
                start = BeginPeer(peer.PublicKey);
                _message.Put(Peer.Flags, Peer.UpdateOnly);
                list = _message.Begin(Peer.AllowedIPs);
            }

            var item = _message.Begin(0);
            var isV6 = prefix.BaseAddress.AddressFamily == AddressFamily.InterNetworkV6;
            _message
                .Put(AllowedIP.Family, (ushort)(isV6 ? AF_INET6 : AF_INET))
                .Put(AllowedIP.Address, prefix.BaseAddress.GetAddressBytes())
                .Put(AllowedIP.PrefixLength, (byte)prefix.PrefixLength)
                .End(item);
        }

        _message.End(list).End(start);
    }

    private int BeginPeer(PublicKey key)
    {
        var start = _message!.Begin(0);
        Span<byte> bytes = stackalloc byte[PublicKey.Size];
        key.CopyTo(bytes);
        _message.Put(Peer.PublicKey, bytes);
        return start;
    }

    private void PutPrivateKey(InterfaceChange change)
    {
        if (change.PrivateKey is null && !change.RemovePrivateKey)
        {
            return;
        }

        // All zero takes the key away.
        Span<byte> key = stackalloc byte[PrivateKey.Size];
        key.Clear();
        if (!change.RemovePrivateKey)
        {
            change.PrivateKey!.Export(key);
        }

        _message!.Put(Device.PrivateKey, key);
        CryptographicOperations.ZeroMemory(key);
    }

    private void Start()
    {
        _message = compose();
        _message.Put(Device.Name, name);
    }

    private void Continue()
    {
        Send();
        Start();
        _peers = _message!.Begin(Device.Peers);
    }

    private void Send()
    {
        _message!.End(_peers);
        send(_message);
        _message.Dispose();
        _message = null;
    }

    /// <summary>struct sockaddr_in or sockaddr_in6: exactly what the kernel wants of an endpoint.</summary>
    internal static byte[] SocketAddressOf(IPEndPoint endpoint)
    {
        var serialized = endpoint.Serialize();
        return serialized.Buffer.Span[..serialized.Size].ToArray();
    }
}
