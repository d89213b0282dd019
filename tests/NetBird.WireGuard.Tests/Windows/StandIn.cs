using System.Runtime.InteropServices;

namespace NetBird.WireGuard.Tests.Windows;

/// <summary>
/// The library built from Native/standin.c, loaded in place of wireguard.dll and iphlpapi.dll for this process's life.
/// </summary>
internal static class StandIn
{
    private static readonly Lazy<nint> s_library = new(Load);

    /// <summary>Begins anew, or skips the test where there is no compiler.</summary>
    public static void Start()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "the stand-in library is built on Linux");
        NativeCompiler.Require("gcc");
        Call<Reset>("StandInReset")();
    }

    public static string[] Calls()
        => Marshal.PtrToStringAnsi(Call<Text>("StandInCalls")())!.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>The next call of that function is refused with a Windows error code.</summary>
    public static void Fail(string function, int code) => Call<FailNext>("StandInFail")(function, code);

    /// <summary>Every peer completes a handshake.</summary>
    public static void Hear(DateTimeOffset when) => Call<HearAt>("StandInHear")((ulong)when.ToFileTime());

    private delegate void Reset();

    private delegate nint Text();

    private delegate void FailNext([MarshalAs(UnmanagedType.LPStr)] string name, int code);

    private delegate void HearAt(ulong when);

    private static T Call<T>(string name)
        where T : Delegate
        => Marshal.GetDelegateForFunctionPointer<T>(NativeLibrary.GetExport(s_library.Value, name));

    private static nint Load()
    {
        var file = Path.Combine(Path.GetTempPath(), $"netbird-standin-{Guid.NewGuid():N}.so");
        var errors = NativeCompiler.Run("gcc", NativeCompiler.FolderOf("Windows"), "-std=gnu11", "-shared", "-fPIC", "-O1", "-Wall", "-o", file, "standin.c");
        Assert.True(errors.Length == 0, errors);
        var library = NativeLibrary.Load(file);
        File.Delete(file);
        NativeLibrary.SetDllImportResolver(
            typeof(Tunnel).Assembly,
            (name, _, _) => name is "wireguard.dll" or "iphlpapi.dll" ? library : 0);
        return library;
    }
}
