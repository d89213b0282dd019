using System.IO.Compression;

namespace FakeAnthropic;

/// <summary>Content codings; like the real API's edge, never one that the caller did not offer.</summary>
internal static class Encodings
{
    public static Stream Wrap(Call call)
    {
        var body = call.Http.Response.Body;
        var chosen = Chosen(call);
        if (chosen is not null)
        {
            call.Http.Response.Headers.ContentEncoding = chosen;
            call.Http.Response.Headers.Vary = "accept-encoding";
        }

        return Compress(chosen, body);
    }

    public static async Task<byte[]> EncodeAsync(Call call, byte[] plain)
    {
        var chosen = Chosen(call);
        if (chosen is null)
        {
            return plain;
        }

        call.Http.Response.Headers.ContentEncoding = chosen;
        call.Http.Response.Headers.Vary = "accept-encoding";
        using var packed = new MemoryStream();
        var packer = Compress(chosen, packed);
        await using (packer.ConfigureAwait(false))
        {
            await packer.WriteAsync(plain).ConfigureAwait(false);
        }

        return packed.ToArray();
    }

    private static string? Chosen(Call call)
        => (string[])["gzip", "br", "zstd", "deflate"] is var known
            && known.FirstOrDefault(call.Message!.Scenario.Has) is { } asked
            && call.Http.Request.Headers.AcceptEncoding.ToString().Contains(asked, StringComparison.OrdinalIgnoreCase)
            ? asked
            : null;

    private static Stream Compress(string? coding, Stream body) => coding switch
    {
        "gzip" => new GZipStream(body, CompressionLevel.Fastest, leaveOpen: true),
        "br" => new BrotliStream(body, CompressionLevel.Fastest, leaveOpen: true),
        "deflate" => new ZLibStream(body, CompressionLevel.Fastest, leaveOpen: true),
        "zstd" => new ZstdSharp.CompressionStream(body, level: 1, leaveOpen: true),
        _ => new Uncompressed(body),
    };

    /// <summary>Keeps the response's stream open when it is disposed.</summary>
    private sealed class Uncompressed(Stream body) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override void Flush() => body.Flush();

        public override Task FlushAsync(CancellationToken cancellationToken) => body.FlushAsync(cancellationToken);

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => body.Write(buffer, offset, count);

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
            => body.WriteAsync(buffer, cancellationToken);
    }
}
