using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using NetBird.Gateway.Inspection;

namespace NetBird.Gateway.Tests.Inspection;

public sealed class BodyReaderTests
{
    private const long Most = 32 << 20;

    /// <summary>A thousand connections that promise the longest body and send a byte must not cost a thousand of the longest bodies.</summary>
    [Fact]
    public async Task Read_BodyThatIsPromisedAndDoesNotCome_TakesLittleRoom()
    {
        var readers = new List<(Pipe Pipe, Task Reading)>();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 50; i++)
        {
            var (request, pipe) = Request(Most);
            await pipe.Writer.WriteAsync(new byte[100]);
            readers.Add((pipe, BodyReader.ReadAsync(request, Most, default).AsTask()));
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 50 * 256 * 1024);
        foreach (var (pipe, reading) in readers)
        {
            await pipe.Writer.CompleteAsync(new IOException("gone"));
            await Assert.ThrowsAsync<IOException>(() => reading);
        }
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(65_536, true)]
    [InlineData(65_537, true)]
    [InlineData(65_537, false)]
    [InlineData(5_000_003, true)]
    [InlineData(5_000_003, false)]
    [InlineData((int)Most, true)]
    [InlineData((int)Most, false)]
    [InlineData((int)Most + 1, true)]
    [InlineData((int)Most + 1, false)]
    public async Task Read_BodyInPieces_IsWholeOrTooLarge(int length, bool declared)
    {
        var sent = new byte[length];
        new Random(length).NextBytes(sent);
        var (request, pipe) = Request(declared ? length : null);
        var reading = BodyReader.ReadAsync(request, Most, default).AsTask();
        for (int at = 0, piece = 1; at < length; at += piece, piece = Math.Min(piece * 3, 700_001))
        {
            piece = Math.Min(piece, length - at);
            await pipe.Writer.WriteAsync(sent.AsMemory(at, piece));
        }

        await pipe.Writer.CompleteAsync();
        var body = await reading;

        Assert.Equal(length <= Most, body is not null);
        if (body is { } whole)
        {
            Assert.True(whole.Span.SequenceEqual(sent));
            whole.Dispose();
        }
    }

    private static (HttpRequest Request, Pipe Pipe) Request(long? declared)
    {
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        var http = new DefaultHttpContext();
        http.Features.Set<IRequestBodyPipeFeature>(new Body(pipe.Reader));
        http.Request.ContentLength = declared;
        return (http.Request, pipe);
    }

    private sealed record Body(PipeReader Reader) : IRequestBodyPipeFeature;
}
