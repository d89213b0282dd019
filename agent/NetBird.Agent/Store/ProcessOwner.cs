using System.Globalization;
using System.Runtime.Versioning;
using System.Security.Principal;
using NetBird.WireGuard.Mac;

namespace NetBird.Agent.Store;

/// <summary>The account this process acts as.</summary>
internal static class ProcessOwner
{
    /// <summary>Effective uid; 0 where there are none (Windows).</summary>
    public static uint Uid { get; } = OperatingSystem.IsLinux() ? FromProc() : OperatingSystem.IsMacOS() ? ConnectionOwner.UidOfThisProcess : 0;

    public static AccountId Account { get; } = OperatingSystem.IsWindows() ? FromToken() : AccountId.OfUid(Uid);

    private static uint FromProc()
    {
        // proc(5), /proc/pid/status: "Uid: real effective saved filesystem".
        foreach (var line in File.ReadLines("/proc/self/status"))
        {
            if (line.StartsWith("Uid:", StringComparison.Ordinal))
            {
                return uint.Parse(line.Split('\t')[2], CultureInfo.InvariantCulture);
            }
        }

        throw new InvalidOperationException("/proc/self/status names no uid.");
    }

    [SupportedOSPlatform("windows")]
    private static AccountId FromToken()
    {
        using var identity = WindowsIdentity.GetCurrent();
        return new AccountId(identity.User?.Value ?? throw new InvalidOperationException("This process' token names no user."));
    }
}
