using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace NetBird.ControlPlane.Identity.Embedded.Issued;

/// <summary>OpenIddict's view of the logins we keep.</summary>
internal sealed class AuthorizationStore(IIssuedRecords<IssuedAuthorization> authorizations, IIssuedRecords<IssuedToken> tokens)
    : IssuedStore<IssuedAuthorization>(authorizations), IOpenIddictAuthorizationStore<IssuedAuthorization>
{
    private readonly IIssuedRecords<IssuedAuthorization> _authorizations = authorizations;

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

    public async ValueTask<long> PruneAsync(DateTimeOffset threshold, CancellationToken cancellationToken)
    {
        var pruned = 0L;
        foreach (var authorization in await _authorizations.QueryAsync(new(CreatedBefore: threshold), cancellationToken))
        {
            var alive = authorization.Status == Statuses.Valid
                && (authorization.Type != AuthorizationTypes.AdHoc
                    || (await tokens.QueryAsync(new(Authorization: authorization.Id), cancellationToken)).Count > 0);
            if (!alive && await _authorizations.DeleteAsync(authorization.Id, cancellationToken))
            {
                pruned++;
            }
        }

        return pruned;
    }

    public ValueTask<ImmutableArray<string>> GetScopesAsync(IssuedAuthorization authorization, CancellationToken cancellationToken)
        => new([.. authorization.Scopes]);

    public ValueTask SetScopesAsync(
        IssuedAuthorization authorization, ImmutableArray<string> scopes, CancellationToken cancellationToken)
        => Set(authorization.Scopes = scopes.IsDefault ? [] : [.. scopes]);
}
