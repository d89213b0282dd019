namespace NetBird.ControlPlane.Users;

/// <summary>Roles by the names that REST and files use.</summary>
internal static class RoleNames
{
    private static readonly (string Name, Role Value)[] Choices =
    [
        ("user", Role.User), ("auditor", Role.Auditor), ("admin", Role.Admin), ("owner", Role.Owner),
    ];

    public static ReadOnlySpan<(string Name, Role Value)> All => Choices;
}
