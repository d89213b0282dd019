using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;

namespace NetBird.Gateway.Inspection;

/// <summary>Reads a whole body once, up to a ceiling.</summary>
internal static class BodyReader
{
    /// <summary>Ours: room before anything came. What is promised is not there yet, and whoever promises a lot to many connections must not get room for it.</summary>
    private const int FirstRentBytes = 64 * 1024;

    /// <summary>Ours: how much more room than has come already; a long body is copied little more than once on its way.</summary>
    private const int GrowBy = 8;

    /// <summary>
    /// How much of a body that is too large is read away, so that the caller, still sending, gets to see the answer and not a reset.
    /// </summary>
    private const long MaxDrainBytes = 64 * 1024 * 1024;

    /// <returns>The body, or null when it is larger than <paramref name="maxBytes"/>.</returns>
    public static async ValueTask<RequestBody?> ReadAsync(HttpRequest request, long maxBytes, CancellationToken cancellationToken)
    {
        var declared = request.ContentLength;
        if (declared > maxBytes)
        {
            await DrainAsync(request.BodyReader, cancellationToken).ConfigureAwait(false);
            return null;
        }

        if (declared == 0)
        {
            return RequestBody.Empty;
        }

        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(declared ?? FirstRentBytes, FirstRentBytes));
        var length = 0;
        var reader = request.BodyReader;
        try
        {
            while (true)
            {
                var result = await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
                var chunk = result.Buffer;
                if (length + chunk.Length > maxBytes)
                {
                    reader.AdvanceTo(chunk.End);
                    await DrainAsync(reader, cancellationToken).ConfigureAwait(false);
                    ArrayPool<byte>.Shared.Return(buffer);
                    return null;
                }

                buffer = Grow(buffer, length, (int)chunk.Length, declared ?? maxBytes);
                chunk.CopyTo(buffer.AsSpan(length));
                length += (int)chunk.Length;
                reader.AdvanceTo(chunk.End);
                if (result.IsCompleted)
                {
                    return new RequestBody(buffer, length);
                }
            }
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(buffer);
            throw;
        }
    }

    private static byte[] Grow(byte[] buffer, int length, int more, long most)
    {
        if (buffer.Length - length >= more)
        {
            return buffer;
        }

        var larger = ArrayPool<byte>.Shared.Rent((int)Math.Max(length + more, Math.Min(most, (long)(length + more) * GrowBy)));
        buffer.AsSpan(0, length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(buffer);
        return larger;
    }

    private static async ValueTask DrainAsync(PipeReader reader, CancellationToken cancellationToken)
    {
        long drained = 0;
        while (drained < MaxDrainBytes)
        {
            var result = await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
            drained += result.Buffer.Length;
            reader.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
            {
                return;
            }
        }
    }
}
