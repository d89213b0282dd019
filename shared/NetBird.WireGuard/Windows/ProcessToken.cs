using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace NetBird.WireGuard.Windows;

/// <summary>Whose process it is, by its token; kernel32.dll and advapi32.dll.</summary>
[SupportedOSPlatform("windows")]
internal static unsafe partial class ProcessToken
{
    private const DllImportSearchPath Trusted = DllImportSearchPath.System32;

    // winnt.h: PROCESS_QUERY_LIMITED_INFORMATION, TOKEN_QUERY, and TokenUser and TokenElevation of TOKEN_INFORMATION_CLASS.
    private const uint QueryLimited = 0x1000;
    private const uint TokenQuery = 0x0008;
    private const int TokenUser = 1;
    private const int TokenElevation = 20;

    // Ours: TOKEN_USER and the longest SID (winnt.h, SECURITY_MAX_SID_SIZE, 68 bytes) are 84.
    private const int LongestTokenUserBytes = 256;

    /// <summary>Holds the process: as long as it is open, its number is given to no other.</summary>
    /// <returns>Null when it has ended, or may not be looked at.</returns>
    public static KernelHandle? Open(uint process)
    {
        var handle = OpenProcess(QueryLimited, inherit: 0, process);
        if (!handle.IsInvalid)
        {
            return handle;
        }

        handle.Dispose();
        return null;
    }

    /// <summary>Null when the token may not be read, as an elevated one by those who are not.</summary>
    public static TokenOwner? OwnerOf(KernelHandle process)
    {
        var opened = OpenProcessToken(process, TokenQuery, out var token);
        using (token)
        {
            if (opened == 0 || token.IsInvalid)
            {
                return null;
            }

            var information = stackalloc byte[LongestTokenUserBytes];
            uint written;
            if (GetTokenInformation(token, TokenUser, information, LongestTokenUserBytes, &written) == 0 || written > LongestTokenUserBytes)
            {
                return null;
            }

            // TOKEN_USER begins with a pointer to the SID, which lies behind it in the same memory.
            var at = *(byte**)information - information;
            return at >= sizeof(nint) && at < written && SidText.Of(new ReadOnlySpan<byte>(information + at, (int)(written - at))) is { } sid
                ? new TokenOwner(sid, IsElevated(token))
                : null;
        }
    }

    private static bool IsElevated(KernelHandle token)
    {
        uint elevated = 0, written;
        return GetTokenInformation(token, TokenElevation, (byte*)&elevated, sizeof(uint), &written) != 0 && elevated != 0;
    }

    [LibraryImport("kernel32.dll", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial KernelHandle OpenProcess(uint access, int inherit, uint process);

    [LibraryImport("advapi32.dll", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial int OpenProcessToken(KernelHandle process, uint access, out KernelHandle token);

    [LibraryImport("advapi32.dll", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial int GetTokenInformation(KernelHandle token, int kind, byte* information, uint length, uint* written);

    [LibraryImport("kernel32.dll")]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial int CloseHandle(nint handle);

    /// <summary>Owns a process or a token.</summary>
    internal sealed class KernelHandle() : SafeHandleZeroOrMinusOneIsInvalid(ownsHandle: true)
    {
        protected override bool ReleaseHandle() => CloseHandle(handle) != 0;
    }
}
