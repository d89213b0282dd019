using NetBird.ControlPlane.Audit;

namespace NetBird.ControlPlane.Store;

/// <summary>
/// What a database has to offer to hold the configuration: documents, an append-only audit log and one version over
/// both. LiteDB (one process) and PostgreSQL (many) both do, held to it by one suite of tests.
/// </summary>
internal interface IDocumentStore : IAsyncDisposable
{
    /// <summary>Name for people and logs, without credentials.</summary>
    string Description { get; }

    /// <summary>Creates or migrates what is missing, then reads everything.</summary>
    /// <exception cref="StateVersionException">A newer version of this program wrote the store.</exception>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    Task<StoredState> OpenAsync(CancellationToken cancellationToken);

    /// <summary>Reads everything again.</summary>
    Task<StoredState> ReadAsync(CancellationToken cancellationToken);

    /// <summary>Reads what changed after a version, or everything where that is no longer known (<see cref="StoredState.Whole"/>).</summary>
    Task<StoredState> ReadSinceAsync(long version, CancellationToken cancellationToken);

    /// <summary>Writes a commit whole or not at all; when this returns true, it survives the end of the process.</summary>
    /// <returns>False when the store is not at <paramref name="expectedVersion"/>: another process was first.</returns>
    /// <exception cref="IOException">It could not be written; nothing was.</exception>
    Task<bool> TryWriteAsync(long expectedVersion, DocumentBatch batch, CancellationToken cancellationToken);

    /// <summary>Audit entries in order of their sequence, upwards or downwards from <paramref name="from"/> inclusive.</summary>
    IAsyncEnumerable<AuditEntry> ReadAuditAsync(long from, bool descending, CancellationToken cancellationToken);

    /// <summary>Completes when another process may have committed; the caller then reads again. Never with one process.</summary>
    Task WaitForOthersAsync(CancellationToken cancellationToken);
}

/// <summary>The store at one version.</summary>
/// <param name="Version">0: empty.</param>
/// <param name="Documents">All of them, or those that changed since the version that was asked for.</param>
/// <param name="AuditHead">The newest audit entry's place and hash.</param>
/// <param name="Whole">Whether <paramref name="Documents"/> are all of them.</param>
internal sealed record StoredState(long Version, IReadOnlyList<StoredDocument> Documents, AuditHead AuditHead, bool Whole = true);

/// <summary>One document at rest.</summary>
/// <param name="Json">Null: it was removed.</param>
internal readonly record struct StoredDocument(string Kind, string Id, string? Json);

/// <summary>One commit. After it the store is at version expected + 1.</summary>
internal sealed record DocumentBatch(IReadOnlyList<DocumentChange> Changes, IReadOnlyList<AuditEntry> Audit);
