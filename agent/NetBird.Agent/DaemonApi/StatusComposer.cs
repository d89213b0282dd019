using NetBird.Agent.Endpoint;
using NetBird.Agent.Endpoint.Https;
using NetBird.Agent.Enrolment;
using NetBird.Agent.Lifecycle;
using NetBird.Agent.Store;
using NetBird.Agent.Tunnel;
using NetBird.Protocol.Daemon.V1;
using NetBird.WireGuard;

namespace NetBird.Agent.DaemonApi;

/// <summary>Puts together what <c>status</c> shows.</summary>
internal sealed class StatusComposer(
    StateDirectory state, AgentStore store, PrivateKey key, AgentSupervisor supervisor, TunnelSupervisor tunnel,
    EndpointServer endpoint, EndpointHandler requests, HttpsEndpoint https, EndpointOwner owner, BudgetWatch budget)
{
    public StatusReply Compose()
    {
        var snapshot = supervisor.Snapshot;
        var facts = snapshot.Facts;
        var report = tunnel.Report();
        var enrolment = store.Enrolment;
        var reply = new StatusReply
        {
            State = snapshot.State.Name,
            Reason = Sentences(snapshot.Reason, store.Problem),
            Lack = Sentences(snapshot.Why.Lack, store.Problem),
            Remedy = snapshot.Why.Remedy,
            AgentVersion = MachineFacts.AgentVersion,
            ManagementUrl = facts.ManagementUrl ?? "",
            ManagementConnected = facts.SyncConnected,
            ControlPlaneVersion = supervisor.ControlPlane?.ControlPlaneVersion ?? "",
            UserName = facts.Map?.UserName ?? enrolment?.UserName ?? "",
            UserEmail = facts.Map?.UserEmail ?? enrolment?.UserEmail ?? "",
            AccountName = facts.Map?.AccountName ?? "",
            LoginExpiresAt = (facts.LoginExpiresAt ?? enrolment?.LoginExpiresAt)?.ToUnixTimeSeconds() ?? 0,
            PublicKey = key.PublicKey.ToString(),
            TunnelKind = report.Kind,
            TunnelReason = report.KindReason,
            TunnelInterface = report.InterfaceName,
            TunnelNamespace = report.IsOpen ? store.Settings.TunnelNamespace : "",
            EndpointUrl = endpoint.Url,
            EndpointSocket = endpoint.Url.Length == 0 || OperatingSystem.IsWindows() ? "" : state.EndpointSocket,
            EndpointRequests = requests.Requests,
            EndpointHttpsUrl = https.Url,
            EndpointHttpsProblem = https.Problem,
            EndpointHttpsAddress = https.Address,
            EndpointAuthorityFile = https.Url.Length == 0 ? "" : state.AuthorityFile,
            Owner = owner.Account.Text,
            OwnerUid = owner.Account.Uid ?? 0,
            StateDir = state.Path,
            PeerId = enrolment?.PeerId ?? "",
            ProcessId = Environment.ProcessId,
            RefreshTokenIn = enrolment switch
            {
                { TokenInKeyring: true, RefreshToken: null } => "keyring (locked)",
                { TokenInKeyring: true } => "keyring",
                { RefreshToken: not null } => "file",
                _ => "",
            },
        };
        reply.GroupNames.AddRange(facts.Map?.Groups ?? []);
        reply.OverlayAddresses.AddRange(facts.Map?.Addresses.Select(address => address.ToString()) ?? []);
        reply.Gateways.AddRange(report.Gateways.Select(Describe));
        if (budget.Last is { } figures)
        {
            reply.Budget = BudgetMapping.ToReply(figures);
        }

        return reply;
    }

    private static string Sentences(params string?[] sentences) => string.Join(' ', sentences.Where(sentence => !string.IsNullOrEmpty(sentence)));

    private static GatewayStatus Describe(GatewayReport gateway) => new()
    {
        PublicKey = gateway.Link.Key.ToString(),
        Endpoint = gateway.Peer?.Endpoint?.ToString() ?? $"{gateway.Link.Host}:{gateway.Link.Port}",
        OverlayAddress = gateway.Link.Overlay.Address.ToString(),
        LastHandshake = gateway.Peer?.LastHandshake?.ToUnixTimeSeconds() ?? 0,
        ReceivedBytes = gateway.Peer?.ReceivedBytes ?? 0,
        SentBytes = gateway.Peer?.SentBytes ?? 0,
        Active = gateway.IsActive && gateway.Answers,
        Answers = gateway.Answers,
        Hangs = gateway.Hangs,
    };
}
