using System.Collections.Frozen;
using System.IO.Compression;
using System.IO.Pipelines;

namespace NetBird.Gateway.Metering;

/// <summary>
/// Meters an answer that is compressed with deflate: a copy of the bytes is decoded beside the answer, which passes as it is. The
/// framework's decoder pulls, the answer pushes, so a pipe stands between; the meter awaits it at the end.
/// </summary>
internal sealed class DecodingMeter : UsageMeter
{
    private const int DecodeBytes = 16 * 1024;

    private readonly UsageMeter _inner;
    private readonly Pipe _pipe = new(new PipeOptions(pauseWriterThreshold: 0, useSynchronizationContext: false));
    private readonly Task _decoding;

    private DecodingMeter(UsageMeter inner, Func<Stream, Stream> decoder)
    {
        _inner = inner;
        _decoding = DecodeAsync(decoder);
    }

    /// <inheritdoc/>
    public override string? Model => _inner.Model;

    /// <inheritdoc/>
    public override bool TellsInput
    {
        get
        {
            lock (_inner)
            {
                return _inner.TellsInput;
            }
        }
    }

    /// <inheritdoc/>
    protected override bool Final => false;

    private static readonly FrozenDictionary<string, Func<UsageMeter, UsageMeter>>.AlternateLookup<ReadOnlySpan<char>> Known =
        new Dictionary<string, Func<UsageMeter, UsageMeter>>
        {
            ["identity"] = inner => inner,
            ["gzip"] = Gzip,
            ["x-gzip"] = Gzip,
            ["deflate"] = inner => new DecodingMeter(inner, stream => new ZLibStream(stream, CompressionMode.Decompress)),
            ["br"] = inner => new PushDecodingMeter(inner, new BrotliPushDecoder()),
            ["zstd"] = inner => new PushDecodingMeter(inner, new ZstdPushDecoder()),
        }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase).GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>A meter for a content coding; for one that we cannot read, a meter that knows nothing.</summary>
    public static UsageMeter For(string coding, UsageMeter inner)
    {
        var named = coding.AsSpan().Trim();
        return named.IsEmpty ? inner : Known.TryGetValue(named, out var read) ? read(inner) : new UnreadableMeter();
    }

    /// <summary>Whether a content coding is one of those that <see cref="For"/> reads.</summary>
    public static bool Reads(ReadOnlySpan<char> coding) => Known.ContainsKey(coding);

    private static DecodingMeter Gzip(UsageMeter inner) => new(inner, stream => new GZipStream(stream, CompressionMode.Decompress));

    /// <inheritdoc/>
    public override void Feed(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_pipe.Writer.GetSpan(bytes.Length));
        _pipe.Writer.Advance(bytes.Length);

        // Without a pause threshold this completes at once.
        _ = _pipe.Writer.FlushAsync(CancellationToken.None).AsTask();
    }

    /// <inheritdoc/>
    public override async ValueTask FinishAsync()
    {
        await _pipe.Writer.CompleteAsync().ConfigureAwait(false);
        await _decoding.ConfigureAwait(false);
        await _inner.FinishAsync().ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public override MeteredUsage Result(UsageEstimate estimate)
    {
        lock (_inner)
        {
            return _inner.Result(estimate);
        }
    }

    private async Task DecodeAsync(Func<Stream, Stream> decoder)
    {
        // Off the caller's path: the answer never waits for the decoder.
        await Task.Yield();
        var buffer = new byte[DecodeBytes];
        try
        {
            var source = _pipe.Reader.AsStream(leaveOpen: true);
            await using (source.ConfigureAwait(false))
            {
                var plain = decoder(source);
                await using (plain.ConfigureAwait(false))
                {
                    int read;
                    while ((read = await plain.ReadAsync(buffer, CancellationToken.None).ConfigureAwait(false)) > 0)
                    {
                        lock (_inner)
                        {
                            _inner.Feed(buffer.AsSpan(0, read));
                        }
                    }
                }
            }
        }
        catch (Exception broken) when (broken is InvalidDataException or IOException or InvalidOperationException)
        {
            // Cut in the middle, or not what it claims to be: what was read so far stands, and the result says it is incomplete.
        }
        finally
        {
            await _pipe.Reader.CompleteAsync().ConfigureAwait(false);
        }
    }
}

/// <summary>An answer in a coding that we cannot read: its usage is estimated from its size.</summary>
internal sealed class UnreadableMeter : UsageMeter
{
    private long _bytes;

    /// <inheritdoc/>
    protected override bool Final => false;

    /// <inheritdoc/>
    protected override long SpokenChars => _bytes;

    /// <inheritdoc/>
    public override void Feed(ReadOnlySpan<byte> bytes) => _bytes += bytes.Length;
}
