using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Net;
using NetBird.Gateway.Admission;
using NetBird.Gateway.Providers;
using NetBird.Policy;
using NetBird.Policy.Limits;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.Gateway.Tests;

/// <summary>One account with two people, each at a loopback address of their own; snapshots of it as tests change it.</summary>
internal sealed class TestAccount(Uri upstream) : IGatewaySnapshots
{
    public static readonly IPAddress Alice = IPAddress.Parse("127.0.0.2");
    public static readonly IPAddress Bob = IPAddress.Parse("127.0.0.3");
    public static readonly IPAddress Nobody = IPAddress.Parse("127.0.0.99");
    public static readonly GroupId Engineering = new("engineering");
    public static readonly ProviderId Anthropic = new("anthropic");
    public static readonly PolicyId Policy = new("everyone-in-engineering");

    private long _version;

    public event Action<GatewaySnapshot>? Changed;

    public GatewaySnapshot? Current { get; private set; }

    public Dictionary<IPAddress, AdmittedPeer> Peers { get; } = new()
    {
        [Alice] = Person("alice", Engineering),
        [Bob] = Person("bob", Engineering),
    };

    public List<Guardrail> Guardrails { get; } = [];

    public PolicyLimits Limits { get; set; } = new(null, null);

    public bool AllowBatches { get; set; }

    public List<BudgetRule> Rules { get; } = [];

    /// <summary>Before the one there is.</summary>
    public List<AccessPolicy> Earlier { get; } = [];

    /// <summary>As it would be for a moment, should policies and providers ever disagree.</summary>
    public bool ProviderIsOff { get; set; }

    public string Contact { get; set; } = "it@acme.example";

    public Uri Upstream { get; set; } = upstream;

    public static AdmittedPeer Person(
        string name, GroupId group, PeerStanding standing = PeerStanding.Active, DateTimeOffset? loginExpiresAt = null)
        => new(new(new(name), name + "@acme.example", new("laptop-" + name), [group]), standing, loginExpiresAt);

    /// <summary>Temporary raises of limits.</summary>
    public ImmutableArray<LimitRaise> Raises { get; set; } = [];

    /// <summary>What was changed takes effect.</summary>
    public void Publish()
    {
        var policy = new AccessPolicy(
            Policy, "Engineering", true, [Engineering], [Anthropic], [.. Guardrails.Select(g => g.Id)], Limits, AllowBatches);
        Current = new(
            ++_version,
            "ACME",
            Contact,
            Peers.ToFrozenDictionary(),
            new(
                [.. Earlier, policy],
                Guardrails.ToImmutableDictionary(g => g.Id),
                [.. Rules],
                ImmutableDictionary<ProviderId, PolicyProvider>.Empty.Add(Anthropic, new(Anthropic, "Anthropic", [])),
                PriceTable.Default) { Raises = Raises },
            FrozenDictionary.ToFrozenDictionary(
                [new ProviderRoute(Anthropic, "anthropic_api", "Anthropic", Upstream, Enabled: !ProviderIsOff)], route => route.Id));
        Changed?.Invoke(Current);
    }

    /// <summary>As if the first snapshot had not come yet.</summary>
    public void Forget() => Current = null;

    public static Cap Dollars(long usd, CapScope scope = CapScope.User, TimeSpan? window = null)
        => new(
            new("everyone-in-engineering", scope, "alice", CapUnit.NanoUsd), CapUnit.NanoUsd, usd * NanoUsd.PerUsd,
            window ?? TimeSpan.FromDays(7), Strict: false, "Engineering");
}
