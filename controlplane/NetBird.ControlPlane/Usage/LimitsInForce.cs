using NetBird.Policy;
using NetBird.Policy.Limits;

namespace NetBird.ControlPlane.Usage;

/// <summary>Notices limits that were taken off, before the first request that their counters do not see.</summary>
internal sealed class LimitsInForce(PolicySource policies)
{
    private volatile PolicySnapshot? _seen;

    /// <summary>Limits that are gone since <see cref="Followed"/> was last told; null, nearly always: none.</summary>
    public IReadOnlySet<CountedLimit>? Gone(out PolicySnapshot? current)
    {
        current = policies.Current;
        var seen = _seen;
        if (current is null || ReferenceEquals(current, seen))
        {
            return null;
        }

        if (seen is not null && CountedLimit.Gone(seen, current) is { Count: > 0 } gone)
        {
            return gone;
        }

        _seen = current;
        return null;
    }

    /// <summary>Their counters are forgotten. Done twice where two requests noticed at once, which only builds counters again.</summary>
    public void Followed(PolicySnapshot? current) => _seen = current;
}
