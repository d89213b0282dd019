using System.Collections.Concurrent;

namespace NetBird.ControlPlane.Identity.Web;

/// <summary>
/// Sessions at the pages that were signed out before their time: pages of theirs that are open elsewhere end, and a copy of their cookie is
/// of no use any more. In memory: another process has no open page of theirs, but for a browser whose other tabs it told itself.
/// </summary>
internal sealed class WebSessions(TimeProvider time)
{
    private readonly ConcurrentDictionary<string, DateTimeOffset> _ended = new(StringComparer.Ordinal);

    /// <summary>Told the id of a session that was signed out. Handlers return quickly.</summary>
    public event Action<string>? Ended;

    public bool HasEnded(string session) => _ended.ContainsKey(session);

    /// <param name="session">Its id.</param>
    /// <param name="until">When it would have ended by itself, and need not be remembered any more.</param>
    public void End(string session, DateTimeOffset until)
    {
        var now = time.GetUtcNow();
        foreach (var (old, end) in _ended)
        {
            if (end < now)
            {
                _ended.TryRemove(old, out _);
            }
        }

        _ended[session] = until;
        Ended?.Invoke(session);
    }
}
