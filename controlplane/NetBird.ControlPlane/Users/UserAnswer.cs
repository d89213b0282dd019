using NetBird.ControlPlane.Store;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Users;

/// <summary>A person or service user as REST gives it.</summary>
internal sealed record UserAnswer(
    UserId Id,
    string Email,
    string Name,
    Role Role,
    Role EffectiveRole,
    string Status,
    bool IsBlocked,
    bool IsServiceUser,
    bool IsCurrent,
    string Issued,
    string Issuer,
    string Subject,
    IEnumerable<GroupId> AutoGroups,
    IEnumerable<GroupId> Groups,
    DateTimeOffset? LastLogin,
    DateTimeOffset? LockedUntil,
    bool SecondFactor,
    DateTimeOffset CreatedAt,
    DateTimeOffset UpdatedAt)
{
    /// <summary>A password made for the person, in the answer to their creation alone.</summary>
    [System.Text.Json.Serialization.JsonIgnore(Condition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull)]
    public string? Password { get; init; }

    public static UserAnswer Of(Configuration configuration, User user, UserId? current) => new(
        user.Id,
        user.Email,
        user.Name,
        user.Role,
        configuration.RoleOf(user),
        user.Status == UserStatus.Active ? "active" : "disabled",
        user.Status != UserStatus.Active,
        user.IsServiceUser,
        user.Id == current,
        user.IsScim ? "integration" : "api",
        user.Issuer,
        user.Subject,
        user.AutoGroups,
        configuration.GroupsOf(user),
        user.LastLogin,
        user.Credential?.LockedUntil,
        user.Credential?.SealedTotpSecret is not null,
        user.CreatedAt,
        user.ModifiedAt);
}
