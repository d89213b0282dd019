using System.Buffers;

namespace NetBird.Gateway.Inspection;

/// <summary>A request body as it came, in a rented buffer. The call owns it and returns it at its end.</summary>
internal readonly struct RequestBody(byte[] buffer, int length) : IDisposable
{
    public static RequestBody Empty => default;

    public int Length => length;

    public ReadOnlyMemory<byte> Bytes => buffer is null ? default : buffer.AsMemory(0, length);

    public ReadOnlySpan<byte> Span => buffer is null ? default : buffer.AsSpan(0, length);

    public void Dispose()
    {
        if (buffer is not null)
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
