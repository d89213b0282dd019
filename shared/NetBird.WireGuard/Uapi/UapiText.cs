using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace NetBird.WireGuard.Uapi;

/// <summary>Lines of the Configuration Protocol, in pinned memory that is zeroed with it: they hold keys.</summary>
internal sealed class UapiText : IDisposable
{
    private byte[] _buffer = GC.AllocateUninitializedArray<byte>(4096, pinned: true);
    private int _length;

    public ReadOnlyMemory<byte> Bytes => _buffer.AsMemory(0, _length);

    public void Dispose() => CryptographicOperations.ZeroMemory(_buffer);

    /// <param name="name">The line up to and with its '='.</param>
    /// <param name="key">Written as hexadecimal digits.</param>
    public void WriteKey(ReadOnlySpan<byte> name, PrivateKey key)
    {
        Span<byte> raw = stackalloc byte[PrivateKey.Size];
        key.Export(raw);
        WriteKey(name, raw);
        CryptographicOperations.ZeroMemory(raw);
    }

    public void WriteKey(ReadOnlySpan<byte> name, ReadOnlySpan<byte> key)
    {
        Append(name);
        if (!Convert.TryToHexStringLower(key, Reserve(key.Length * 2), out var written))
        {
            throw new InvalidOperationException("A key did not fit the room made for it.");
        }

        _length += written;
        Append("\n"u8);
    }

    public void WriteNumber(ReadOnlySpan<byte> name, long number)
    {
        Append(name);
        _ = number.TryFormat(Reserve(20), out var written, provider: CultureInfo.InvariantCulture);
        _length += written;
        Append("\n"u8);
    }

    public void WriteText(ReadOnlySpan<byte> name, string text)
    {
        Append(name);
        _length += Encoding.ASCII.GetBytes(text, Reserve(text.Length));
        Append("\n"u8);
    }

    public void Append(ReadOnlySpan<byte> bytes)
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
