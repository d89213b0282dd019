using System.Buffers;

namespace NetBird.Gateway.Metering;

/// <summary>Bytes kept until they are whole, up to a ceiling: what is longer is given up, never half-parsed.</summary>
internal struct GrowingBuffer(int maxBytes)
{
    private byte[]? _buffer;
    private int _length;

    public readonly bool IsEmpty => _length == 0 && !Overflowed;

    public bool Overflowed { get; private set; }

    public readonly ReadOnlySpan<byte> Bytes => _buffer.AsSpan(0, _length);

    public void Append(ReadOnlySpan<byte> bytes)
    {
        if (Overflowed || bytes.IsEmpty)
        {
            return;
        }

        if (_length + bytes.Length > maxBytes)
        {
            Overflowed = true;
            return;
        }

        if (_buffer is null || _buffer.Length < _length + bytes.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(512, _length + bytes.Length));
            Bytes.CopyTo(larger);
            Release();
            _buffer = larger;
        }

        bytes.CopyTo(_buffer.AsSpan(_length));
        _length += bytes.Length;
    }

    public void Clear()
    {
        _length = 0;
        Overflowed = false;
    }

    /// <summary>Gives the memory back; the content is gone.</summary>
    public void Release()
    {
        if (_buffer is { } rented)
        {
            _buffer = null;
            ArrayPool<byte>.Shared.Return(rented);
        }
    }
}
