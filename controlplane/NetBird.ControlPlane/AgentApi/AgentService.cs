using System.Security.Cryptography;
using System.Text;
using Grpc.Core;
using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Identity;
using NetBird.ControlPlane.Identity.Tokens;
using NetBird.ControlPlane.Peers;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Tunnels;
using NetBird.Primitives;
using NetBird.Protocol.Agent.V1;
using NetBird.WireGuard;

namespace NetBird.ControlPlane.AgentApi;

/// <summary>The calls of agent.proto. Who calls is settled by <see cref="PeerAuthentication"/> before it comes here.</summary>
internal sealed class AgentService(
    IConfigurationStore store,
    LoginOffers logins,
    ControlPlaneKey key,
    Challenges challenges,
    IIdTokens tokens,
    Enrolment enrolment,
    EnrolmentGuesses guesses,
    SyncStream sync,
    BudgetAnswer budget,
    EndpointCertificateAnswer certificates) : Protocol.Agent.V1.AgentService.AgentServiceBase
{
    // Bytes; an ID token with a thousand groups is 40 KiB.
    private const int LongestSecret = 128 * 1024;

    public override async Task<GetLoginInfoReply> GetLoginInfo(GetLoginInfoRequest request, ServerCallContext context)
    {
        var login = await logins.CurrentAsync(context.CancellationToken);
        return new GetLoginInfoReply
        {
            Issuer = login.Issuer,
            ClientId = login.ClientId,
            Scope = login.Scope,
            DeviceCodeSupported = login.DeviceCodeSupported,
            ControlPlanePublicKey = key.Public.ToString(),
            ControlPlaneVersion = ProductVersion.Text,
            AccountName = store.Current.Settings.AccountName,
        };
    }

    public override Task<GetChallengeReply> GetChallenge(GetChallengeRequest request, ServerCallContext context)
        => Task.FromResult(new GetChallengeReply { Nonce = challenges.Issue() });

    public override async Task<EnrolReply> Enrol(EnrolRequest request, ServerCallContext context)
    {
        if (request.PublicKey.Length != PublicKey.Size)
        {
            throw Refusal.Malformed("public_key has 32 bytes.");
        }

        var secret = request.IdentityCase switch
        {
            EnrolRequest.IdentityOneofCase.IdToken => request.IdToken,
            EnrolRequest.IdentityOneofCase.SetupKey => request.SetupKey,
            _ => throw Refusal.Malformed("An ID token or a setup key is needed."),
        };
        if (secret.Length is 0 or > LongestSecret)
        {
            throw Refusal.Malformed("An ID token or a setup key is needed.");
        }

        var peerKey = new PublicKey(request.PublicKey.Span);
        await CheckProofAsync(peerKey, request, secret, context.CancellationToken);
        if (request.IdentityCase == EnrolRequest.IdentityOneofCase.SetupKey)
        {
            LimitGuesses(secret, AddressOf(context));
        }

        var machine = MachineOf(request.Machine);
        var outcome = request.IdentityCase == EnrolRequest.IdentityOneofCase.SetupKey
            ? await enrolment.EnrolMachineAsync(peerKey, secret, machine, AddressOf(context), context.CancellationToken)
            : await enrolment.EnrolPersonAsync(
                peerKey, await VerifyAsync(secret, context), machine, AddressOf(context), context.CancellationToken);
        var enrolled = Accepted(outcome);
        return new EnrolReply
        {
            PeerId = enrolled.Peer.Id.Value,
            UserName = enrolled.User.DisplayName(),
            LoginExpiresAt = enrolled.Peer.LoginExpiresAt?.ToUnixTimeSeconds() ?? 0,
        };
    }

    public override async Task<RenewLoginReply> RenewLogin(RenewLoginRequest request, ServerCallContext context)
    {
        var peer = PeerAuthentication.Standing(store.Current, PeerAuthentication.PeerOf(context).Id);
        if (request.IdToken.Length is 0 or > LongestSecret)
        {
            throw Refusal.Malformed("An ID token is needed.");
        }

        var identity = await VerifyAsync(request.IdToken, context);
        var enrolled = Accepted(await enrolment.RenewAsync(peer.Id, identity, AddressOf(context), context.CancellationToken));
        return new RenewLoginReply { LoginExpiresAt = enrolled.Peer.LoginExpiresAt?.ToUnixTimeSeconds() ?? 0 };
    }

    public override Task Sync(SyncRequest request, IServerStreamWriter<SyncUpdate> responseStream, ServerCallContext context)
        => sync.RunAsync(
            PeerAuthentication.PeerOf(context).Id, MachineOf(request.Machine), request.StaysWhileBlocked, responseStream, context.CancellationToken);

    public override async Task<LeaveReply> Leave(LeaveRequest request, ServerCallContext context)
    {
        await enrolment.LeaveAsync(PeerAuthentication.PeerOf(context).Id, AddressOf(context), context.CancellationToken);
        return new LeaveReply();
    }

    public override Task<GetBudgetReply> GetBudget(GetBudgetRequest request, ServerCallContext context)
        => budget.ForAsync(
            PeerAuthentication.Standing(store.Current, PeerAuthentication.PeerOf(context).Id), context.CancellationToken);

    public override Task<IssueEndpointCertificateReply> IssueEndpointCertificate(
        IssueEndpointCertificateRequest request, ServerCallContext context)
        => Task.FromResult(certificates.For(
            PeerAuthentication.Standing(store.Current, PeerAuthentication.PeerOf(context).Id), request));

    private static string AddressOf(ServerCallContext context)
        => context.GetHttpContext().Connection.RemoteIpAddress?.ToString() ?? "";

    private static MachineFacts MachineOf(Machine? machine)
        => machine is null
            ? MachineFacts.Of("", "", "", "")
            : MachineFacts.Of(machine.Hostname, machine.Os, machine.AgentVersion, machine.TunnelKind);

    private static EnrolmentOutcome.Enrolled Accepted(EnrolmentOutcome outcome) => outcome switch
    {
        EnrolmentOutcome.Enrolled enrolled => enrolled,
        EnrolmentOutcome.NotBelieved => throw Refusal.NotProved(outcome.Sentence),
        EnrolmentOutcome.Gone => throw Refusal.Gone(),
        EnrolmentOutcome.Full => throw Refusal.TryLater(outcome.Sentence),
        _ => throw Refusal.NotPermitted(outcome.Sentence),
    };

    /// <summary>Each refusal is written into the audit log, and nobody may fill it: past a pace, what would be refused is not looked at.</summary>
    private void LimitGuesses(string secret, string address)
    {
        var wait = enrolment.IsUsable(secret) ? TimeSpan.Zero : guesses.Take(address);
        if (wait > TimeSpan.Zero)
        {
            throw Refusal.TryLater($"Too many setup keys that do not work came from your address. Wait {Math.Ceiling(wait.TotalSeconds)} s.");
        }
    }

    /// <summary>The proof binds key, nonce and secret, so neither can be swapped on the way.</summary>
    private async Task CheckProofAsync(PublicKey peerKey, EnrolRequest request, string secret, CancellationToken cancellationToken)
    {
        var digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(secret)));
        if (!challenges.IsOurs(request.Nonce)
            || !KeyProof.Verify(key.Private, peerKey, Encoding.UTF8.GetBytes($"enrol|{request.Nonce}|{digest}"), request.Proof.Span)
            || !await challenges.TryUseAsync(request.Nonce, cancellationToken))
        {
            throw Refusal.NotProved("The proof of the tunnel key is wrong, too old, or was used before.");
        }
    }

    private async Task<VerifiedIdentity> VerifyAsync(string token, ServerCallContext context)
        => await tokens.VerifyAsync(token, context.CancellationToken) switch
        {
            TokenOutcome.Valid valid => valid.Identity,
            TokenOutcome.Unknown unknown => throw Refusal.TryLater(unknown.Reason),
            TokenOutcome.Invalid invalid => throw Refusal.NotProved(invalid.Reason),
            _ => throw new InvalidOperationException("An outcome is missing here."),
        };
}
