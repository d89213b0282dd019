using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace NetBird.WireGuard.Windows;

/// <summary>What .NET cannot ask of named pipes. Asked here because only this project may declare imports.</summary>
[SupportedOSPlatform("windows")]
public static partial class NamedPipe
{
    // winerror.h: ERROR_SEM_TIMEOUT.
    private const int TimedOut = 121;

    // WaitNamedPipe: in milliseconds; 0 would be the pipe's own default of 50.
    private const uint Shortest = 1;

    /// <summary>Whether some process serves a pipe of that name on this machine, without connecting to it; it may be busy.</summary>
    public static bool Exists(string name) => WaitNamedPipe(@"\\.\pipe\" + name, Shortest) != 0 || Marshal.GetLastPInvokeError() == TimedOut;

    [LibraryImport("kernel32.dll", EntryPoint = "WaitNamedPipeW", SetLastError = true, StringMarshalling = StringMarshalling.Utf16)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int WaitNamedPipe(string name, uint milliseconds);
}
