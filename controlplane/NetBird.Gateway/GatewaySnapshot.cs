using System.Net;
using NetBird.Gateway.Admission;
using NetBird.Gateway.Providers;
using NetBird.Policy;
using NetBird.Primitives;

namespace NetBird.Gateway;

/// <summary>All the gateway knows of the account, immutable and versioned: it holds no truth of its own.</summary>
/// <param name="Version">Grows with every change.</param>
/// <param name="AccountName">For refusals.</param>
/// <param name="Contact">Whom a refused person should ask, such as "it@acme.example"; empty when not set.</param>
/// <param name="Peers">Every enrolled peer by its overlay addresses (IPv4 not mapped into IPv6).</param>
/// <param name="Policies">What <see cref="PolicyEvaluator"/> decides by.</param>
/// <param name="Providers">Connected providers.</param>
public sealed record GatewaySnapshot(
    long Version,
    string AccountName,
    string Contact,
    IReadOnlyDictionary<IPAddress, AdmittedPeer> Peers,
    PolicySnapshot Policies,
    IReadOnlyDictionary<ProviderId, ProviderRoute> Providers);

/// <summary>Where the gateway's snapshots come from.</summary>
public interface IGatewaySnapshots
{
    /// <summary>The newest snapshot, or null before the first: then every request is refused.</summary>
    GatewaySnapshot? Current { get; }

    /// <summary>Raised after <see cref="Current"/> changed, so that streams of people who were removed are cut.</summary>
    event Action<GatewaySnapshot>? Changed;
}
