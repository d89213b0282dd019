using System.Collections.Concurrent;
using System.Collections.Frozen;
using NetBird.ControlPlane.Store;
using NetBird.Gateway.Credentials;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Providers;

/// <summary>
/// Unsealed keys, in memory for as long as the configuration holds them. A key that the provider refused or limited
/// goes to the end of the queue for a while; it is still tried when no other is left, so that a passing fault of the
/// provider cannot lock everybody out.
/// </summary>
internal sealed partial class ProviderKeys : IProviderKeys, IDisposable
{
    /// <summary>How long a refused key waits at the end. Ours: long enough for a rotation by hand, and an alert stands meanwhile.</summary>
    public static readonly TimeSpan RefusedFor = TimeSpan.FromMinutes(10);

    /// <summary>How long a limited key waits. Ours: provider limits are per minute.</summary>
    public static readonly TimeSpan LimitedFor = TimeSpan.FromSeconds(30);

    private readonly IConfigurationStore _store;
    private readonly SecretSeal _seal;
    private readonly TimeProvider _time;
    private readonly ILogger<ProviderKeys> _logger;
    private readonly ConcurrentDictionary<(ProviderId Provider, string Key), KeyTrouble> _troubles = new();
    private volatile FrozenDictionary<ProviderId, ProviderKey[]> _keys = FrozenDictionary<ProviderId, ProviderKey[]>.Empty;

    public ProviderKeys(IConfigurationStore store, SecretSeal seal, TimeProvider time, ILogger<ProviderKeys> logger)
    {
        _store = store;
        _seal = seal;
        _time = time;
        _logger = logger;
        Unseal(store.Current);
        store.Changed += Take;
    }

    public ProviderKey? Current(ProviderId provider, IReadOnlyCollection<string> except)
    {
        if (!_keys.TryGetValue(provider, out var keys))
        {
            return null;
        }

        var now = _time.GetUtcNow();
        return keys.Where(key => !except.Contains(key.Id)).MinBy(key => Rank(provider, key, now));
    }

    public void ReportRefused(ProviderId provider, string keyId, int status)
    {
        var refused = status is 401 or 403;
        var now = _time.GetUtcNow();
        _troubles[(provider, keyId)] = new(status, now, now + (refused ? RefusedFor : LimitedFor));
        if (refused)
        {
            Log.KeyRefused(_logger, keyId, provider, status);
        }
        else
        {
            Log.KeyLimited(_logger, keyId, provider, status);
        }
    }

    /// <summary>What went wrong with a key lately, or null.</summary>
    public KeyTrouble? TroubleOf(ProviderId provider, string keyId)
        => _troubles.TryGetValue((provider, keyId), out var trouble) && trouble.Until > _time.GetUtcNow() ? trouble : null;

    /// <summary>The key worked: whatever was reported before is over.</summary>
    public void ReportWorking(ProviderId provider, string keyId) => _troubles.TryRemove((provider, keyId), out _);

    public void Dispose() => _store.Changed -= Take;

    // Healthy first, then limited, then refused; MinBy keeps the configured order among equals.
    private int Rank(ProviderId provider, ProviderKey key, DateTimeOffset now)
        => !_troubles.TryGetValue((provider, key.Id), out var trouble) || trouble.Until <= now ? 0
            : trouble.Status == 429 ? 1 : 2;

    private void Take(ConfigurationChange change)
    {
        if (!ReferenceEquals(change.Before.Providers, change.Now.Providers))
        {
            Unseal(change.Now);
        }
    }

    private void Unseal(Configuration configuration)
    {
        var known = _keys;
        var fresh = new Dictionary<ProviderId, ProviderKey[]>();
        foreach (var provider in configuration.Providers.Values)
        {
            fresh[provider.Id] = [.. provider.Keys.Select(key => Find(known, provider.Id, key) ?? Open(provider, key)).OfType<ProviderKey>()];
        }

        _keys = fresh.ToFrozenDictionary();
        foreach (var (provider, key) in _troubles.Keys)
        {
            if (!fresh.TryGetValue(provider, out var keys) || !Array.Exists(keys, candidate => candidate.Id == key))
            {
                _troubles.TryRemove((provider, key), out _);
            }
        }
    }

    // A key's id names one secret for ever (a replaced secret is a new id), so what is open stays open.
    private static ProviderKey? Find(FrozenDictionary<ProviderId, ProviderKey[]> known, ProviderId provider, SealedProviderKey key)
        => known.TryGetValue(provider, out var keys) ? Array.Find(keys, candidate => candidate.Id == key.Id) : null;

    private ProviderKey? Open(Provider provider, SealedProviderKey key)
    {
        if (_seal.UnsealProviderKey(key.Sealed) is { } secret)
        {
            return new(key.Id, secret);
        }

        Log.KeyNotUnsealed(_logger, key.Id, provider.Name);
        return null;
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Providers + 1, LogLevel.Error,
            "Key {Key} of provider {Provider} is refused with status {Status}; replace it")]
        public static partial void KeyRefused(ILogger logger, string key, ProviderId provider, int status);

        [LoggerMessage(EventIds.Providers + 2, LogLevel.Warning, "Key {Key} of provider {Provider} is limited with status {Status}")]
        public static partial void KeyLimited(ILogger logger, string key, ProviderId provider, int status);

        [LoggerMessage(EventIds.Providers + 3, LogLevel.Error,
            "Key {Key} of provider {Provider} cannot be unsealed: the key ring in the state directory is not the one it was sealed with")]
        public static partial void KeyNotUnsealed(ILogger logger, string key, string provider);
    }
}

/// <summary>What a provider said about a key.</summary>
/// <param name="Status">Its HTTP status.</param>
/// <param name="At">When.</param>
/// <param name="Until">Until when the key comes last.</param>
internal sealed record KeyTrouble(int Status, DateTimeOffset At, DateTimeOffset Until);
