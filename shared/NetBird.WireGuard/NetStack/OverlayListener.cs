using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace NetBird.WireGuard.NetStack;

/// <summary>LISTEN: takes SYNs for one address and port, hands on what completes its handshake.</summary>
internal sealed class OverlayListener : IOverlayListener
{
    // Ours: handshakes under way and connections not yet accepted. Beyond it SYNs are dropped, and sent again.
    private const int Backlog = 1024;

    private readonly RootlessStack _stack;
    private readonly Channel<TcpEndpoint> _accepted = Channel.CreateUnbounded<TcpEndpoint>();
    private int _pending;

    public OverlayListener(RootlessStack stack, IPEndPoint local)
    {
        _stack = stack;
        LocalEndPoint = local;
    }

    /// <inheritdoc/>
    public IPEndPoint LocalEndPoint { get; }

    /// <inheritdoc/>
    public Socket? Socket => null;

    /// <summary>Room for one more handshake; the caller then makes the endpoint.</summary>
    public bool TryBegin()
    {
        if (Interlocked.Increment(ref _pending) <= Backlog)
        {
            return true;
        }

        Interlocked.Decrement(ref _pending);
        return false;
    }

    /// <summary>Takes back a <see cref="TryBegin"/> that came to nothing.</summary>
    public void GiveBack() => Interlocked.Decrement(ref _pending);

    /// <summary>Called once for every other <see cref="TryBegin"/>, under the endpoint's lock.</summary>
    public void OnHandshakeEnded(TcpEndpoint endpoint, bool isEstablished)
    {
        if (!isEstablished)
        {
            Interlocked.Decrement(ref _pending);
        }
        else if (!_accepted.Writer.TryWrite(endpoint))
        {
            // Closed meanwhile. Not from here: its lock is held and its state is being settled.
            ThreadPool.UnsafeQueueUserWorkItem(static e => e.Abort(), endpoint, preferLocal: false);
        }
    }

    /// <inheritdoc/>
    public async ValueTask<OverlayConnection?> AcceptAsync(CancellationToken cancellationToken)
    {
        while (await _accepted.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
        {
            if (_accepted.Reader.TryRead(out var endpoint))
            {
                Interlocked.Decrement(ref _pending);
                return new OverlayConnection(new TcpStream(endpoint), endpoint.Remote, endpoint.Local);
            }
        }

        return null;
    }

    /// <summary>Stops listening; connections that nobody accepted are reset.</summary>
    public ValueTask DisposeAsync()
    {
        _stack.StopListening(this);
        if (_accepted.Writer.TryComplete())
        {
            while (_accepted.Reader.TryRead(out var endpoint))
            {
                endpoint.Abort();
            }
        }

        return ValueTask.CompletedTask;
    }
}
