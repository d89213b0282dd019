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
/// What the gateway decides by, brought up to date by what each change touches. The tunnel knows a peer before a snapshot
/// with it is seen, and has lost one before the snapshot without it is.
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
        Begin(store.Current);
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
                .ToImmutableDictionary(peer => peer.OverlayAddress, peer => Admit(configuration, peer)),
            PoliciesOf(configuration),
            ProvidersOf(configuration, upstreamOf));

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

    private static FrozenDictionary<ProviderId, ProviderRoute> ProvidersOf(Configuration configuration, Func<Provider, Uri> upstreamOf)
        => configuration.Providers.Values.ToFrozenDictionary(
            provider => provider.Id,
            provider => new ProviderRoute(provider.Id, provider.Kind, provider.Name, upstreamOf(provider), provider.Enabled));

    /// <summary>Whether anything that <see cref="PoliciesOf"/> reads moved.</summary>
    private static bool SamePolicies(Configuration before, Configuration now)
        => ReferenceEquals(before.Policies, now.Policies)
            && ReferenceEquals(before.Guardrails, now.Guardrails)
            && ReferenceEquals(before.BudgetRules, now.BudgetRules)
            && ReferenceEquals(before.Providers, now.Providers)
            && ReferenceEquals(before.LimitRaises, now.LimitRaises);

    private void Begin(Configuration configuration)
    {
        GatewaySnapshot snapshot;
        lock (_lock)
        {
            // A change came between; it found nothing to go on from and built all.
            if (configuration.Version < _current?.Version)
            {
                return;
            }

            snapshot = BuildLocked(configuration);
            _current = snapshot;
        }

        Changed?.Invoke(snapshot);
    }

    private void Take(ConfigurationChange change)
    {
        GatewaySnapshot snapshot;
        lock (_lock)
        {
            if (change.Now.Version <= _current?.Version)
            {
                return;
            }

            snapshot = _current is { } current && current.Version == change.Before.Version ? FollowLocked(current, change) : BuildLocked(change.Now);
            _current = snapshot;
        }

        Changed?.Invoke(snapshot);
    }

    private GatewaySnapshot BuildLocked(Configuration configuration)
    {
        var snapshot = Build(configuration, _sample.UpstreamOf);
        _tunnel.Begin(configuration.Peers.Values
            .Where(peer => snapshot.Peers.ContainsKey(peer.OverlayAddress))
            .ToDictionary(
                peer => peer.PublicKey,
                peer => (peer.OverlayAddress, snapshot.Peers[peer.OverlayAddress].Standing == PeerStanding.Active)));
        return snapshot;
    }

    private GatewaySnapshot FollowLocked(GatewaySnapshot current, ConfigurationChange change)
    {
        var (before, now) = (change.Before, change.Now);
        return current with
        {
            Version = now.Version,
            AccountName = now.Settings.AccountName,
            Contact = now.Settings.Contact,
            Peers = PeersLocked((ImmutableDictionary<IPAddress, AdmittedPeer>)current.Peers, change),
            Policies = SamePolicies(before, now) ? current.Policies : PoliciesOf(now),
            Providers = ReferenceEquals(before.Providers, now.Providers) ? current.Providers : ProvidersOf(now, _sample.UpstreamOf),
        };
    }

    private ImmutableDictionary<IPAddress, AdmittedPeer> PeersLocked(
        ImmutableDictionary<IPAddress, AdmittedPeer> current, ConfigurationChange change)
    {
        var (peers, now) = (current.ToBuilder(), change.Now);
        foreach (var id in change.Peers)
        {
            if (change.Before.Peers.TryGetValue(id, out var old)
                && !(now.Peers.TryGetValue(id, out var same) && same.PublicKey == old.PublicKey && same.OverlayAddress.Equals(old.OverlayAddress)))
            {
                peers.Remove(old.OverlayAddress);
                _tunnel.Remove(old.PublicKey);
            }
        }

        // Groups and people say what their machines may do.
        var concerned = change.Groups ? now.Peers.Values
            : change.Users.Count == 0 ? change.Peers.Select(id => now.Peers.GetValueOrDefault(id)).OfType<Peer>()
            : now.Peers.Values.Where(peer => change.Users.Contains(peer.User) || change.Peers.Contains(peer.Id));
        foreach (var peer in concerned)
        {
            if (now.Users.ContainsKey(peer.User))
            {
                var admitted = Admit(now, peer);
                peers[peer.OverlayAddress] = admitted;
                _tunnel.Set(peer.PublicKey, peer.OverlayAddress, admitted.Standing == PeerStanding.Active);
            }
            else
            {
                peers.Remove(peer.OverlayAddress);
                _tunnel.Remove(peer.PublicKey);
            }
        }

        return peers.ToImmutable();
    }
}
