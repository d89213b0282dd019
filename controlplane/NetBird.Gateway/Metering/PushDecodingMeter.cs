using System.Buffers;
using System.IO.Compression;

namespace NetBird.Gateway.Metering;

/// <summary>Meters a compressed answer, decoding a copy of the bytes as they pass.</summary>
internal sealed class PushDecodingMeter(UsageMeter inner, PushDecoder decoder) : UsageMeter
{
    private const int DecodeBytes = 16 * 1024;

    private GrowingBuffer _rest = new(DecodeBytes);
    private bool _ended;

    /// <inheritdoc/>
    public override string? Model => inner.Model;

    /// <inheritdoc/>
    public override bool TellsInput => inner.TellsInput;

    /// <inheritdoc/>
    protected override bool Final => false;

    /// <inheritdoc/>
    public override void Feed(ReadOnlySpan<byte> bytes)
    {
        if (_ended)
        {
            return;
        }

        var buffer = ArrayPool<byte>.Shared.Rent(DecodeBytes);
        try
        {
            if (!_rest.IsEmpty)
            {
                // A decoder may leave bytes that it cannot yet use.
                _rest.Append(bytes);
                bytes = _rest.Bytes;
            }

            int consumed, written;
            do
            {
                var status = decoder.Decode(bytes, buffer, out consumed, out written);
                inner.Feed(buffer.AsSpan(0, written));
                bytes = bytes[consumed..];
                _ended = status is OperationStatus.InvalidData or OperationStatus.Done;
            }
            while (!_ended && (consumed > 0 || written > 0));

            var rest = bytes.ToArray();
            _rest.Clear();
            _rest.Append(rest);
            _ended |= _rest.Overflowed;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <inheritdoc/>
    public override ValueTask FinishAsync()
    {
        decoder.Dispose();
        _rest.Release();
        return inner.FinishAsync();
    }

    /// <inheritdoc/>
    public override MeteredUsage Result(UsageEstimate estimate) => inner.Result(estimate);
}

/// <summary>A decoder that takes bytes as they come.</summary>
internal abstract class PushDecoder : IDisposable
{
    /// <summary>Decodes what it can; <see cref="OperationStatus.InvalidData"/> and <see cref="OperationStatus.Done"/> are the end.</summary>
    public abstract OperationStatus Decode(ReadOnlySpan<byte> source, Span<byte> destination, out int consumed, out int written);

    public abstract void Dispose();
}

/// <summary>RFC 7932.</summary>
internal sealed class BrotliPushDecoder : PushDecoder
{
    private BrotliDecoder _decoder;

    /// <inheritdoc/>
    public override OperationStatus Decode(ReadOnlySpan<byte> source, Span<byte> destination, out int consumed, out int written)
        => _decoder.Decompress(source, destination, out consumed, out written);

    /// <inheritdoc/>
    public override void Dispose() => _decoder.Dispose();
}

/// <summary>RFC 8878.</summary>
internal sealed class ZstdPushDecoder : PushDecoder
{
    private readonly ZstdSharp.Decompressor _decoder = new();

    /// <inheritdoc/>
    public override OperationStatus Decode(ReadOnlySpan<byte> source, Span<byte> destination, out int consumed, out int written)
    {
        try
        {
            // "Done" is the end of a frame; another may follow.
            var status = _decoder.UnwrapStream(source, destination, out consumed, out written);
            return status == OperationStatus.Done ? OperationStatus.NeedMoreData : status;
        }
        catch (ZstdSharp.ZstdException)
        {
            consumed = written = 0;
            return OperationStatus.InvalidData;
        }
    }

    /// <inheritdoc/>
    public override void Dispose() => _decoder.Dispose();
}
