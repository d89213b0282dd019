using System.Collections.Concurrent;
using System.Collections.Immutable;
using NetBird.Policy.Limits;

namespace NetBird.ControlPlane.Usage.Warnings;

/// <summary>
/// Counters that something was charged to, or refused by, since they were last taken: settled by a request, or by its row where it could
/// not be at its end (the store was away, the node died).
/// </summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class ChargedCounters
{
    private readonly ConcurrentDictionary<CounterKey, byte> _counters = new();

    /// <summary>Raised after there is one more.</summary>
    public event Action? Charged;

    public void Note(IEnumerable<CounterKey> counters)
    {
        foreach (var counter in counters)
        {
            _counters[counter] = 0;
        }

        Charged?.Invoke();
    }

    public ImmutableArray<CounterKey> Take()
    {
        var taken = ImmutableArray.CreateBuilder<CounterKey>();
        foreach (var counter in _counters.Keys)
        {
            if (_counters.TryRemove(counter, out _))
            {
                taken.Add(counter);
            }
        }

        return taken.DrainToImmutable();
    }
}
