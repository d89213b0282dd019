using NetBird.ControlPlane.Store;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tokens;

/// <summary>A personal access token. The secret is shown once and kept only as its hash.</summary>
internal sealed record AccessToken : IDocument<AccessTokenId>
{
    public required AccessTokenId Id { get; init; }

    public required string Name { get; init; }

    /// <summary>Whose it is; it can do what that user's role can.</summary>
    public required UserId User { get; init; }

    /// <summary>As <see cref="SecretHash"/> wrote it.</summary>
    public required string Hash { get; init; }

    /// <summary>Null: does not expire (the token of the first start only).</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    public UserId? CreatedBy { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>Written at most once an hour.</summary>
    public DateTimeOffset? LastUsed { get; init; }

    /// <summary>May be used for <c>/scim/v2</c> and nothing else.</summary>
    public bool ScimOnly { get; init; }

    string IDocument.Label => Name;
}
