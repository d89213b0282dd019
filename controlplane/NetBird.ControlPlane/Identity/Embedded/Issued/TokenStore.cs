using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace NetBird.ControlPlane.Identity.Embedded.Issued;

/// <summary>OpenIddict's view of the tokens we keep.</summary>
internal sealed class TokenStore(
    IIssuedRecords<IssuedToken> tokens, IIssuedRecords<IssuedAuthorization> authorizations, TimeProvider time)
    : IssuedStore<IssuedToken>(tokens), IOpenIddictTokenStore<IssuedToken>
{
    private readonly IIssuedRecords<IssuedToken> _tokens = tokens;

    public async ValueTask<IssuedToken?> FindByReferenceIdAsync(string identifier, CancellationToken cancellationToken)
        => (await _tokens.QueryAsync(new(Reference: identifier), cancellationToken)).SingleOrDefault();

    public IAsyncEnumerable<IssuedToken> FindAsync(
        string? subject, string? client, string? status, string? type, CancellationToken cancellationToken)
        => EachAsync(new(subject, client, status, type), cancellationToken);

    public IAsyncEnumerable<IssuedToken> FindByAuthorizationIdAsync(string identifier, CancellationToken cancellationToken)
        => EachAsync(new(Authorization: identifier), cancellationToken);

    public async ValueTask<long> PruneAsync(DateTimeOffset threshold, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var pruned = 0L;
        foreach (var token in await _tokens.QueryAsync(new(CreatedBefore: threshold), cancellationToken))
        {
            var alive = token.Status is Statuses.Valid or Statuses.Inactive && token.ExpiresAt > now
                && (token.Authorization is null
                    || await authorizations.FindAsync(token.Authorization, cancellationToken) is { Status: Statuses.Valid });
            if (!alive && await _tokens.DeleteAsync(token.Id, cancellationToken))
            {
                pruned++;
            }
        }

        return pruned;
    }

    public ValueTask<long> RevokeByAuthorizationIdAsync(string identifier, CancellationToken cancellationToken)
        => RevokeAsync(new IssuedFilter(Authorization: identifier), cancellationToken);

    public ValueTask<string?> GetAuthorizationIdAsync(IssuedToken token, CancellationToken cancellationToken) => new(token.Authorization);

    public ValueTask<DateTimeOffset?> GetExpirationDateAsync(IssuedToken token, CancellationToken cancellationToken) => new(token.ExpiresAt);

    public ValueTask<string?> GetPayloadAsync(IssuedToken token, CancellationToken cancellationToken) => new(token.Payload);

    public ValueTask<DateTimeOffset?> GetRedemptionDateAsync(IssuedToken token, CancellationToken cancellationToken) => new(token.RedeemedAt);

    public ValueTask<string?> GetReferenceIdAsync(IssuedToken token, CancellationToken cancellationToken) => new(token.Reference);

    public ValueTask SetAuthorizationIdAsync(IssuedToken token, string? identifier, CancellationToken cancellationToken)
        => Set(token.Authorization = identifier);

    public ValueTask SetExpirationDateAsync(IssuedToken token, DateTimeOffset? date, CancellationToken cancellationToken)
        => Set(token.ExpiresAt = date);

    public ValueTask SetPayloadAsync(IssuedToken token, string? payload, CancellationToken cancellationToken)
        => Set(token.Payload = payload);

    public ValueTask SetRedemptionDateAsync(IssuedToken token, DateTimeOffset? date, CancellationToken cancellationToken)
        => Set(token.RedeemedAt = date);

    public ValueTask SetReferenceIdAsync(IssuedToken token, string? identifier, CancellationToken cancellationToken)
        => Set(token.Reference = identifier);
}
