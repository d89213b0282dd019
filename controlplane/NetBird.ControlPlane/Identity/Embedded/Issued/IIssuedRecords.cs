namespace NetBird.ControlPlane.Identity.Embedded.Issued;

/// <summary>Where the embedded IdP keeps what it issued: LiteDB or PostgreSQL.</summary>
internal interface IIssuedRecords<T>
    where T : IssuedRecord
{
    ValueTask InsertAsync(T record, CancellationToken cancellationToken);

    /// <summary>False when the stored version is not <paramref name="expectedVersion"/>, or the record is gone.</summary>
    ValueTask<bool> ReplaceAsync(T record, string expectedVersion, CancellationToken cancellationToken);

    ValueTask<bool> DeleteAsync(string id, CancellationToken cancellationToken);

    ValueTask<T?> FindAsync(string id, CancellationToken cancellationToken);

    /// <summary>All that match every part of the filter that is not null.</summary>
    ValueTask<IReadOnlyList<T>> QueryAsync(IssuedFilter filter, CancellationToken cancellationToken);
}

/// <summary>Which records; null parts match all. <paramref name="CreatedBefore"/> is exclusive.</summary>
internal sealed record IssuedFilter(
    string? Subject = null,
    string? Client = null,
    string? Status = null,
    string? Type = null,
    string? Authorization = null,
    string? Reference = null,
    DateTimeOffset? CreatedBefore = null);
