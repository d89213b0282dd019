using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace NetBird.WireGuard.Linux;

/// <summary>
/// Keeps the memory of a process that holds keys to itself: no core dump, no attaching by other processes of the same
/// user, and files that only their owner can read. Called once, first thing.
/// </summary>
public static partial class ProcessHardening
{
    // linux/prctl.h, asm-generic/resource.h
    private const int SetDumpable = 4;
    private const int CoreLimit = 4;

    // Everything but the owner's bits.
    private const uint OwnerOnly = 0b000_111_111;

    /// <summary>Hardens this process where the system can; does nothing elsewhere.</summary>
    /// <returns>True when all of it took effect.</returns>
    public static bool Apply() => OperatingSystem.IsLinux() && ApplyOnLinux();

    [SupportedOSPlatform("linux")]
    private static bool ApplyOnLinux()
    {
        _ = Umask(OwnerOnly);
        var none = default(Limit);
        var limited = SetLimit(CoreLimit, in none) == 0;

        // prctl(2), PR_SET_DUMPABLE: 0 also takes /proc/PID/mem and ptrace from other processes of this user.
        return Prctl(SetDumpable, 0, 0, 0, 0) == 0 && limited;
    }

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int Prctl(int option, nuint argument2, nuint argument3, nuint argument4, nuint argument5);

    [LibraryImport("libc", EntryPoint = "setrlimit", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int SetLimit(int resource, in Limit limit);

    [LibraryImport("libc", EntryPoint = "umask")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial uint Umask(uint mask);

    // struct rlimit of 64-bit Linux: rlim_cur, rlim_max.
    private readonly record struct Limit(nuint Current, nuint Maximum);
}
