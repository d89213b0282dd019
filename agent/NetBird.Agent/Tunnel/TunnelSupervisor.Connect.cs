using System.Net.Sockets;

namespace NetBird.Agent.Tunnel;

/// <summary>Connects through the tunnel: to the gateway in use, and beside it to the next when it takes long.</summary>
internal sealed partial class TunnelSupervisor
{
    /// <summary>
    /// Ours, for all gateways together: with the 1.5 s until a silence is looked into (TunnelSupervisor.Watch.cs) a person
    /// reads what happened after 4 s, which leaves one of the 5 s for a machine that does much else.
    /// </summary>
    private static readonly TimeSpan ConnectPatience = TimeSpan.FromSeconds(2.5);

    /// <summary>Ours: a lost first packet is sent again after 1 s.</summary>
    private static readonly TimeSpan HeadStart = TimeSpan.FromSeconds(1.2);

    /// <summary>Connects to a gateway's HTTP port inside the tunnel.</summary>
    /// <exception cref="IOException">No gateway answers.</exception>
    public async ValueTask<Stream> ConnectAsync(CancellationToken cancellationToken)
    {
        var open = _open ?? throw new IOException("The tunnel is not up.");
        using var patience = new CancellationTokenSource(ConnectPatience, time);
        using var won = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, won.Token);
        var waiting = new Queue<GatewayReport>(Ordered(open).Take(2));
        var running = new List<Task<(GatewayReport Gateway, Stream? Stream)>>();
        while (true)
        {
            if (waiting.TryDequeue(out var next))
            {
                running.Add(TryAsync(open, next, won.Token, ends.Token));
            }

            if (running.Count == 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
                throw new IOException("No gateway answers through the tunnel.");
            }

            var headStart = Task.Delay(waiting.Count == 0 ? Timeout.InfiniteTimeSpan : HeadStart, time, ends.Token);
            var first = await Task.WhenAny([.. running, headStart]).ConfigureAwait(false);
            if (first == headStart && !ends.IsCancellationRequested)
            {
                continue;
            }

            // Where time is up the tries end by themselves, each with its verdict.
            var ended = await Task.WhenAny(running).ConfigureAwait(false);
            running.Remove(ended);
            var (gateway, stream) = await ended.ConfigureAwait(false);
            if (stream is null)
            {
                continue;
            }

            await won.CancelAsync().ConfigureAwait(false);
            foreach (var late in running)
            {
                if ((await late.ConfigureAwait(false)).Stream is { } unused)
                {
                    await unused.DisposeAsync().ConfigureAwait(false);
                }
            }

            KeepAlive(stream);
            Activate(open, gateway.Link);

            // That it took a connection is no answer yet: a kernel does that for a program that hangs.
            var health = HealthOf(gateway.Link.Key);
            return open.Track(
                stream,
                gateway.Link.Key,
                () =>
                {
                    Heard();
                    health.Answered(time.GetUtcNow());
                },
                Heard);
        }
    }

    /// <param name="won">Cancelled when nobody waits for this try any more, which says nothing of the gateway.</param>
    /// <param name="ends">Cancelled then, and when time is up.</param>
    private async Task<(GatewayReport Gateway, Stream? Stream)> TryAsync(OpenTunnel open, GatewayReport gateway, CancellationToken won, CancellationToken ends)
    {
        try
        {
            return (gateway, await open.Tunnel.Overlay.ConnectAsync(gateway.Link.Overlay, ends).ConfigureAwait(false));
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException or OperationCanceledException)
        {
            if (!won.IsCancellationRequested)
            {
                Missed(open, gateway, hangs: false);
            }

            return (gateway, null);
        }
    }

    /// <summary>
    /// Kernel sockets probe a silent gateway, so that a stream through a dead one ends within half a minute while one
    /// that merely waits for a model stays. Connections of the in-process stack have timers of their own.
    /// </summary>
    private static void KeepAlive(Stream stream)
    {
        if (stream is NetworkStream { Socket: var socket })
        {
            socket.NoDelay = true;
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 10);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 5);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 4);
        }
    }
}
