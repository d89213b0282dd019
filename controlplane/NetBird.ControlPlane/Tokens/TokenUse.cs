using System.Collections.Concurrent;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tokens;

/// <summary>When each token was last used, kept in memory: a write for every call would make reading cost like changing.</summary>
internal sealed class TokenUse(TimeProvider time)
{
    private readonly ConcurrentDictionary<AccessTokenId, DateTimeOffset> _last = new();

    public void Note(AccessTokenId token) => _last[token] = time.GetUtcNow();

    /// <summary>The later of what is known here and what was stored.</summary>
    public DateTimeOffset? LastUse(AccessToken token)
        => _last.TryGetValue(token.Id, out var at) && !(token.LastUsed > at) ? at : token.LastUsed;
}
