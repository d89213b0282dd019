using System.Runtime.Versioning;
using NetBird.Agent.Store;
using NetBird.WireGuard.Linux;

namespace NetBird.Agent.Service;

/// <summary>What a daemon of root keeps of root's rights: the tunnel's, and a port below 1024. The service's unit leaves it less.</summary>
internal static class DaemonPrivileges
{
    /// <summary>Gives up the rest in this process, which starts this program anew; to be called before anything is read or opened.</summary>
    public static void Reduce(StateDirectory state)
    {
        if (OperatingSystem.IsLinux() && ProcessOwner.Uid == 0)
        {
            Capabilities.Keep(Kept(state));
        }
    }

    /// <summary>Starts a daemon that has given up the rest.</summary>
    public static T Starting<T>(StateDirectory state, Func<T> start)
        => OperatingSystem.IsLinux() && ProcessOwner.Uid == 0 ? Capabilities.Starting(Kept(state), start) : start();

    [SupportedOSPlatform("linux")]
    private static int[] Kept(StateDirectory state)
    {
        int[] always = [Capabilities.NetAdmin, Capabilities.SysAdmin, Capabilities.NetBindService];

        // Root's own folder inside somebody's home, which is closed to others: then only that right opens the way to it.
        return new[] { Environment.ProcessPath, state.Path, state.SocketPath }.All(IsReached) ? always : [.. always, Capabilities.DacReadSearch];
    }

    /// <summary>Whether every folder on the way is root's or open to all.</summary>
    [SupportedOSPlatform("linux")]
    private static bool IsReached(string? path)
    {
        for (var folder = Path.GetDirectoryName(path); !string.IsNullOrEmpty(folder); folder = Path.GetDirectoryName(folder))
        {
            if (Directory.Exists(folder) && FileOwner.Of(folder) != 0 && !File.GetUnixFileMode(folder).HasFlag(UnixFileMode.OtherExecute))
            {
                return false;
            }
        }

        return true;
    }
}
