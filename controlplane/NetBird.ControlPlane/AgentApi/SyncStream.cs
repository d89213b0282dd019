using Grpc.Core;
using NetBird.ControlPlane.Peers;
using NetBird.ControlPlane.Store;
using NetBird.Primitives;
using NetBird.Protocol.Agent.V1;
using Peer = NetBird.ControlPlane.Peers.Peer;

namespace NetBird.ControlPlane.AgentApi;

/// <summary>
/// The stream that keeps an agent informed: the map at once and whenever it differs, a heartbeat between, and an end
/// with a reason as soon as the peer may not go on.
/// </summary>
internal sealed class SyncStream(
    IConfigurationStore store,
    ConfigurationSignal signal,
    NetworkMaps maps,
    PeerActivity activity,
    IHostApplicationLifetime lifetime,
    TimeProvider time)
{
    // agent.proto: at least every 30 s. Ours: with room for a slow moment.
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(25);

    public async Task RunAsync(
        PeerId id, MachineFacts machine, bool staysWhileBlocked, IServerStreamWriter<SyncUpdate> updates, CancellationToken cancellationToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, lifetime.ApplicationStopping);
        using var connected = activity.Connected(id);
        using var listener = signal.Listen(id);
        NetworkMap? sent = null;
        string? block = null;
        try
        {
            while (true)
            {
                var change = listener.Next;
                var configuration = store.Current;
                if (staysWhileBlocked && BlockOf(configuration, id) is { } sentence)
                {
                    if (sentence != block)
                    {
                        await updates.WriteAsync(new SyncUpdate { Blocked = new Blocked { Detail = sentence } }, ending.Token);
                    }

                    (block, sent) = (sentence, null);
                    await BeatUnlessAsync(change, Heartbeat, id, updates, ending.Token);
                    continue;
                }

                block = null;
                var peer = PeerAuthentication.Standing(configuration, id);
                if (peer.LoginExpiresAt <= time.GetUtcNow())
                {
                    throw Refusal.LoginExpired();
                }

                if (sent is null)
                {
                    await RememberAsync(peer, machine, ending.Token);
                }

                var map = maps.For(peer, configuration);
                if (sent is null || !SaysTheSame(map, sent))
                {
                    await updates.WriteAsync(new SyncUpdate { Map = map }, ending.Token);
                    sent = map;
                }

                await BeatUnlessAsync(change, WaitFor(peer), id, updates, ending.Token);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The agent went; nobody to tell.
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            throw Refusal.TryLater("The control plane is restarting.");
        }
    }

    // The version moves with every change anywhere; an agent is told what concerns it.
    private static bool SaysTheSame(NetworkMap map, NetworkMap sent)
    {
        var version = map.Version;
        map.Version = sent.Version;
        var same = map.Equals(sent);
        map.Version = version;
        return same;
    }

    private TimeSpan WaitFor(Peer peer)
    {
        var untilExpiry = peer.LoginExpiresAt - time.GetUtcNow();
        return untilExpiry < Heartbeat ? TimeSpan.FromTicks(Math.Max(untilExpiry.Value.Ticks, TimeSpan.TicksPerMillisecond)) : Heartbeat;
    }

    /// <summary>Why the peer is blocked, as a sentence; null when it is not, or is gone.</summary>
    private static string? BlockOf(Configuration configuration, PeerId id)
    {
        try
        {
            PeerAuthentication.Standing(configuration, id);
            return null;
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.PermissionDenied)
        {
            return e.Status.Detail;
        }
        catch (RpcException)
        {
            return null;
        }
    }

    /// <summary>Waits for a change, or for the time to say that we are still here.</summary>
    private async Task BeatUnlessAsync(
        Task change, TimeSpan wait, PeerId id, IServerStreamWriter<SyncUpdate> updates, CancellationToken cancellationToken)
    {
        if (!await HappensAsync(change, wait, cancellationToken))
        {
            await updates.WriteAsync(
                new SyncUpdate { Heartbeat = new Heartbeat { Time = time.GetUtcNow().ToUnixTimeMilliseconds() } }, cancellationToken);
            activity.Seen(id);
        }
    }

    /// <summary>False when the time passed first.</summary>
    private async Task<bool> HappensAsync(Task change, TimeSpan wait, CancellationToken cancellationToken)
    {
        try
        {
            await change.WaitAsync(wait, time, cancellationToken);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <summary>Takes over what the machine says of itself, where it is news.</summary>
    private async Task RememberAsync(Peer peer, MachineFacts machine, CancellationToken cancellationToken)
    {
        if (machine.ApplyTo(peer) == peer)
        {
            return;
        }

        await store.CommitAsync(
            Audit.Actor.System,
            draft =>
            {
                if (draft.Peers.Find(peer.Id) is { } now)
                {
                    draft.Peers.Put(machine.ApplyTo(now), audited: false);
                }

                return true;
            },
            cancellationToken);
    }
}
