using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using NetBird.WireGuard.Configuration;

namespace NetBird.WireGuard.Uapi;

/// <summary>Writes answers of the Configuration Protocol into pinned memory that is zeroed with it.</summary>
internal sealed class UapiAnswer : IDisposable
{
    private byte[] _buffer = GC.AllocateUninitializedArray<byte>(4096, pinned: true);
    private int _length;

    public ReadOnlyMemory<byte> Bytes => _buffer.AsMemory(0, _length);

    /// <summary>The whole interface, for "get=1".</summary>
    public UapiAnswer Write(InterfaceState state)
    {
        if (state.PrivateKey is { } privateKey)
        {
            Span<byte> key = stackalloc byte[PrivateKey.Size];
            privateKey.Export(key);
            WriteKey("private_key="u8, key);
            CryptographicOperations.ZeroMemory(key);
        }

        WriteNumber("listen_port="u8, state.ListenPort);
        if (state.FirewallMark != 0)
        {
            WriteNumber("fwmark="u8, state.FirewallMark);
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
        WriteNumber("errno="u8, -errno);
        Append("\n"u8);
        return this;
    }

    public void Dispose() => CryptographicOperations.ZeroMemory(_buffer);

    private void Write(PeerState peer)
    {
        var status = peer.Status;
        WriteKey("public_key="u8, status.PublicKey.ToArray());
        if (peer.PresharedKey is { } preshared)
        {
            WriteKey("preshared_key="u8, preshared);
        }

        WriteNumber("protocol_version="u8, 1);
        if (status.Endpoint is { } endpoint)
        {
            WriteText("endpoint="u8, endpoint.ToString());
        }

        var handshake = (status.LastHandshake ?? DateTimeOffset.UnixEpoch) - DateTimeOffset.UnixEpoch;
        WriteNumber("last_handshake_time_sec="u8, handshake.Ticks / TimeSpan.TicksPerSecond);
        WriteNumber("last_handshake_time_nsec="u8, handshake.Ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick);
        WriteNumber("tx_bytes="u8, status.SentBytes);
        WriteNumber("rx_bytes="u8, status.ReceivedBytes);
        WriteNumber("persistent_keepalive_interval="u8, (long)status.PersistentKeepalive.TotalSeconds);
        foreach (var prefix in status.AllowedIPs)
        {
            WriteText("allowed_ip="u8, prefix.ToString());
        }
    }

    private void WriteKey(ReadOnlySpan<byte> name, ReadOnlySpan<byte> key)
    {
        Append(name);
        if (!Convert.TryToHexStringLower(key, Reserve(key.Length * 2), out var written))
        {
            throw new InvalidOperationException("A key did not fit the room made for it.");
        }

        _length += written;
        Append("\n"u8);
    }

    private void WriteNumber(ReadOnlySpan<byte> name, long number)
    {
        Append(name);
        _ = number.TryFormat(Reserve(20), out var written, provider: CultureInfo.InvariantCulture);
        _length += written;
        Append("\n"u8);
    }

    private void WriteText(ReadOnlySpan<byte> name, string text)
    {
        Append(name);
        _length += Encoding.ASCII.GetBytes(text, Reserve(text.Length));
        Append("\n"u8);
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Reserve(bytes.Length));
        _length += bytes.Length;
    }

    private Span<byte> Reserve(int size)
    {
        if (_length + size > _buffer.Length)
        {
            var larger = GC.AllocateUninitializedArray<byte>(Math.Max(_buffer.Length * 2, _length + size), pinned: true);
            _buffer.AsSpan(0, _length).CopyTo(larger);
            CryptographicOperations.ZeroMemory(_buffer);
            _buffer = larger;
        }

        return _buffer.AsSpan(_length, size);
    }
}
