using NetBird.WireGuard.Configuration;

namespace NetBird.WireGuard.Uapi;

/// <summary>Writes answers of the Configuration Protocol.</summary>
internal sealed class UapiAnswer : IDisposable
{
    private readonly UapiText _text = new();

    public ReadOnlyMemory<byte> Bytes => _text.Bytes;

    /// <summary>The whole interface, for "get=1".</summary>
    public UapiAnswer Write(InterfaceState state)
    {
        if (state.PrivateKey is { } privateKey)
        {
            _text.WriteKey("private_key="u8, privateKey);
        }

        _text.WriteNumber("listen_port="u8, state.ListenPort);
        if (state.FirewallMark != 0)
        {
            _text.WriteNumber("fwmark="u8, state.FirewallMark);
        }

        foreach (var peer in state.Peers)
        {
            Write(peer);
        }

        return this;
    }

    /// <summary>
    /// The end of an answer. Zero is done; anything else is sent negative, which is what wireguard-go sends and
    /// what lets wg(8) name the error.
    /// </summary>
    public UapiAnswer End(int errno = 0)
    {
        _text.WriteNumber("errno="u8, -errno);
        _text.Append("\n"u8);
        return this;
    }

    public void Dispose() => _text.Dispose();

    private void Write(PeerState peer)
    {
        var status = peer.Status;
        _text.WriteKey("public_key="u8, status.PublicKey.ToArray());
        if (peer.PresharedKey is { } preshared)
        {
            _text.WriteKey("preshared_key="u8, preshared);
        }

        _text.WriteNumber("protocol_version="u8, 1);
        if (status.Endpoint is { } endpoint)
        {
            _text.WriteText("endpoint="u8, endpoint.ToString());
        }

        var handshake = (status.LastHandshake ?? DateTimeOffset.UnixEpoch) - DateTimeOffset.UnixEpoch;
        _text.WriteNumber("last_handshake_time_sec="u8, handshake.Ticks / TimeSpan.TicksPerSecond);
        _text.WriteNumber("last_handshake_time_nsec="u8, handshake.Ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick);
        _text.WriteNumber("tx_bytes="u8, status.SentBytes);
        _text.WriteNumber("rx_bytes="u8, status.ReceivedBytes);
        _text.WriteNumber("persistent_keepalive_interval="u8, (long)status.PersistentKeepalive.TotalSeconds);
        foreach (var prefix in status.AllowedIPs)
        {
            _text.WriteText("allowed_ip="u8, prefix.ToString());
        }
    }
}
