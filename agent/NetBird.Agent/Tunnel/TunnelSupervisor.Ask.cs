namespace NetBird.Agent.Tunnel;

/// <summary>Finds out which gateway answers: not its machine or its tunnel alone, but its program.</summary>
internal sealed partial class TunnelSupervisor
{
    /// <summary>Asks the gateway in use, and the next where it is slow to answer; whichever answers is the one in use from now on.</summary>
    /// <returns>False when none does, within <see cref="ConnectPatience"/> on a line that is not slow itself.</returns>
    public async Task<bool> ProbeAsync(CancellationToken cancellationToken)
    {
        if (_open is not { } open || Ordered(open) is not { Count: > 0 } gateways)
        {
            return false;
        }

        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var asked = new List<Question>();
        try
        {
            var answers = await FirstToAnswerAsync(open, gateways, asked, over.Token).ConfigureAwait(false);
            if (cancellationToken.IsCancellationRequested)
            {
                return false;
            }

            // A next one that was not waited for is not missed by that.
            foreach (var question in asked.Where(question => answers is null || (question != answers && question == asked[0])))
            {
                Missed(open, question.Gateway, question.IsConnected);
            }

            if (answers is null)
            {
                return false;
            }

            HealthOf(answers.Gateway.Link.Key).Answered(time.GetUtcNow());
            Activate(open, answers.Gateway.Link);
            return true;
        }
        finally
        {
            await over.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(asked.Select(question => question.Answer)).ConfigureAwait(false);
        }
    }

    private async Task<Question?> FirstToAnswerAsync(OpenTunnel open, List<GatewayReport> gateways, List<Question> asked, CancellationToken over)
    {
        var began = time.GetTimestamp();
        var first = Question.Ask(open, gateways[0], time, over);
        asked.Add(first);
        if (await first.WithinAsync(HeadStart, over).ConfigureAwait(false))
        {
            return first;
        }

        Question? next = null;
        if (gateways.Count > 1)
        {
            next = Question.Ask(open, gateways[1], time, over);
            asked.Add(next);
            await Task.WhenAny(first.Answer, next.WithinAsync(Left(), over)).ConfigureAwait(false);
            if (next.IsAnswered && !first.IsHeard)
            {
                return next;
            }
        }

        // One that is slow is not left for one that is quick: what runs through it would be cut.
        if (await first.WithinAsync(Left(), over).ConfigureAwait(false) || await first.WithinAsync(first.Grace, over).ConfigureAwait(false))
        {
            return first;
        }

        return next is not null && await next.WithinAsync(Left(), over).ConfigureAwait(false) ? next : null;

        TimeSpan Left() => time.GetElapsedTime(began) is var gone && gone < ConnectPatience ? ConnectPatience - gone : TimeSpan.Zero;
    }

    /// <param name="hangs">It took a connection, and answered nothing.</param>
    private void Missed(OpenTunnel open, GatewayReport gateway, bool hangs)
    {
        var isNews = HealthOf(gateway.Link.Key).Silent(time.GetUtcNow(), hangs);
        if (isNews && hangs)
        {
            Log.GatewayHangs(logger, gateway.Link.Overlay, gateway.Link.Host, gateway.Link.Port);
        }
        else if (isNews)
        {
            Log.GatewaySilent(logger, gateway.Link.Overlay, gateway.Link.Host, gateway.Link.Port);
        }

        if (!hangs && gateway.Peer?.LastHandshake is not null)
        {
            open.Tunnel.NetworkChanged();
        }
    }
}
