namespace NetBird.ControlPlane.Dashboard.Viewing;

/// <summary>Names of the authorization policies that pages ask for.</summary>
internal static class DashboardAccess
{
    /// <summary>Auditor, admin, owner: sees everything.</summary>
    public const string Read = "dashboard-read";

    /// <summary>Admin, owner: changes things.</summary>
    public const string Change = "dashboard-change";

    /// <summary>Cookie scheme of the pages.</summary>
    public const string Scheme = "dashboard";

    /// <summary>Claim that holds our user id.</summary>
    public const string UserIdClaim = "netbird_user_id";

    /// <summary>Claim that names this session, of one sign-in in one browser.</summary>
    public const string SessionClaim = "netbird_session";

    /// <summary>Claim that says when the session ends, whatever is open then: UTC ticks.</summary>
    public const string UntilClaim = "netbird_until";
}
