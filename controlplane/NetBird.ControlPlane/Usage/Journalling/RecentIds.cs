using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage.Journalling;

/// <summary>The last ids there were, so that a record completed twice counts once.</summary>
internal sealed class RecentIds(int most)
{
    private readonly HashSet<RequestId> _ids = [];
    private readonly Queue<RequestId> _order = new();

    public bool Has(RequestId id) => _ids.Contains(id);

    /// <summary>False when it is among the last.</summary>
    public bool Add(RequestId id)
    {
        if (!_ids.Add(id))
        {
            return false;
        }

        _order.Enqueue(id);
        if (_order.Count > most)
        {
            _ids.Remove(_order.Dequeue());
        }

        return true;
    }
}
