namespace NetBird.Agent.Tunnel;

/// <summary>
/// Notices a gateway that died with requests on the way. TCP alone takes most of a minute, and a model may well be
/// silent that long; so while something is on its way and nothing moves, the gateway is asked beside it whether it is there.
/// </summary>
internal sealed partial class TunnelSupervisor
{
    /// <summary>Ours: with the look every half of it and the 2.5 s of a probe a person reads what happened after 4 s at most.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(1);

    /// <summary>Ours: how often a probe fails before answers that already run are given up, some 12 s.</summary>
    private const int PatienceWithRunningAnswers = 4;

    private readonly HashSet<Exchange> _exchanges = [];
    private Task _watch = Task.CompletedTask;
    private long _heardAt;

    /// <summary>A request starts; disposed when it ended.</summary>
    public Exchange Begin()
    {
        var exchange = new Exchange(End);
        lock (_exchanges)
        {
            _exchanges.Add(exchange);
            if (_exchanges.Count == 1)
            {
                Heard();
                if (_watch.IsCompleted)
                {
                    _watch = WatchAsync();
                }
            }
        }

        return exchange;
    }

    private void Heard() => Volatile.Write(ref _heardAt, time.GetTimestamp());

    private void End(Exchange exchange)
    {
        lock (_exchanges)
        {
            _exchanges.Remove(exchange);
        }
    }

    /// <summary>Runs while requests are on their way, and ends with them.</summary>
    private async Task WatchAsync()
    {
        var failures = 0;
        while (true)
        {
            await Task.Delay(Quiet / 2, time, CancellationToken.None).ConfigureAwait(false);
            lock (_exchanges)
            {
                if (_exchanges.Count == 0)
                {
                    _watch = Task.CompletedTask;
                    return;
                }
            }

            if (time.GetElapsedTime(Volatile.Read(ref _heardAt)) < Quiet)
            {
                failures = 0;
                continue;
            }

            // Another gateway that answers takes over, and the connections to the silent one are cut by that.
            var before = _active;
            var answers = await ProbeAsync(CancellationToken.None).ConfigureAwait(false);
            if (answers && _active == before)
            {
                // A model that thinks: the next look is as far away as after any other sign of life.
                Heard();
                failures = 0;
                continue;
            }

            GiveUpUnanswered();
            if (!answers && ++failures >= PatienceWithRunningAnswers)
            {
                CutConnections();
                failures = 0;
            }
        }
    }

    private void GiveUpUnanswered()
    {
        List<Exchange> waiting;
        lock (_exchanges)
        {
            waiting = [.. _exchanges];
        }

        foreach (var exchange in waiting)
        {
            exchange.GiveUp();
        }
    }
}
