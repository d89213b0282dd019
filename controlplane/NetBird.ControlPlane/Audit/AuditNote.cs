namespace NetBird.ControlPlane.Audit;

/// <summary>Something worth remembering that is no change of a record.</summary>
/// <param name="Action">Such as <c>user.login</c>; see <see cref="AuditActions"/>.</param>
/// <param name="TargetKind">Kind of what it was done to, such as <c>user</c>.</param>
/// <param name="TargetId">Its id; empty: unknown.</param>
/// <param name="TargetName">Its name at that time.</param>
/// <param name="Detail">A sentence without secrets; empty: none.</param>
internal sealed record AuditNote(string Action, string TargetKind, string TargetId, string TargetName, string Detail = "");

/// <summary>Actions that are not the change of a record; those are <c>kind.add</c>, <c>kind.update</c>, <c>kind.delete</c>.</summary>
internal static class AuditActions
{
    public const string UserLogin = "user.login";
    public const string UserLogout = "user.logout";
    public const string SecondFactor = "user.second_factor";
    public const string UserLoginRefused = "user.login_refused";
    public const string PeerEnrol = "peer.enrol";
    public const string PeerEnrolRefused = "peer.enrol_refused";
    public const string ProviderTest = "provider.test";
    public const string ProviderKeyRefused = "provider.key_refused";
    public const string BackupMade = "backup.made";
    public const string UsageRetention = "usage.retention";
    public const string UsageReprice = "usage.reprice";
    public const string PromptRead = "prompt.read";
}
