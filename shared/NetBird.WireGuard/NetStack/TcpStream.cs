using System.Net;

namespace NetBird.WireGuard.NetStack;

/// <summary>
/// A connection of the in-process stack. One read and one write may run at the same time. Disposing it closes
/// the connection in good order: what was written still leaves, then a FIN; a reset when bytes that came were
/// never read.
/// </summary>
public sealed class TcpStream : Stream
{
    private readonly TcpEndpoint _endpoint;
    private int _isDisposed;

    internal TcpStream(TcpEndpoint endpoint) => _endpoint = endpoint;

    /// <summary>The other end, in the overlay.</summary>
    public IPEndPoint Remote => _endpoint.Remote;

    /// <summary>This end, in the overlay.</summary>
    public IPEndPoint Local => _endpoint.Local;

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    internal TcpState State => _endpoint.State;

    /// <summary>Half-close: the other side reads an end after what was written; reading goes on here.</summary>
    public void CompleteWrites() => _endpoint.CloseWrites();

    /// <summary>Ends the connection at once with a reset; what was not sent is lost.</summary>
    public void Abort() => _endpoint.Abort();

    /// <summary>Reads at least one byte, zero at the end. An empty buffer waits until there is something.</summary>
    /// <exception cref="IOException">The connection broke.</exception>
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<int>(cancellationToken);
        }

        ObjectDisposedException.ThrowIf(_isDisposed != 0, this);
        return _endpoint.TryRead(buffer.Span, out var count, out var wait, cancellationToken)
            ? ValueTask.FromResult(count)
            : ReadLaterAsync(buffer, wait, cancellationToken);
    }

    /// <summary>Returns when every byte is in the send buffer, which is bounded: a slow reader slows the writer.</summary>
    /// <exception cref="IOException">The connection broke or its sending side is closed.</exception>
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        ObjectDisposedException.ThrowIf(_isDisposed != 0, this);
        var count = _endpoint.Write(buffer.Span, out var wait, cancellationToken);
        return count == buffer.Length ? ValueTask.CompletedTask : WriteLaterAsync(buffer[count..], wait, cancellationToken);
    }

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
        => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
        => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count)
        => ReadAsync(buffer, offset, count, CancellationToken.None).GetAwaiter().GetResult();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count)
        => WriteAsync(buffer, offset, count, CancellationToken.None).GetAwaiter().GetResult();

    /// <summary>Nothing to do: what is written leaves as soon as the windows let it.</summary>
    public override void Flush()
    {
    }

    /// <inheritdoc/>
    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing && Interlocked.Exchange(ref _isDisposed, 1) == 0)
        {
            _endpoint.Close();
        }

        base.Dispose(disposing);
    }

    private async ValueTask<int> ReadLaterAsync(Memory<byte> buffer, ValueTask wait, CancellationToken cancellationToken)
    {
        int count;
        do
        {
            await wait.ConfigureAwait(false);
            ObjectDisposedException.ThrowIf(_isDisposed != 0, this);
        }
        while (!_endpoint.TryRead(buffer.Span, out count, out wait, cancellationToken));

        return count;
    }

    private async ValueTask WriteLaterAsync(
        ReadOnlyMemory<byte> buffer, ValueTask wait, CancellationToken cancellationToken)
    {
        while (true)
        {
            await wait.ConfigureAwait(false);
            var count = _endpoint.Write(buffer.Span, out wait, cancellationToken);
            if (count == buffer.Length)
            {
                return;
            }

            buffer = buffer[count..];
        }
    }
}
