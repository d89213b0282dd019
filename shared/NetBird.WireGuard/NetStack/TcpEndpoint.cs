using System.Net;
using System.Net.Sockets;

namespace NetBird.WireGuard.NetStack;

/// <summary>
/// A <see cref="TcpConnection"/> with what it must not have itself: a lock, a timer, and callers that wait.
/// Segments leave under the lock, in order; whoever takes them must not call back into this stack.
/// </summary>
internal sealed class TcpEndpoint
{
    private readonly Lock _gate = new();
    private readonly RootlessStack _stack;
    private readonly FlowKey _flow;
    private readonly Wakeup _readable;
    private readonly Wakeup _writable;
    private readonly Wakeup _opened;
    private readonly TcpConnection _connection;
    private OverlayListener? _listener;
    private ITimer? _timer;
    private long _armedFor = long.MaxValue;
    private bool _isQueued;
    private bool _isRemoved;
    private bool _isLetGo;

    /// <param name="stack">Owner.</param>
    /// <param name="flow">Whose segments these are.</param>
    /// <param name="listener">Gets the connection once it is established; null for one that we open.</param>
    /// <param name="syn">The SYN that the listener got.</param>
    public TcpEndpoint(RootlessStack stack, FlowKey flow, OverlayListener? listener, in TcpHeader syn)
    {
        _stack = stack;
        _flow = flow;
        _listener = listener;
        _readable = new Wakeup(_gate);
        _writable = new Wakeup(_gate);
        _opened = new Wakeup(_gate);
        var now = stack.Now;
        var (sequence, offset) = stack.Sequences.For(in flow, now);
        var settings = stack.SettingsFor(flow.Remote.IsV6);
        _connection = listener is null
            ? TcpConnection.Connect(settings, stack.Pool, Send, sequence, offset, now)
            : TcpConnection.Accept(settings, stack.Pool, Send, sequence, offset, in syn, now);
    }

    public FlowKey Flow => _flow;

    public IPEndPoint Remote => new(_flow.Remote.ToIPAddress(), _flow.RemotePort);

    public IPEndPoint Local => new(_flow.Local.ToIPAddress(), _flow.LocalPort);

    public TcpState State
    {
        get
        {
            lock (_gate)
            {
                return _connection.State;
            }
        }
    }

    /// <summary>Sends the first segment, once the stack can find this endpoint by the answer.</summary>
    public void Start()
    {
        lock (_gate)
        {
            var now = _stack.Now;
            _connection.Start(now);
            SettleLocked(now);
        }
    }

    /// <summary>Takes a segment; what it causes to be sent waits for <see cref="Flush"/>.</summary>
    /// <returns>False when the flow is in TIME-WAIT and this SYN may open it anew.</returns>
    public bool Deliver(in TcpHeader header, ReadOnlySpan<byte> payload)
    {
        lock (_gate)
        {
            if (header.Has(TcpFlags.Syn) && !header.Has(TcpFlags.Ack) && _connection.CanBeReplacedBy(in header))
            {
                _connection.Abort();
                SettleLocked(_stack.Now);
                return false;
            }

            try
            {
                _connection.OnSegment(in header, payload, _stack.Now);
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                FailLocked(e);
            }

            if (!_isQueued)
            {
                _isQueued = true;
                _stack.QueueFlush(this);
            }

            return true;
        }
    }

    /// <summary>Sends what the segments of a batch caused, and wakes callers.</summary>
    public void Flush()
    {
        lock (_gate)
        {
            _isQueued = false;
            OutputLocked();
        }
    }

    public void OnUnreachable(bool isRefusal)
    {
        lock (_gate)
        {
            _connection.OnUnreachable(isRefusal);
            OutputLocked();
        }
    }

    public void OnPacketTooBig(uint sequence, int mss)
    {
        lock (_gate)
        {
            _connection.OnPacketTooBig(sequence, mss, _stack.Now);
            OutputLocked();
        }
    }

    /// <summary>Waits until the handshake is done.</summary>
    public async ValueTask WaitUntilOpenAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            ValueTask wait;
            lock (_gate)
            {
                if (_connection.WasEstablished)
                {
                    return;
                }

                if (_connection.State == TcpState.Closed)
                {
                    throw Error("connect to");
                }

                wait = _opened.WaitLocked(cancellationToken);
            }

            await wait.ConfigureAwait(false);
        }
    }

    /// <summary>Reads what is there.</summary>
    /// <param name="destination">May be empty: then only whether a read would wait is told.</param>
    /// <param name="count">Bytes read; zero at the end.</param>
    /// <param name="wait">When false is returned: until it is worth trying again.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public bool TryRead(Span<byte> destination, out int count, out ValueTask wait, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            wait = default;
            count = 0;
            ObjectDisposedException.ThrowIf(_isLetGo, typeof(TcpStream));
            if (!_connection.CanRead)
            {
                wait = _readable.WaitLocked(cancellationToken);
                return false;
            }

            count = _connection.Read(destination, _stack.Now);
            if (count > 0)
            {
                OutputLocked();
            }
            else if (_connection.IsReadEnded && !_connection.IsReadComplete)
            {
                throw Error("read from");
            }

            return true;
        }
    }

    /// <summary>Takes bytes to send.</summary>
    /// <returns>Bytes taken; when not all, <paramref name="wait"/> ends when more may be.</returns>
    public int Write(ReadOnlySpan<byte> data, out ValueTask wait, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            wait = default;
            if (!_connection.IsWritable)
            {
                throw Error("write to");
            }

            var count = _connection.Write(data);
            OutputLocked();
            if (count < data.Length)
            {
                wait = _writable.WaitLocked(cancellationToken);
            }

            return count;
        }
    }

    public void CloseWrites()
    {
        lock (_gate)
        {
            _connection.CloseWrites();
            OutputLocked();
        }
    }

    /// <summary>The application lets go; queued bytes still leave, and calls that wait end.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _isLetGo = true;
            _connection.Close(_stack.Now);
            OutputLocked();

            // Who still reads or writes hears of it now, as on a socket: HttpClient ends a request by disposing its stream.
            _readable.SignalLocked();
            _writable.SignalLocked();
        }
    }

    /// <summary>Ends it with a reset.</summary>
    public void Abort()
    {
        lock (_gate)
        {
            _connection.Abort();
            SettleLocked(_stack.Now);
        }
    }

    private void OutputLocked()
    {
        var now = _stack.Now;
        _stack.BeginBurst();
        try
        {
            _connection.Output(now);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            FailLocked(e);
        }
        finally
        {
            _stack.EndBurst();
        }

        SettleLocked(now);
    }

    /// <summary>A mistake of ours costs this connection, not the thread that serves every peer.</summary>
    private void FailLocked(Exception e)
    {
        _stack.ReportFault(e);
        _connection.Abort();
    }

    /// <summary>After anything happened: wakes who waits, sets the timer, and leaves the stack when it is over.</summary>
    private void SettleLocked(long now)
    {
        if (_connection.CanRead)
        {
            _readable.SignalLocked();
        }

        if (_connection.CanWrite)
        {
            _writable.SignalLocked();
        }

        var isClosed = _connection.State == TcpState.Closed;
        if (isClosed || _connection.WasEstablished)
        {
            _opened.SignalLocked();
            if (_listener is { } listener)
            {
                _listener = null;
                listener.OnHandshakeEnded(this, _connection.WasEstablished);
            }
        }

        if (isClosed)
        {
            if (!_isRemoved)
            {
                _isRemoved = true;
                _timer?.Dispose();
                _stack.Remove(this);
            }

            return;
        }

        ArmLocked(now);
    }

    private void ArmLocked(long now)
    {
        // A timer that fires too soon only asks again, so it is moved when the deadline comes nearer and left
        // alone when it recedes, as it does with every ACK.
        var deadline = _connection.NextDeadline;
        if (deadline >= _armedFor)
        {
            return;
        }

        _armedFor = deadline;
        var wait = TimeSpan.FromMilliseconds(Math.Clamp((deadline - now + 999) / 1_000, 1, int.MaxValue / 2));
        if (_timer is null)
        {
            _timer = _stack.Time.CreateTimer(
                static state => ((TcpEndpoint)state!).OnTimer(), this, wait, Timeout.InfiniteTimeSpan);
        }
        else
        {
            _timer.Change(wait, Timeout.InfiniteTimeSpan);
        }
    }

    private void OnTimer()
    {
        lock (_gate)
        {
            _armedFor = long.MaxValue;
            if (_isRemoved)
            {
                return;
            }

            try
            {
                _connection.OnTimer(_stack.Now);
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                FailLocked(e);
            }

            OutputLocked();
        }
    }

    private void Send(in TcpHeader header, BlockBuffer? payload, long position, int length)
        => _stack.SendSegment(in _flow, in header, payload, position, length);

    private IOException Error(string doing)
    {
        var (code, what) = _connection.Failure switch
        {
            TcpFailure.Refused => (SocketError.ConnectionRefused, "nobody listens there"),
            TcpFailure.Reset => (SocketError.ConnectionReset, "the other side reset the connection"),
            TcpFailure.TimedOut => (SocketError.TimedOut, "the other side does not answer"),
            TcpFailure.Unreachable => (SocketError.HostUnreachable, "no route leads there"),
            _ => (SocketError.ConnectionAborted, "the connection is closed on this side"),
        };
        return new IOException($"Could not {doing} {Remote} through the tunnel: {what}.", new SocketException((int)code));
    }
}
