using NetBird.ControlPlane.Audit;

namespace NetBird.ControlPlane.Store;

/// <summary>The configuration: one immutable truth in memory, changed by one writer, written before it is seen.</summary>
internal interface IConfigurationStore
{
    /// <summary>The newest version. Reading it costs nothing.</summary>
    Configuration Current { get; }

    /// <summary>
    /// Raised after <see cref="Current"/> moved on, by a commit here or by another process; one after the other, each from
    /// where the last one led to. Handlers return quickly.
    /// </summary>
    event Action<ConfigurationChange>? Changed;

    /// <summary>
    /// Runs <paramref name="change"/> against the newest version under one writer and writes what it put, with its
    /// audit entries, in one transaction; only then does <see cref="Current"/> move on. Nothing put, or abandoned:
    /// nothing is written.
    /// </summary>
    /// <param name="actor">Who does it.</param>
    /// <param name="change">Pure: reads and fills the draft. Runs again when another process committed first.</param>
    /// <param name="cancellationToken">Given up before the write only; a write that began is carried through.</param>
    /// <returns>What <paramref name="change"/> returned.</returns>
    /// <exception cref="IOException">The store could not be written; nothing changed.</exception>
    Task<T> CommitAsync<T>(Actor actor, Func<ConfigurationDraft, T> change, CancellationToken cancellationToken);
}
