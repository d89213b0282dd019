using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace NetBird.Agent.Listening;

/// <summary>
/// A connection that tells when it is over: its last byte has left, or it was given up. A caller who closed its half and
/// waits for the answer has not gone; Kestrel takes it for that (its own token ends with the first of both).
/// </summary>
internal sealed class CountedConnection : ConnectionContext
{
    /// <summary>Ours: how soon it is noticed that one who had closed its half has left, which nothing on the wire tells.</summary>
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(500);

    private readonly ConnectionContext _inner;
    private readonly Func<bool> _isThere;
    private readonly TimeProvider _time;
    private readonly Action _over;
    private readonly CancellationTokenSource _closed = new();
    private readonly CancellationTokenSource _ends = new();
    private readonly CancellationTokenRegistration _noticing;
    private Task _watch = Task.CompletedTask;
    private int _isOver;

    /// <param name="isThere">Whether a process holds the other end.</param>
    /// <param name="over">Called once.</param>
    public CountedConnection(ConnectionContext inner, Func<bool> isThere, TimeProvider time, Action over)
    {
        _inner = inner;
        _isThere = isThere;
        _time = time;
        _over = over;
        ConnectionClosed = _closed.Token;
        _noticing = inner.ConnectionClosed.UnsafeRegister(static connection => ((CountedConnection)connection!)._watch = ((CountedConnection)connection!).WatchAsync(), this);
    }

    public override string ConnectionId
    {
        get => _inner.ConnectionId;
        set => _inner.ConnectionId = value;
    }

    public override IFeatureCollection Features => _inner.Features;

    public override IDictionary<object, object?> Items
    {
        get => _inner.Items;
        set => _inner.Items = value;
    }

    public override IDuplexPipe Transport
    {
        get => _inner.Transport;
        set => _inner.Transport = value;
    }

    public override CancellationToken ConnectionClosed { get; set; }

    public override EndPoint? LocalEndPoint
    {
        get => _inner.LocalEndPoint;
        set => _inner.LocalEndPoint = value;
    }

    public override EndPoint? RemoteEndPoint
    {
        get => _inner.RemoteEndPoint;
        set => _inner.RemoteEndPoint = value;
    }

    public override void Abort() => _inner.Abort();

    public override void Abort(ConnectionAbortedException abortReason) => _inner.Abort(abortReason);

    public override async ValueTask DisposeAsync()
    {
        var isFirst = Interlocked.Exchange(ref _isOver, 1) == 0;
        if (isFirst)
        {
            await _ends.CancelAsync().ConfigureAwait(false);
        }

        await _inner.DisposeAsync().ConfigureAwait(false);
        await base.DisposeAsync().ConfigureAwait(false);
        if (isFirst)
        {
            await _noticing.DisposeAsync().ConfigureAwait(false);
            await _watch.ConfigureAwait(false);
            _closed.Dispose();
            _ends.Dispose();
            _over();
        }
    }

    private async Task WatchAsync()
    {
        try
        {
            while (!_ends.IsCancellationRequested && _isThere())
            {
                await Task.Delay(BetweenLooks, _time, _ends.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // It is over.
        }

        await _closed.CancelAsync().ConfigureAwait(false);
    }
}
