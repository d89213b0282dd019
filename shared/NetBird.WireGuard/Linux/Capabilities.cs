using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Text;

namespace NetBird.WireGuard.Linux;

/// <summary>
/// Gives up what a root process may do and does not need (capabilities(7)). What a program may is decided by the thread that
/// starts it; .NET has several before its first line runs, so a process gives up for itself by starting itself anew.
/// </summary>
[SupportedOSPlatform("linux")]
public static unsafe partial class Capabilities
{
    /// <summary>CAP_DAC_READ_SEARCH (this and the others: linux/capability.h): to read and go into what others keep closed.</summary>
    public const int DacReadSearch = 2;

    /// <summary>CAP_NET_BIND_SERVICE: to listen on ports below 1024.</summary>
    public const int NetBindService = 10;

    /// <summary>CAP_NET_ADMIN: to make interfaces, addresses and routes.</summary>
    public const int NetAdmin = 12;

    /// <summary>CAP_SYS_ADMIN: to make and enter network namespaces.</summary>
    public const int SysAdmin = 21;

    private const int SetPCap = 8;

    /// <summary>The kernel's own set has 41; more are asked for, and it says where it ends.</summary>
    private const int Most = 64;

    // linux/prctl.h
    private const int BoundingRead = 23;
    private const int BoundingDrop = 24;
    private const int NoNewPrivileges = 38;

    private const string Library = "libc";

    /// <summary>
    /// Starts this program anew with the same words and these capabilities alone, in the same process. Returns only when there is
    /// nothing to give up, or it cannot be given up: then all is as before.
    /// </summary>
    /// <param name="kept">Numbers of linux/capability.h.</param>
    public static void Keep(params ReadOnlySpan<int> kept)
    {
        if (Environment.ProcessPath is { } program && GiveUpAllBut(kept))
        {
            Execute(program, File.ReadAllBytes("/proc/self/cmdline"));
        }
    }

    /// <summary>Runs <paramref name="start"/>, which starts a program that gets these capabilities alone; this process keeps its own.</summary>
    /// <param name="kept">Numbers of linux/capability.h.</param>
    /// <param name="start">May start programs and nothing else.</param>
    public static T Starting<T>(int[] kept, Func<T> start)
    {
        ArgumentNullException.ThrowIfNull(start);
        var started = default(T);
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                _ = GiveUpAllBut(kept);
                started = start();
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        });
        thread.Start();
        thread.Join();
        failure?.Throw();
        return started!;
    }

    /// <summary>For what this thread starts from now on.</summary>
    /// <returns>False when there was nothing to give up, or it may not be given up.</returns>
    private static bool GiveUpAllBut(ReadOnlySpan<int> kept)
    {
        var given = false;
        for (var capability = 0; capability < Most && Prctl(BoundingRead, (nuint)capability, 0, 0, 0) is var has and >= 0; capability++)
        {
            // The right to give up is itself given up last.
            given |= has == 1 && capability != SetPCap && !kept.Contains(capability) && Prctl(BoundingDrop, (nuint)capability, 0, 0, 0) == 0;
        }

        return given && Prctl(BoundingDrop, SetPCap, 0, 0, 0) == 0 && Prctl(NoNewPrivileges, 1, 0, 0, 0) == 0;
    }

    /// <summary>execve(2), by which root gets what the bounding set leaves.</summary>
    /// <param name="program">Its file.</param>
    /// <param name="words">Each with its closing zero, as proc(5) has them.</param>
    private static void Execute(string program, byte[] words)
    {
        var path = Encoding.UTF8.GetBytes(program + "\0");
        fixed (byte* file = path, first = words)
        {
            var starts = new List<nint> { (nint)first };
            for (var i = 0; i < words.Length - 1; i++)
            {
                if (words[i] == 0)
                {
                    starts.Add((nint)(first + i + 1));
                }
            }

            starts.Add(0);
            fixed (nint* arguments = starts.ToArray())
            {
                _ = ExecV(file, (byte**)arguments);
            }
        }
    }

    [LibraryImport(Library, EntryPoint = "prctl", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int Prctl(int option, nuint argument2, nuint argument3, nuint argument4, nuint argument5);

    [LibraryImport(Library, EntryPoint = "execv", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int ExecV(byte* file, byte** arguments);
}
