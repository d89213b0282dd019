using System.Security.Cryptography;
using NetBird.WireGuard.Configuration;
using NetBird.WireGuard.Uapi;
using NetBird.WireGuard.Userspace.Sockets;

namespace NetBird.WireGuard.Userspace;

/// <summary>Reads and changes an engine by the fields of wg(8).</summary>
/// <param name="engine">Not owned.</param>
/// <param name="name">Interface name.</param>
/// <param name="openSocket">Opens the outer socket on a port; zero takes a free one.</param>
internal sealed class EngineControl(Engine engine, string name, Func<int, IUdpSocket> openSocket) : IInterfaceControl
{
    private readonly Lock _change = new();
    private bool _hasNoKey;
    private uint _mark;

    public InterfaceState Read()
    {
        lock (_change)
        {
            return new InterfaceState
            {
                Name = name,
                PrivateKey = _hasNoKey ? null : engine.Identity.CopyPrivateKey(),
                ListenPort = (ushort)engine.Socket.Port,
                FirewallMark = _mark,
                Peers = engine.GetPeerStates(),
            };
        }
    }

    public void Apply(InterfaceChange change)
    {
        lock (_change)
        {
            SetPrivateKeyLocked(change);
            SetPortLocked(change.ListenPort);
            if (change.FirewallMark is { } mark)
            {
                engine.Socket.SetMark(mark);
                _mark = mark;
            }

            if (change.ReplacePeers)
            {
                foreach (var peer in engine.GetPeers())
                {
                    engine.RemovePeer(peer.PublicKey);
                }
            }

            foreach (var peer in change.Peers)
            {
                SetPeerLocked(peer);
            }
        }
    }

    private void SetPrivateKeyLocked(InterfaceChange change)
    {
        if (change.PrivateKey is null && !change.RemovePrivateKey)
        {
            return;
        }

        if (change.PrivateKey?.PublicKey == engine.Identity.PublicKey && !_hasNoKey)
        {
            return;
        }

        // An engine always has a key. Without one of the owner's it gets one that no peer anywhere knows.
        using var nobody = change.RemovePrivateKey ? PrivateKey.Generate() : null;
        var peers = change.ReplacePeers ? [] : engine.GetPeerStates();
        engine.SetPrivateKey(nobody ?? change.PrivateKey!);
        _hasNoKey = nobody is not null;
        foreach (var (status, presharedKey) in peers)
        {
            engine.SetPeer(new PeerConfiguration
            {
                PublicKey = status.PublicKey,
                PresharedKey = presharedKey,
                Endpoint = status.Endpoint,
                AllowedIPs = status.AllowedIPs,
                PersistentKeepalive = status.PersistentKeepalive,
            });
            CryptographicOperations.ZeroMemory(presharedKey);
        }
    }

    private void SetPortLocked(ushort? port)
    {
        if (port is null || port == engine.Socket.Port)
        {
            return;
        }

        IUdpSocket socket;
        try
        {
            socket = openSocket(port.Value);
        }
        catch (Exception e) when (e is TunnelException or System.Net.Sockets.SocketException)
        {
            throw new UapiException(UapiException.AddressInUse, e.Message);
        }

        socket.SetMark(_mark);

        // Rare, and answered only once done: the caller is the thread of a control connection.
        engine.ReplaceSocketAsync(socket).GetAwaiter().GetResult();
    }

    private void SetPeerLocked(PeerChange change)
    {
        if (change.Remove)
        {
            engine.RemovePeer(change.PublicKey);
            return;
        }

        var peer = engine.GetPeer(change.PublicKey);
        if (peer is null && change.UpdateOnly)
        {
            return;
        }

        var status = peer?.GetStatus();
        var presharedKey = change.PresharedKey ?? peer?.CopyPresharedKey();
        engine.SetPeer(new PeerConfiguration
        {
            PublicKey = change.PublicKey,
            PresharedKey = presharedKey,
            Endpoint = change.Endpoint,
            AllowedIPs = change.ReplaceAllowedIPs ? change.AllowedIPs : [.. status?.AllowedIPs ?? [], .. change.AllowedIPs],
            PersistentKeepalive = change.PersistentKeepaliveSeconds is { } seconds
                ? TimeSpan.FromSeconds(seconds)
                : status?.PersistentKeepalive ?? TimeSpan.Zero,
        });
        if (change.PresharedKey is null)
        {
            CryptographicOperations.ZeroMemory(presharedKey);
        }
    }
}
