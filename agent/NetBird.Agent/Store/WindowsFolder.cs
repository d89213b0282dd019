using System.Runtime.Versioning;
using System.Security.AccessControl;
using System.Security.Principal;

namespace NetBird.Agent.Store;

/// <summary>A folder on Windows that this account, administrators and the system may change, and nobody else.</summary>
[SupportedOSPlatform("windows")]
internal static class WindowsFolder
{
    /// <summary>Makes the folder, or checks the one that is there and closes it.</summary>
    /// <param name="othersRead">Every account of the machine may read what is in it.</param>
    /// <exception cref="StateDirectoryException">It is a link, somebody else's, or cannot be made.</exception>
    public static void Prepare(string path, bool othersRead)
    {
        var folder = new DirectoryInfo(path);
        try
        {
            if (!folder.Exists)
            {
                Directory.CreateDirectory(Path.GetDirectoryName(path) ?? path);
                folder.Create(Security(othersRead));
                return;
            }

            if (folder.Attributes.HasFlag(FileAttributes.ReparsePoint))
            {
                throw new StateDirectoryException($"{path} is a link; the agent keeps its private key only in a real folder. Name the folder itself with --state-dir.");
            }

            if (!WindowsAccounts.Trust(folder.GetAccessControl().GetOwner(typeof(SecurityIdentifier))))
            {
                throw new StateDirectoryException($"{path} belongs to somebody else. Look what is in it and remove it, or use another --state-dir.");
            }

            folder.SetAccessControl(Security(othersRead));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or PrivilegeNotHeldException)
        {
            throw new StateDirectoryException($"The folder {path} cannot be used: {e.Message}", e);
        }
    }

    private static DirectorySecurity Security(bool othersRead)
    {
        const InheritanceFlags Everything = InheritanceFlags.ContainerInherit | InheritanceFlags.ObjectInherit;
        var security = new DirectorySecurity();
        security.SetAccessRuleProtection(isProtected: true, preserveInheritance: false);
        foreach (var account in WindowsAccounts.Trusted)
        {
            security.AddAccessRule(new FileSystemAccessRule(account, FileSystemRights.FullControl, Everything, PropagationFlags.None, AccessControlType.Allow));
        }

        if (othersRead)
        {
            security.AddAccessRule(new FileSystemAccessRule(
                new SecurityIdentifier(WellKnownSidType.BuiltinUsersSid, null), FileSystemRights.ReadAndExecute, Everything, PropagationFlags.None, AccessControlType.Allow));
        }

        return security;
    }
}
