using System.Net.Sockets;

namespace NetBird.Agent.Tunnel;

/// <summary>
/// Asks one gateway whether its program answers, over connections of its own: that a connection comes about says no more
/// than that a kernel is there. <c>HEAD /api/hello</c> costs the gateway nothing and is asked of no policy.
/// </summary>
internal sealed class Question
{
    /// <summary>
    /// Ours: a lost first packet of a connection is sent again after 1 s (RFC 6298 section 2.1), and a second loss would be
    /// taken for a gateway that is gone. On a line that loses one packet in ten, three tries beside each other all but never do.
    /// </summary>
    private static readonly TimeSpan BetweenTries = TimeSpan.FromMilliseconds(500);

    private const int Tries = 3;

    /// <summary>Ours: how many round trips more an answer may take than the connection took, where the line is slow.</summary>
    private const int SlowAnswer = 3;

    /// <summary>Ours: what a gateway is given that took a connection, so at least its machine is there: it may be busy. 4.7 s in all, of the 5.</summary>
    private static readonly TimeSpan Busy = TimeSpan.FromSeconds(0.7);

    /// <summary>Ours: what a line is given on which something comes in, and our connection does not come about: another's data stands before it.</summary>
    private static readonly TimeSpan CrowdedLine = TimeSpan.FromSeconds(5);

    private static readonly byte[] Hello = "HEAD /api/hello HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n"u8.ToArray();

    private readonly OpenTunnel _open;
    private readonly TimeProvider _time;
    private readonly long _receivedBefore;
    private long _connectTicks = -1;
    private volatile bool _answered;

    private Question(OpenTunnel open, GatewayReport gateway, TimeProvider time)
    {
        _open = open;
        _time = time;
        Gateway = gateway;
        _receivedBefore = gateway.Peer?.ReceivedBytes ?? 0;
        Answer = Task.FromResult(false);
    }

    public GatewayReport Gateway { get; }

    /// <summary>Becomes true with the first answer; false when none comes any more, or the question is over.</summary>
    public Task<bool> Answer { get; private set; }

    public bool IsAnswered => _answered;

    /// <summary>It took a connection.</summary>
    public bool IsConnected => Interlocked.Read(ref _connectTicks) >= 0;

    /// <summary>Anything at all came from it meanwhile.</summary>
    public bool IsHeard => IsConnected
        || _open.Tunnel.GetPeers().FirstOrDefault(peer => peer.PublicKey == Gateway.Link.Key)?.ReceivedBytes > _receivedBefore;

    /// <summary>How much longer than usual an answer may take on this line.</summary>
    public TimeSpan Grace => IsConnected ? Busy + TimeSpan.FromTicks(Interlocked.Read(ref _connectTicks) * SlowAnswer) : IsHeard ? CrowdedLine : TimeSpan.Zero;

    /// <param name="over">Ends it.</param>
    public static Question Ask(OpenTunnel open, GatewayReport gateway, TimeProvider time, CancellationToken over)
    {
        var question = new Question(open, gateway, time);
        question.Answer = question.AskAsync(over);
        return question;
    }

    /// <summary>Whether it is answered within that time.</summary>
    public async Task<bool> WithinAsync(TimeSpan patience, CancellationToken over)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(over);
        await Task.WhenAny(Answer, Task.Delay(patience, _time, enough.Token)).ConfigureAwait(false);
        await enough.CancelAsync().ConfigureAwait(false);
        return IsAnswered;
    }

    private async Task<bool> AskAsync(CancellationToken over)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(over);
        var tries = new List<Task<bool>> { TryAsync(enough.Token) };
        for (var made = 1; tries.Count > 0;)
        {
            var again = Task.Delay(made < Tries ? BetweenTries : Timeout.InfiniteTimeSpan, _time, enough.Token);
            var ended = await Task.WhenAny([.. tries, again]).ConfigureAwait(false);
            if (ended == again && !enough.IsCancellationRequested)
            {
                made++;
                tries.Add(TryAsync(enough.Token));
                continue;
            }

            var done = await Task.WhenAny(tries).ConfigureAwait(false);
            tries.Remove(done);
            if (await done.ConfigureAwait(false))
            {
                _answered = true;
                await enough.CancelAsync().ConfigureAwait(false);
                await Task.WhenAll(tries).ConfigureAwait(false);
                return true;
            }
        }

        return false;
    }

    private async Task<bool> TryAsync(CancellationToken over)
    {
        var began = _time.GetTimestamp();
        try
        {
            var connection = await _open.Tunnel.Overlay.ConnectAsync(Gateway.Link.Overlay, over).ConfigureAwait(false);
            await using (connection.ConfigureAwait(false))
            {
                Interlocked.CompareExchange(ref _connectTicks, _time.GetElapsedTime(began).Ticks, -1);
                await connection.WriteAsync(Hello, over).ConfigureAwait(false);
                var start = new byte[5];
                await connection.ReadExactlyAsync(start, over).ConfigureAwait(false);
                return start.AsSpan().SequenceEqual("HTTP/"u8);
            }
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException or OperationCanceledException)
        {
            return false;
        }
    }
}
