using System.Text.Json.Serialization;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Peers;

/// <summary>A setup key as REST gives it; <paramref name="Key"/> is whole in the answer to its creation alone.</summary>
internal sealed record SetupKeyAnswer(
    SetupKeyId Id,
    string Key,
    string Name,
    string Type,
    bool Valid,
    bool Revoked,
    string State,
    DateTimeOffset? Expires,
    int UsedTimes,
    int UsageLimit,
    DateTimeOffset? LastUsed,
    bool Ephemeral,
    IEnumerable<GroupId> AutoGroups,
    UserId ServiceUserId,
    DateTimeOffset CreatedAt)
{
    /// <param name="key">The record.</param>
    /// <param name="now">Decides whether it has expired.</param>
    /// <param name="secret">The whole key, shown once; null: its first characters.</param>
    public static SetupKeyAnswer Of(SetupKey key, DateTimeOffset now, string? secret = null) => new(
        key.Id,
        secret ?? key.Prefix + "****",
        key.Name,
        key.UsageLimit == 1 ? "one-off" : "reusable",
        key.IsUsable(now),
        key.Revoked,
        key.Revoked ? "revoked" : key.ExpiresAt <= now ? "expired" : key.IsUsable(now) ? "valid" : "overused",
        key.ExpiresAt,
        key.UsedTimes,
        key.UsageLimit,
        key.LastUsed,
        key.Ephemeral,
        key.AutoGroups,
        key.ServiceUser,
        key.CreatedAt);
}
