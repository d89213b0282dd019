using System.Runtime.Versioning;
using System.Security.Principal;

namespace NetBird.Agent.Store;

/// <summary>The accounts of Windows that may have their hands in what is this agent's: its own, administrators and the system.</summary>
[SupportedOSPlatform("windows")]
internal static class WindowsAccounts
{
    private static readonly SecurityIdentifier LocalSystem = new(WellKnownSidType.LocalSystemSid, null);
    private static readonly SecurityIdentifier Administrators = new(WellKnownSidType.BuiltinAdministratorsSid, null);

    /// <summary>This process' own account.</summary>
    public static SecurityIdentifier Own => new(ProcessOwner.Account.Text);

    /// <summary>All of them.</summary>
    public static SecurityIdentifier[] Trusted => [Own, LocalSystem, Administrators];

    /// <summary>Whether something that has this owner is one of theirs; what has none that can be told is not.</summary>
    public static bool Trust(IdentityReference? owner) => owner is SecurityIdentifier account && Trusted.Contains(account);
}
