using NetBird.WireGuard.Configuration;

namespace NetBird.WireGuard.Uapi;

/// <summary>Writes the requests of the Configuration Protocol (wireguard.com/xplatform).</summary>
internal sealed class UapiRequest : IDisposable
{
    private readonly UapiText _text = new();

    private UapiRequest()
    {
    }

    public ReadOnlyMemory<byte> Bytes => _text.Bytes;

    /// <summary>Asks for the whole interface.</summary>
    public static UapiRequest Get()
    {
        var request = new UapiRequest();
        request._text.Append("get=1\n\n"u8);
        return request;
    }

    public static UapiRequest Set(InterfaceChange change)
    {
        var request = new UapiRequest();
        request.Write(change);
        return request;
    }

    public void Dispose() => _text.Dispose();

    private void Write(InterfaceChange change)
    {
        _text.Append("set=1\n"u8);
        if (change.RemovePrivateKey)
        {
            _text.WriteKey("private_key="u8, new byte[PrivateKey.Size]);
        }
        else if (change.PrivateKey is { } key)
        {
            _text.WriteKey("private_key="u8, key);
        }

        if (change.ListenPort is { } port)
        {
            _text.WriteNumber("listen_port="u8, port);
        }

        if (change.FirewallMark is { } mark)
        {
            _text.WriteNumber("fwmark="u8, mark);
        }

        if (change.ReplacePeers)
        {
            _text.Append("replace_peers=true\n"u8);
        }

        foreach (var peer in change.Peers)
        {
            Write(peer);
        }

        _text.Append("\n"u8);
    }

    private void Write(PeerChange peer)
    {
        _text.WriteKey("public_key="u8, peer.PublicKey.ToArray());
        if (peer.Remove)
        {
            _text.Append("remove=true\n"u8);
            return;
        }

        if (peer.UpdateOnly)
        {
            _text.Append("update_only=true\n"u8);
        }

        if (peer.PresharedKey is { } preshared)
        {
            _text.WriteKey("preshared_key="u8, preshared);
        }

        if (peer.Endpoint is { } endpoint)
        {
            _text.WriteText("endpoint="u8, endpoint.ToString());
        }

        if (peer.PersistentKeepaliveSeconds is { } seconds)
        {
            _text.WriteNumber("persistent_keepalive_interval="u8, seconds);
        }

        if (peer.ReplaceAllowedIPs)
        {
            _text.Append("replace_allowed_ips=true\n"u8);
        }

        foreach (var prefix in peer.AllowedIPs)
        {
            _text.WriteText("allowed_ip="u8, prefix.ToString());
        }
    }
}
