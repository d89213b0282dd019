using System.IO.Pipes;
using System.Runtime.Versioning;
using System.Security.AccessControl;
using System.Security.Cryptography;
using System.Security.Principal;
using System.Text;
using NetBird.Agent.Store;
using NetBird.WireGuard.Windows;

namespace NetBird.Agent.DaemonApi;

/// <summary>
/// Windows' named pipes in place of the daemon's unix sockets. A person's own daemon is open to that person, administrators
/// and the system; a service to every account of this machine, and who it is decides each call, as at the sockets on Linux.
/// Nobody comes in over the network.
/// </summary>
[SupportedOSPlatform("windows")]
internal static class LocalPipe
{
    /// <summary>Ours: a daemon that runs has a free instance at once, or within moments when many ask.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(200);

    /// <summary>Each state directory's own: names of pipes are the whole machine's.</summary>
    /// <param name="socket">The path that a unix socket would have.</param>
    public static string NameOf(string socket)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(socket))!.ToUpperInvariant(); // a file in a folder
        return $"netbird-agent-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(folder)).AsSpan(0, 8))}-{Path.GetFileNameWithoutExtension(socket)}";
    }

    /// <summary>Whether some process waits there; not whether it is ours.</summary>
    public static bool Exists(string socket) => NamedPipe.Exists(NameOf(socket));

    /// <summary>Whom the pipes are open to.</summary>
    public static PipeSecurity Security()
    {
        var security = new PipeSecurity();
        security.SetOwner(WindowsAccounts.Own);
        security.AddAccessRule(new PipeAccessRule(new SecurityIdentifier(WellKnownSidType.NetworkSid, null), PipeAccessRights.FullControl, AccessControlType.Deny));
        foreach (var account in WindowsAccounts.Trusted)
        {
            security.AddAccessRule(new PipeAccessRule(account, PipeAccessRights.FullControl, AccessControlType.Allow));
        }

        if (ProcessOwner.Account.IsSystem)
        {
            // Not CreateNewInstance: whoever has that could answer in our place.
            security.AddAccessRule(new PipeAccessRule(new SecurityIdentifier(WellKnownSidType.AuthenticatedUserSid, null), PipeAccessRights.ReadWrite, AccessControlType.Allow));
        }

        return security;
    }

    /// <summary>One instance to wait for a client on.</summary>
    /// <param name="first">Fails when another program has taken the name already.</param>
    public static NamedPipeServerStream Open(string socket, bool first) => NamedPipeServerStreamAcl.Create(
        NameOf(socket), PipeDirection.InOut, NamedPipeServerStream.MaxAllowedServerInstances, PipeTransmissionMode.Byte,
        PipeOptions.Asynchronous | (first ? PipeOptions.FirstPipeInstance : PipeOptions.None), 0, 0, Security());

    /// <summary>Connects to a daemon; null when none is there.</summary>
    /// <exception cref="UnauthorizedAccessException">It is not open to this account, or what answers there is somebody else's.</exception>
    public static NamedPipeClientStream? TryConnect(string socket)
    {
        // The daemon may ask who this is, and no more.
        var pipe = new NamedPipeClientStream(
            ".", NameOf(socket), PipeAccessRights.ReadWrite | PipeAccessRights.Synchronize, PipeOptions.Asynchronous, TokenImpersonationLevel.Identification, HandleInheritability.None);
        try
        {
            pipe.Connect(Patience);
            if (WindowsAccounts.Trust(pipe.GetAccessControl().GetOwner(typeof(SecurityIdentifier))))
            {
                return pipe;
            }
        }
        catch (Exception e) when (e is TimeoutException or IOException)
        {
            pipe.Dispose();
            return null;
        }
        catch
        {
            pipe.Dispose();
            throw;
        }

        pipe.Dispose();
        throw new UnauthorizedAccessException("Another account answers where this agent should.");
    }
}
