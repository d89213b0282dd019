using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Text.Json;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace NetBird.ControlPlane.Identity.Embedded.Issued;

/// <summary>OpenIddict's view of the tokens we keep.</summary>
internal sealed class TokenStore(
    IIssuedRecords<IssuedToken> tokens, IIssuedRecords<IssuedAuthorization> authorizations, TimeProvider time)
    : IOpenIddictTokenStore<IssuedToken>
{
    public async ValueTask<long> CountAsync(CancellationToken cancellationToken)
        => (await tokens.QueryAsync(new(), cancellationToken)).Count;

    public async ValueTask CreateAsync(IssuedToken token, CancellationToken cancellationToken)
    {
        token.Version = IssuedVersion.New();
        await tokens.InsertAsync(token, cancellationToken);
    }

    public async ValueTask UpdateAsync(IssuedToken token, CancellationToken cancellationToken)
    {
        var read = token.Version;
        token.Version = IssuedVersion.New();
        if (!await tokens.ReplaceAsync(token, read, cancellationToken))
        {
            throw new OpenIddictExceptions.ConcurrencyException("The token was changed by another request.");
        }
    }

    public async ValueTask DeleteAsync(IssuedToken token, CancellationToken cancellationToken)
        => await tokens.DeleteAsync(token.Id, cancellationToken);

    public ValueTask<IssuedToken?> FindByIdAsync(string identifier, CancellationToken cancellationToken)
        => tokens.FindAsync(identifier, cancellationToken);

    public async ValueTask<IssuedToken?> FindByReferenceIdAsync(string identifier, CancellationToken cancellationToken)
        => (await tokens.QueryAsync(new(Reference: identifier), cancellationToken)).SingleOrDefault();

    public IAsyncEnumerable<IssuedToken> FindAsync(
        string? subject, string? client, string? status, string? type, CancellationToken cancellationToken)
        => EachAsync(new(subject, client, status, type), cancellationToken);

    public IAsyncEnumerable<IssuedToken> FindByApplicationIdAsync(string identifier, CancellationToken cancellationToken)
        => EachAsync(new(Client: identifier), cancellationToken);

    public IAsyncEnumerable<IssuedToken> FindByAuthorizationIdAsync(string identifier, CancellationToken cancellationToken)
        => EachAsync(new(Authorization: identifier), cancellationToken);

    public IAsyncEnumerable<IssuedToken> FindBySubjectAsync(string subject, CancellationToken cancellationToken)
        => EachAsync(new(subject), cancellationToken);

    public async IAsyncEnumerable<IssuedToken> ListAsync(
        int? count, int? offset, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var token in (await tokens.QueryAsync(new(), cancellationToken)).Skip(offset ?? 0).Take(count ?? int.MaxValue))
        {
            yield return token;
        }
    }

    public async ValueTask<long> PruneAsync(DateTimeOffset threshold, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var pruned = 0L;
        foreach (var token in await tokens.QueryAsync(new(CreatedBefore: threshold), cancellationToken))
        {
            var alive = token.Status is Statuses.Valid or Statuses.Inactive && token.ExpiresAt > now
                && (token.Authorization is null
                    || await authorizations.FindAsync(token.Authorization, cancellationToken) is { Status: Statuses.Valid });
            if (!alive && await tokens.DeleteAsync(token.Id, cancellationToken))
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

    public ValueTask<long> RevokeByAuthorizationIdAsync(string identifier, CancellationToken cancellationToken)
        => RevokeAsync(new IssuedFilter(Authorization: identifier), cancellationToken);

    public ValueTask<long> RevokeBySubjectAsync(string subject, CancellationToken cancellationToken)
        => RevokeAsync(new IssuedFilter(subject), cancellationToken);

    public ValueTask<IssuedToken> InstantiateAsync(CancellationToken cancellationToken) => new(new IssuedToken());

    public ValueTask<string?> GetApplicationIdAsync(IssuedToken token, CancellationToken cancellationToken) => new(token.Client);

    public ValueTask<string?> GetAuthorizationIdAsync(IssuedToken token, CancellationToken cancellationToken) => new(token.Authorization);

    public ValueTask<DateTimeOffset?> GetCreationDateAsync(IssuedToken token, CancellationToken cancellationToken) => new(token.CreatedAt);

    public ValueTask<DateTimeOffset?> GetExpirationDateAsync(IssuedToken token, CancellationToken cancellationToken) => new(token.ExpiresAt);

    public ValueTask<string?> GetIdAsync(IssuedToken token, CancellationToken cancellationToken) => new(token.Id);

    public ValueTask<string?> GetPayloadAsync(IssuedToken token, CancellationToken cancellationToken) => new(token.Payload);

    public ValueTask<ImmutableDictionary<string, JsonElement>> GetPropertiesAsync(IssuedToken token, CancellationToken cancellationToken)
        => new(token.Properties.ToImmutableDictionary());

    public ValueTask<DateTimeOffset?> GetRedemptionDateAsync(IssuedToken token, CancellationToken cancellationToken) => new(token.RedeemedAt);

    public ValueTask<string?> GetReferenceIdAsync(IssuedToken token, CancellationToken cancellationToken) => new(token.Reference);

    public ValueTask<string?> GetStatusAsync(IssuedToken token, CancellationToken cancellationToken) => new(token.Status);

    public ValueTask<string?> GetSubjectAsync(IssuedToken token, CancellationToken cancellationToken) => new(token.Subject);

    public ValueTask<string?> GetTypeAsync(IssuedToken token, CancellationToken cancellationToken) => new(token.Type);

    public ValueTask SetApplicationIdAsync(IssuedToken token, string? identifier, CancellationToken cancellationToken)
        => Set(token.Client = identifier);

    public ValueTask SetAuthorizationIdAsync(IssuedToken token, string? identifier, CancellationToken cancellationToken)
        => Set(token.Authorization = identifier);

    public ValueTask SetCreationDateAsync(IssuedToken token, DateTimeOffset? date, CancellationToken cancellationToken)
        => Set(token.CreatedAt = date);

    public ValueTask SetExpirationDateAsync(IssuedToken token, DateTimeOffset? date, CancellationToken cancellationToken)
        => Set(token.ExpiresAt = date);

    public ValueTask SetPayloadAsync(IssuedToken token, string? payload, CancellationToken cancellationToken)
        => Set(token.Payload = payload);

    public ValueTask SetPropertiesAsync(
        IssuedToken token, ImmutableDictionary<string, JsonElement> properties, CancellationToken cancellationToken)
        => Set(token.Properties = new(properties));

    public ValueTask SetRedemptionDateAsync(IssuedToken token, DateTimeOffset? date, CancellationToken cancellationToken)
        => Set(token.RedeemedAt = date);

    public ValueTask SetReferenceIdAsync(IssuedToken token, string? identifier, CancellationToken cancellationToken)
        => Set(token.Reference = identifier);

    public ValueTask SetStatusAsync(IssuedToken token, string? status, CancellationToken cancellationToken)
        => Set(token.Status = status);

    public ValueTask SetSubjectAsync(IssuedToken token, string? subject, CancellationToken cancellationToken)
        => Set(token.Subject = subject);

    public ValueTask SetTypeAsync(IssuedToken token, string? type, CancellationToken cancellationToken)
        => Set(token.Type = type);

    public ValueTask<long> CountAsync<TResult>(
        Func<IQueryable<IssuedToken>, IQueryable<TResult>> query, CancellationToken cancellationToken)
        => throw IssuedVersion.NoQueries();

    public ValueTask<TResult?> GetAsync<TState, TResult>(
        Func<IQueryable<IssuedToken>, TState, IQueryable<TResult>> query, TState state, CancellationToken cancellationToken)
        => throw IssuedVersion.NoQueries();

    public IAsyncEnumerable<TResult> ListAsync<TState, TResult>(
        Func<IQueryable<IssuedToken>, TState, IQueryable<TResult>> query, TState state, CancellationToken cancellationToken)
        => throw IssuedVersion.NoQueries();

    private static ValueTask Set<TValue>(TValue value)
    {
        _ = value;
        return default;
    }

    private async IAsyncEnumerable<IssuedToken> EachAsync(
        IssuedFilter filter, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var token in await tokens.QueryAsync(filter, cancellationToken))
        {
            yield return token;
        }
    }

    private async ValueTask<long> RevokeAsync(IssuedFilter filter, CancellationToken cancellationToken)
    {
        var revoked = 0L;
        foreach (var token in await tokens.QueryAsync(filter, cancellationToken))
        {
            if (token.Status == Statuses.Revoked)
            {
                continue;
            }

            token.Status = Statuses.Revoked;
            await UpdateAsync(token, cancellationToken);
            revoked++;
        }

        return revoked;
    }
}
