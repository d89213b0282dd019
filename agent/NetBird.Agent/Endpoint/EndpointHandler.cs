using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using NetBird.Agent.Lifecycle;
using NetBird.Agent.Tunnel;

namespace NetBird.Agent.Endpoint;

/// <summary>
/// Answers one request: forwards it when the tunnel can carry it, and speaks for itself, at once and in words, when it
/// cannot or when the caller is not the owner.
/// </summary>
internal sealed partial class EndpointHandler(
    AgentSupervisor supervisor, TunnelSupervisor tunnel, TimeProvider time, ILogger<EndpointHandler> logger)
{
    /// <summary>
    /// Ours: how long a request waits for a tunnel that is on its way. A reconnect takes less; a person hears something
    /// within 5 s.
    /// </summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(4);

    /// <summary>Ours: how long a request that was cut off waits for the reason.</summary>
    private static readonly TimeSpan ReasonFollowsWithin = TimeSpan.FromSeconds(1);

    /// <summary>Ours: the supervisor takes a moment, but for one that is asking a name server.</summary>
    private static readonly TimeSpan KnownWithin = TimeSpan.FromMilliseconds(250);

    private long _requests;

    public long Requests => Interlocked.Read(ref _requests);

    /// <param name="name">Host name that is ours beside loopback; null without one.</param>
    public async Task AnswerAsync(HttpContext context, OverlayPipe pipe, string? name)
    {
        var connection = context.Features.Get<IConnectionItemsFeature>()!.Items;
        var refusal = OwnerOnly.RefusalOf(connection)
            ?? LocalRequestGuard.Check(context.Request, name, isSocket: context.Connection.LocalIpAddress is null);
        if (refusal is not null)
        {
            await RefuseAsync(context, EndpointRefusal.Blocked(refusal)).ConfigureAwait(false);
            return;
        }

        if (RequestForm.Check(context.Request) is { } malformed)
        {
            await RefuseForGoodAsync(context, malformed).ConfigureAwait(false);
            return;
        }

        if (HttpMethods.IsHead(context.Request.Method) && context.Request.Path.Value is "/" or "/api/hello")
        {
            context.Response.StatusCode = StatusCodes.Status200OK;
            return;
        }

        Interlocked.Increment(ref _requests);
        if (await WaitForRouteAsync(context.RequestAborted).ConfigureAwait(false) is { } notNow)
        {
            supervisor.Post(new AgentEvent.Asked());
            await RefuseAsync(context, notNow).ConfigureAwait(false);
            return;
        }

        var began = time.GetTimestamp();
        var forwarded = await pipe.ForwardAsync(context).ConfigureAwait(false);
        if (forwarded == Forwarded.Malformed)
        {
            context.Response.Clear();
            await RefuseForGoodAsync(context, RequestForm.Malformed("its body is not in the form that its headers say.")).ConfigureAwait(false);
            return;
        }

        if (forwarded != Forwarded.Answered)
        {
            // Nothing was answered, so the words are ours. Whatever the forwarder prepared is taken back.
            context.Response.Clear();
            supervisor.Post(new AgentEvent.Tick());
            await KnownAsync(context.RequestAborted).ConfigureAwait(false);

            // A gateway that is silent takes longer to be found out; one that refuses at once, or a tunnel that was just closed, has a
            // reason that is on its way too.
            if (forwarded == Forwarded.CutOff || time.GetElapsedTime(began) < ReasonFollowsWithin)
            {
                await ReasonFollowsAsync(context.RequestAborted).ConfigureAwait(false);
            }

            await RefuseAsync(context, Unanswered()).ConfigureAwait(false);
        }
    }

    /// <summary>What the tunnel just found out is in the state, where the words come from; not waited for where that takes long.</summary>
    private async Task KnownAsync(CancellationToken cancellationToken)
    {
        using var moment = new CancellationTokenSource(KnownWithin, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(moment.Token, cancellationToken);
        try
        {
            await supervisor.CaughtUpAsync(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The words are about what was known before.
        }
    }

    /// <summary>Who is disabled is cut off and told why at once, on two ways; the reason may be the later by a moment.</summary>
    private async Task ReasonFollowsAsync(CancellationToken cancellationToken)
    {
        using var moment = new CancellationTokenSource(ReasonFollowsWithin, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(moment.Token, cancellationToken);
        try
        {
            while (true)
            {
                var change = supervisor.NextChangeAsync(either.Token);
                if (supervisor.Snapshot.Refusal is not null)
                {
                    return;
                }

                await change.ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // No reason came; the caller hears what is known here.
        }
    }

    /// <summary>Why a request that was forwarded got no answer.</summary>
    private EndpointRefusal Unanswered()
    {
        var snapshot = supervisor.Snapshot;
        if (snapshot.Refusal is { } refusal)
        {
            return refusal;
        }

        return tunnel.Report().AnyAnswers
            ? new EndpointRefusal(503, "api_error", "The gateway ended the connection before it answered, and one answers again now. Try again.", RetryHelps: true)
            : EndpointRefusal.Unavailable(snapshot.Facts.GatewayAnswers || snapshot.Reason.Length == 0
                ? "The gateway does not answer. The connection is being made again; try again in a moment, or run: netbird-agent doctor"
                : snapshot.Reason);
    }

    /// <summary>Null when requests may pass; while the tunnel is on its way, waits a little for it.</summary>
    private async Task<EndpointRefusal?> WaitForRouteAsync(CancellationToken cancellationToken)
    {
        var snapshot = supervisor.Snapshot;
        if (snapshot.Refusal is null || !snapshot.State.Tunnels)
        {
            return snapshot.Refusal;
        }

        using var patience = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        try
        {
            while (true)
            {
                var change = supervisor.NextChangeAsync(either.Token);
                snapshot = supervisor.Snapshot;
                if (snapshot.Refusal is null || !snapshot.State.Tunnels)
                {
                    return snapshot.Refusal;
                }

                await change.ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            return supervisor.Snapshot.Refusal;
        }
    }

    /// <summary>Where this request ends is not known, so nothing that follows it is read.</summary>
    private Task RefuseForGoodAsync(HttpContext context, EndpointRefusal refusal)
    {
        context.Response.Headers.Connection = "close";
        return RefuseAsync(context, refusal);
    }

    private async Task RefuseAsync(HttpContext context, EndpointRefusal refusal)
    {
        Log.Refused(logger, refusal.Status, refusal.Message);
        await RefusalWriter.WriteAsync(context, refusal).ConfigureAwait(false);
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Endpoint + 13, LogLevel.Information, "A request is answered {Status} by the agent itself. {Reason}")]
        public static partial void Refused(ILogger logger, int status, string reason);
    }
}
