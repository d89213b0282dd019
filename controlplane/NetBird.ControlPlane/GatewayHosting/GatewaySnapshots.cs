using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Net;
using NetBird.ControlPlane.Peers;
using NetBird.ControlPlane.Providers;
using NetBird.ControlPlane.Raises;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Tunnels;
using NetBird.ControlPlane.Users;
using NetBird.Gateway;
using NetBird.Gateway.Admission;
using NetBird.Gateway.Providers;
using NetBird.Policy;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.ControlPlane.GatewayHosting;

/// <summary>
/// What the gateway decides by, built anew at every change. The tunnel knows a peer before a snapshot with it is seen,
/// and has lost one before the snapshot without it is.
/// </summary>
internal sealed class GatewaySnapshots : IGatewaySnapshots, IDisposable
{
    private readonly IConfigurationStore _store;
    private readonly TunnelPeers _tunnel;
    private readonly SampleProvider _sample;
    private readonly Lock _lock = new();
    private volatile GatewaySnapshot? _current;

    public GatewaySnapshots(IConfigurationStore store, TunnelPeers tunnel, SampleProvider sample)
    {
        (_store, _tunnel, _sample) = (store, tunnel, sample);
        store.Changed += Take;
        Take(store.Current);
    }

    public event Action<GatewaySnapshot>? Changed;

    public GatewaySnapshot? Current => _current;

    /// <summary>What a configuration means for the gateway.</summary>
    public static GatewaySnapshot Build(Configuration configuration, Func<Provider, Uri> upstreamOf)
        => new(
            configuration.Version,
            configuration.Settings.AccountName,
            configuration.Settings.Contact,
            configuration.Peers.Values
                .Where(peer => configuration.Users.ContainsKey(peer.User))
                .ToFrozenDictionary(peer => peer.OverlayAddress, peer => Admit(configuration, peer)),
            PoliciesOf(configuration),
            configuration.Providers.Values.ToFrozenDictionary(
                provider => provider.Id,
                provider => new ProviderRoute(provider.Id, provider.Kind, provider.Name, upstreamOf(provider), provider.Enabled)));

    public void Dispose() => _store.Changed -= Take;

    private static AdmittedPeer Admit(Configuration configuration, Peer peer)
    {
        var user = configuration.Users[peer.User];
        return new(
            new Caller(user.Id, user.DisplayName(), peer.Id, configuration.GroupsOf(peer)),
            user.Status != UserStatus.Active ? PeerStanding.UserDisabled
                : peer.Blocked || !peer.Approved ? PeerStanding.Blocked
                : PeerStanding.Active,
            peer.LoginExpiresAt);
    }

    private static PolicySnapshot PoliciesOf(Configuration configuration)
        => new(
            [.. configuration.Policies.Values.OrderBy(policy => policy.CreatedAt).ThenBy(policy => policy.Id).Select(policy => policy.ToAccessPolicy())],
            configuration.Guardrails.Values.ToImmutableDictionary(guardrail => guardrail.Id, guardrail => guardrail.ToGuardrail()),
            [.. configuration.BudgetRules.Values.OrderBy(rule => rule.CreatedAt).ThenBy(rule => rule.Id).Select(rule => rule.ToBudgetRule())],
            configuration.Providers.Values.Where(provider => provider.Enabled).ToImmutableDictionary(
                provider => provider.Id, provider => provider.ToPolicyProvider()),
            PriceTable.Default.WithOverrides(configuration.Providers.Values.SelectMany(provider => provider.PriceOverrides())),
            configuration.RaisesInPlace());

    private void Take(Configuration configuration)
    {
        GatewaySnapshot snapshot;
        lock (_lock)
        {
            // Announcements of two commits may pass each other; the older one then says nothing new.
            if (configuration.Version < _current?.Version)
            {
                return;
            }

            snapshot = Build(configuration, _sample.UpstreamOf);
            _tunnel.Apply(Wanted(configuration, snapshot));
            _current = snapshot;
        }

        Changed?.Invoke(snapshot);
    }

    private static Dictionary<PublicKey, (IPAddress Address, bool MayCall)> Wanted(
        Configuration configuration, GatewaySnapshot snapshot)
        => configuration.Peers.Values
            .Where(peer => snapshot.Peers.ContainsKey(peer.OverlayAddress))
            .ToDictionary(
                peer => peer.PublicKey,
                peer => (peer.OverlayAddress, snapshot.Peers[peer.OverlayAddress].Standing == PeerStanding.Active));
}
