using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Text.Json;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace NetBird.ControlPlane.Identity.Embedded.Issued;

/// <summary>OpenIddict's view of the logins we keep.</summary>
internal sealed class AuthorizationStore(IIssuedRecords<IssuedAuthorization> authorizations, IIssuedRecords<IssuedToken> tokens)
    : IOpenIddictAuthorizationStore<IssuedAuthorization>
{
    public async ValueTask<long> CountAsync(CancellationToken cancellationToken)
        => (await authorizations.QueryAsync(new(), cancellationToken)).Count;

    public async ValueTask CreateAsync(IssuedAuthorization authorization, CancellationToken cancellationToken)
    {
        authorization.Version = IssuedVersion.New();
        await authorizations.InsertAsync(authorization, cancellationToken);
    }

    public async ValueTask UpdateAsync(IssuedAuthorization authorization, CancellationToken cancellationToken)
    {
        var read = authorization.Version;
        authorization.Version = IssuedVersion.New();
        if (!await authorizations.ReplaceAsync(authorization, read, cancellationToken))
        {
            throw new OpenIddictExceptions.ConcurrencyException("The authorization was changed by another request.");
        }
    }

    public async ValueTask DeleteAsync(IssuedAuthorization authorization, CancellationToken cancellationToken)
        => await authorizations.DeleteAsync(authorization.Id, cancellationToken);

    public ValueTask<IssuedAuthorization?> FindByIdAsync(string identifier, CancellationToken cancellationToken)
        => authorizations.FindAsync(identifier, cancellationToken);

    public async IAsyncEnumerable<IssuedAuthorization> FindAsync(
        string? subject,
        string? client,
        string? status,
        string? type,
        ImmutableArray<string>? scopes,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var authorization in EachAsync(new(subject, client, status, type), cancellationToken))
        {
            if (scopes is null || scopes.Value.All(authorization.Scopes.Contains))
            {
                yield return authorization;
            }
        }
    }

    public IAsyncEnumerable<IssuedAuthorization> FindByApplicationIdAsync(string identifier, CancellationToken cancellationToken)
        => EachAsync(new(Client: identifier), cancellationToken);

    public IAsyncEnumerable<IssuedAuthorization> FindBySubjectAsync(string subject, CancellationToken cancellationToken)
        => EachAsync(new(subject), cancellationToken);

    public async IAsyncEnumerable<IssuedAuthorization> ListAsync(
        int? count, int? offset, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var authorization in (await authorizations.QueryAsync(new(), cancellationToken))
            .Skip(offset ?? 0).Take(count ?? int.MaxValue))
        {
            yield return authorization;
        }
    }

    public async ValueTask<long> PruneAsync(DateTimeOffset threshold, CancellationToken cancellationToken)
    {
        var pruned = 0L;
        foreach (var authorization in await authorizations.QueryAsync(new(CreatedBefore: threshold), cancellationToken))
        {
            var alive = authorization.Status == Statuses.Valid
                && (authorization.Type != AuthorizationTypes.AdHoc
                    || (await tokens.QueryAsync(new(Authorization: authorization.Id), cancellationToken)).Count > 0);
            if (!alive && await authorizations.DeleteAsync(authorization.Id, cancellationToken))
            {
                pruned++;
            }
        }

        return pruned;
    }

    public ValueTask<long> RevokeAsync(
        string? subject, string? client, string? status, string? type, CancellationToken cancellationToken)
        => RevokeAsync(new IssuedFilter(subject, client, status, type), cancellationToken);

    public ValueTask<long> RevokeByApplicationIdAsync(string identifier, CancellationToken cancellationToken)
        => RevokeAsync(new IssuedFilter(Client: identifier), cancellationToken);

    public ValueTask<long> RevokeBySubjectAsync(string subject, CancellationToken cancellationToken)
        => RevokeAsync(new IssuedFilter(subject), cancellationToken);

    public ValueTask<IssuedAuthorization> InstantiateAsync(CancellationToken cancellationToken) => new(new IssuedAuthorization());

    public ValueTask<string?> GetApplicationIdAsync(IssuedAuthorization authorization, CancellationToken cancellationToken)
        => new(authorization.Client);

    public ValueTask<DateTimeOffset?> GetCreationDateAsync(IssuedAuthorization authorization, CancellationToken cancellationToken)
        => new(authorization.CreatedAt);

    public ValueTask<string?> GetIdAsync(IssuedAuthorization authorization, CancellationToken cancellationToken) => new(authorization.Id);

    public ValueTask<ImmutableDictionary<string, JsonElement>> GetPropertiesAsync(
        IssuedAuthorization authorization, CancellationToken cancellationToken)
        => new(authorization.Properties.ToImmutableDictionary());

    public ValueTask<ImmutableArray<string>> GetScopesAsync(IssuedAuthorization authorization, CancellationToken cancellationToken)
        => new([.. authorization.Scopes]);

    public ValueTask<string?> GetStatusAsync(IssuedAuthorization authorization, CancellationToken cancellationToken)
        => new(authorization.Status);

    public ValueTask<string?> GetSubjectAsync(IssuedAuthorization authorization, CancellationToken cancellationToken)
        => new(authorization.Subject);

    public ValueTask<string?> GetTypeAsync(IssuedAuthorization authorization, CancellationToken cancellationToken)
        => new(authorization.Type);

    public ValueTask SetApplicationIdAsync(IssuedAuthorization authorization, string? identifier, CancellationToken cancellationToken)
        => Set(authorization.Client = identifier);

    public ValueTask SetCreationDateAsync(IssuedAuthorization authorization, DateTimeOffset? date, CancellationToken cancellationToken)
        => Set(authorization.CreatedAt = date);

    public ValueTask SetPropertiesAsync(
        IssuedAuthorization authorization, ImmutableDictionary<string, JsonElement> properties, CancellationToken cancellationToken)
        => Set(authorization.Properties = new(properties));

    public ValueTask SetScopesAsync(
        IssuedAuthorization authorization, ImmutableArray<string> scopes, CancellationToken cancellationToken)
        => Set(authorization.Scopes = scopes.IsDefault ? [] : [.. scopes]);

    public ValueTask SetStatusAsync(IssuedAuthorization authorization, string? status, CancellationToken cancellationToken)
        => Set(authorization.Status = status);

    public ValueTask SetSubjectAsync(IssuedAuthorization authorization, string? subject, CancellationToken cancellationToken)
        => Set(authorization.Subject = subject);

    public ValueTask SetTypeAsync(IssuedAuthorization authorization, string? type, CancellationToken cancellationToken)
        => Set(authorization.Type = type);

    public ValueTask<long> CountAsync<TResult>(
        Func<IQueryable<IssuedAuthorization>, IQueryable<TResult>> query, CancellationToken cancellationToken)
        => throw IssuedVersion.NoQueries();

    public ValueTask<TResult?> GetAsync<TState, TResult>(
        Func<IQueryable<IssuedAuthorization>, TState, IQueryable<TResult>> query, TState state, CancellationToken cancellationToken)
        => throw IssuedVersion.NoQueries();

    public IAsyncEnumerable<TResult> ListAsync<TState, TResult>(
        Func<IQueryable<IssuedAuthorization>, TState, IQueryable<TResult>> query, TState state, CancellationToken cancellationToken)
        => throw IssuedVersion.NoQueries();

    private static ValueTask Set<TValue>(TValue value)
    {
        _ = value;
        return default;
    }

    private async IAsyncEnumerable<IssuedAuthorization> EachAsync(
        IssuedFilter filter, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var authorization in await authorizations.QueryAsync(filter, cancellationToken))
        {
            yield return authorization;
        }
    }

    private async ValueTask<long> RevokeAsync(IssuedFilter filter, CancellationToken cancellationToken)
    {
        var revoked = 0L;
        foreach (var authorization in await authorizations.QueryAsync(filter, cancellationToken))
        {
            if (authorization.Status == Statuses.Revoked)
            {
                continue;
            }

            authorization.Status = Statuses.Revoked;
            await UpdateAsync(authorization, cancellationToken);
            revoked++;
        }

        return revoked;
    }
}
