using NetBird.ControlPlane.Account;
using NetBird.ControlPlane.Groups;

namespace NetBird.ControlPlane.Store;

/// <summary>What every account has from the start. No policy: nothing is allowed until somebody allows it.</summary>
internal static class FirstContents
{
    /// <summary>Puts what is missing; nothing when all is there.</summary>
    public static bool Ensure(ConfigurationDraft draft)
    {
        if (!draft.Groups.Contains(Group.AllId))
        {
            draft.Groups.Put(new() { Id = Group.AllId, Name = "All" });
        }

        if (!draft.Settings.Contains(SettingsId.Account))
        {
            draft.Settings.Put(new());
        }

        return true;
    }
}
