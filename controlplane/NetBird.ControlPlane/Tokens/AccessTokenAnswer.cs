using NetBird.Primitives;

namespace NetBird.ControlPlane.Tokens;

/// <summary>A personal access token as REST gives it: everything but the secret.</summary>
internal sealed record AccessTokenAnswer(
    AccessTokenId Id,
    string Name,
    UserId UserId,
    DateTimeOffset? ExpirationDate,
    UserId? CreatedBy,
    DateTimeOffset CreatedAt,
    DateTimeOffset? LastUsed,
    bool ScimOnly)
{
    public static AccessTokenAnswer Of(AccessToken token, TokenUse use) => new(
        token.Id, token.Name, token.User, token.ExpiresAt, token.CreatedBy, token.CreatedAt, use.LastUse(token), token.ScimOnly);
}

/// <summary>The answer to the creation of a token, the only one that ever holds its secret.</summary>
internal sealed record AccessTokenCreated(string PlainToken, AccessTokenAnswer PersonalAccessToken);
