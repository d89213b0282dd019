using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Text.Json;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace NetBird.ControlPlane.Identity.Embedded.Issued;

/// <summary>What OpenIddict asks of logins and of tokens alike: to keep them, to find them, to revoke them.</summary>
[SuppressMessage("Performance", "CA1822", Justification = "They are members of OpenIddict's interfaces, which the two stores name.")]
internal abstract class IssuedStore<T>(IIssuedRecords<T> records)
    where T : IssuedRecord, new()
{
    public async ValueTask<long> CountAsync(CancellationToken cancellationToken)
        => (await records.QueryAsync(new(), cancellationToken)).Count;

    public async ValueTask CreateAsync(T record, CancellationToken cancellationToken)
    {
        record.Version = IssuedVersion.New();
        await records.InsertAsync(record, cancellationToken);
    }

    public async ValueTask UpdateAsync(T record, CancellationToken cancellationToken)
    {
        var read = record.Version;
        record.Version = IssuedVersion.New();
        if (!await records.ReplaceAsync(record, read, cancellationToken))
        {
            throw new OpenIddictExceptions.ConcurrencyException("It was changed by another request.");
        }
    }

    public async ValueTask DeleteAsync(T record, CancellationToken cancellationToken)
        => await records.DeleteAsync(record.Id, cancellationToken);

    public ValueTask<T?> FindByIdAsync(string identifier, CancellationToken cancellationToken)
        => records.FindAsync(identifier, cancellationToken);

    public IAsyncEnumerable<T> FindByApplicationIdAsync(string identifier, CancellationToken cancellationToken)
        => EachAsync(new(Client: identifier), cancellationToken);

    public IAsyncEnumerable<T> FindBySubjectAsync(string subject, CancellationToken cancellationToken)
        => EachAsync(new(subject), cancellationToken);

    public async IAsyncEnumerable<T> ListAsync(
        int? count, int? offset, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var record in (await records.QueryAsync(new(), cancellationToken))
            .Skip(offset ?? 0).Take(count ?? int.MaxValue))
        {
            yield return record;
        }
    }

    public ValueTask<long> RevokeAsync(
        string? subject, string? client, string? status, string? type, CancellationToken cancellationToken)
        => RevokeAsync(new IssuedFilter(subject, client, status, type), cancellationToken);

    public ValueTask<long> RevokeByApplicationIdAsync(string identifier, CancellationToken cancellationToken)
        => RevokeAsync(new IssuedFilter(Client: identifier), cancellationToken);

    public ValueTask<long> RevokeBySubjectAsync(string subject, CancellationToken cancellationToken)
        => RevokeAsync(new IssuedFilter(subject), cancellationToken);

    public ValueTask<T> InstantiateAsync(CancellationToken cancellationToken) => new(new T());

    public ValueTask<string?> GetApplicationIdAsync(T record, CancellationToken cancellationToken)
        => new(record.Client);

    public ValueTask<DateTimeOffset?> GetCreationDateAsync(T record, CancellationToken cancellationToken)
        => new(record.CreatedAt);

    public ValueTask<string?> GetIdAsync(T record, CancellationToken cancellationToken) => new(record.Id);

    public ValueTask<ImmutableDictionary<string, JsonElement>> GetPropertiesAsync(
        T record, CancellationToken cancellationToken)
        => new(record.Properties.ToImmutableDictionary());

    public ValueTask<string?> GetStatusAsync(T record, CancellationToken cancellationToken)
        => new(record.Status);

    public ValueTask<string?> GetSubjectAsync(T record, CancellationToken cancellationToken)
        => new(record.Subject);

    public ValueTask<string?> GetTypeAsync(T record, CancellationToken cancellationToken)
        => new(record.Type);

    public ValueTask SetApplicationIdAsync(T record, string? identifier, CancellationToken cancellationToken)
        => Set(record.Client = identifier);

    public ValueTask SetCreationDateAsync(T record, DateTimeOffset? date, CancellationToken cancellationToken)
        => Set(record.CreatedAt = date);

    public ValueTask SetPropertiesAsync(
        T record, ImmutableDictionary<string, JsonElement> properties, CancellationToken cancellationToken)
        => Set(record.Properties = new(properties));

    public ValueTask SetStatusAsync(T record, string? status, CancellationToken cancellationToken)
        => Set(record.Status = status);

    public ValueTask SetSubjectAsync(T record, string? subject, CancellationToken cancellationToken)
        => Set(record.Subject = subject);

    public ValueTask SetTypeAsync(T record, string? type, CancellationToken cancellationToken)
        => Set(record.Type = type);

    public ValueTask<long> CountAsync<TResult>(
        Func<IQueryable<T>, IQueryable<TResult>> query, CancellationToken cancellationToken)
        => throw IssuedVersion.NoQueries();

    public ValueTask<TResult?> GetAsync<TState, TResult>(
        Func<IQueryable<T>, TState, IQueryable<TResult>> query, TState state, CancellationToken cancellationToken)
        => throw IssuedVersion.NoQueries();

    public IAsyncEnumerable<TResult> ListAsync<TState, TResult>(
        Func<IQueryable<T>, TState, IQueryable<TResult>> query, TState state, CancellationToken cancellationToken)
        => throw IssuedVersion.NoQueries();

    protected static ValueTask Set<TValue>(TValue value)
    {
        _ = value;
        return default;
    }

    protected async IAsyncEnumerable<T> EachAsync(
        IssuedFilter filter, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var record in await records.QueryAsync(filter, cancellationToken))
        {
            yield return record;
        }
    }

    protected async ValueTask<long> RevokeAsync(IssuedFilter filter, CancellationToken cancellationToken)
    {
        var revoked = 0L;
        foreach (var record in await records.QueryAsync(filter, cancellationToken))
        {
            if (record.Status == Statuses.Revoked)
            {
                continue;
            }

            record.Status = Statuses.Revoked;
            await UpdateAsync(record, cancellationToken);
            revoked++;
        }

        return revoked;
    }
}
