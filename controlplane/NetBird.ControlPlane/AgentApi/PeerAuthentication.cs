using System.Text;
using Grpc.Core;
using Grpc.Core.Interceptors;
using NetBird.ControlPlane.Peers;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Tunnels;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;
using NetBird.WireGuard;

namespace NetBird.ControlPlane.AgentApi;

/// <summary>
/// Who calls: the holder of a tunnel key, proved for this method and this nonce. Every method needs it but the three
/// that agent.proto opens, so a new one is closed until somebody decides otherwise.
/// </summary>
internal sealed partial class PeerAuthentication(
    IConfigurationStore store, ControlPlaneKey key, Challenges challenges, ILogger<PeerAuthentication> logger) : Interceptor
{
    private const string PeerState = "netbird-peer";

    private static readonly string[] Open =
    [
        "/netbird.agent.v1.AgentService/GetLoginInfo",
        "/netbird.agent.v1.AgentService/GetChallenge",
        "/netbird.agent.v1.AgentService/Enrol",
    ];

    /// <summary>The authenticated caller, as it was when the call began.</summary>
    public static Peer PeerOf(ServerCallContext context)
        => context.UserState.TryGetValue(PeerState, out var peer) ? (Peer)peer : throw Refusal.NotProved("No key was proved.");

    /// <summary>The peer as it is now, if it may still be served.</summary>
    /// <exception cref="RpcException">It was removed or blocked, its person disabled.</exception>
    public static Peer Standing(Configuration configuration, PeerId id)
    {
        if (!configuration.Peers.TryGetValue(id, out var peer) || !configuration.Users.TryGetValue(peer.User, out var user))
        {
            throw Refusal.Gone();
        }

        return user.Status != UserStatus.Active ? throw Refusal.NotPermitted("Your account is disabled. Ask your administrator.")
            : peer.Blocked ? throw Refusal.NotPermitted("An administrator blocked this machine.")
            : !peer.Approved ? throw Refusal.NotPermitted("This machine waits for an administrator's approval.")
            : peer;
    }

    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            await AuthenticateAsync(context);
            return await continuation(request, context);
        }
        catch (IOException e)
        {
            Log.StoreFailed(logger, e, context.Method);
            throw Refusal.TryLater("The control plane cannot write at the moment.");
        }
    }

    public override async Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            await AuthenticateAsync(context);
        }
        catch (IOException e)
        {
            Log.StoreFailed(logger, e, context.Method);
            throw Refusal.TryLater("The control plane cannot reach its database at the moment.");
        }

        await continuation(request, responseStream, context);
    }

    private async Task AuthenticateAsync(ServerCallContext context)
    {
        if (Array.IndexOf(Open, context.Method) >= 0)
        {
            return;
        }

        var headers = context.RequestHeaders;
        var nonce = headers.GetValue("netbird-nonce") ?? "";
        if (!PublicKey.TryParse(headers.GetValue("netbird-peer-key"), out var peerKey)
            || headers.GetValueBytes("netbird-proof-bin") is not { Length: KeyProof.Size } proof)
        {
            throw Refusal.NotProved("The call carries no proof of a tunnel key.");
        }

        if (!challenges.IsOurs(nonce)
            || !KeyProof.Verify(key.Private, peerKey, Encoding.UTF8.GetBytes($"{context.Method}|{nonce}"), proof)
            || !await challenges.TryUseAsync(nonce, context.CancellationToken))
        {
            throw Refusal.NotProved("The proof of the tunnel key is wrong, too old, or was used before.");
        }

        context.UserState[PeerState] = store.Current.FindPeer(peerKey) ?? throw Refusal.Gone();
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.AgentApi + 1, LogLevel.Error, "{Method} could not be written")]
        public static partial void StoreFailed(ILogger logger, Exception e, string method);
    }
}
