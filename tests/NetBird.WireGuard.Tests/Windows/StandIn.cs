using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace NetBird.WireGuard.Tests.Windows;

/// <summary>
/// The library built from the C files of Native, loaded in place of Windows' and macOS' own for this process's life.
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
        Call<Reset>("StandInForgetAccounts")();
        Call<Reset>("StandInForgetConnections")();
        RefuseUtun(0);
    }

    public static string[] Calls()
        => Marshal.PtrToStringAnsi(Call<Text>("StandInCalls")())!.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>The next call of that function is refused with a Windows error code.</summary>
    public static void Fail(string function, int code) => Call<FailNext>("StandInFail")(function, code);

    /// <summary>Every peer completes a handshake.</summary>
    public static void Hear(DateTimeOffset when) => Call<HearAt>("StandInHear")((ulong)when.ToFileTime());

    /// <summary>A row of Windows' table of connections.</summary>
    public static void Connect(IPEndPoint local, IPEndPoint remote, uint process, uint state = 5)
        => Call<Connection>("StandInConnection")(
            local.AddressFamily == AddressFamily.InterNetwork ? 2u : 23u, local.Address.GetAddressBytes(), (ushort)local.Port, remote.Address.GetAddressBytes(),
            (ushort)remote.Port, process, state);

    public static void Run(uint process, byte[] sid, bool elevated = false, bool isSealed = false)
        => Call<Process>("StandInProcess")(process, sid, (uint)sid.Length, elevated ? 1 : 0, isSealed ? 1 : 0);

    /// <summary>Once a process is opened, its connections are another's.</summary>
    public static void PassOn(uint toProcess) => Call<Number>("StandInPassOn")(toProcess);

    public static uint OpenHandles => Call<Count>("StandInOpenHandles")();

    /// <summary>A connection in macOS' list.</summary>
    public static void ConnectOnMac(IPEndPoint local, IPEndPoint remote, uint uid)
        => Call<MacConnection>("StandInSocket")(
            local.AddressFamily == AddressFamily.InterNetwork ? 0 : 1, local.Address.GetAddressBytes(), (ushort)local.Port, remote.Address.GetAddressBytes(),
            (ushort)remote.Port, uid);

    /// <summary>macOS' list has grown by that many bytes when it is read, once.</summary>
    public static void GrowOnMac(uint bytes) => Call<Number>("StandInGrow")(bytes);

    /// <summary>The far end of the last utun interface's packets; the caller closes it.</summary>
    public static int UtunEnd => (int)Call<Count>("StandInUtunEnd")();

    /// <summary>A utun interface is refused with that error from now on; 0 for none.</summary>
    public static void RefuseUtun(uint error) => Call<Number>("StandInRefuseUtun")(error);

    private delegate void Reset();

    private delegate void Connection(uint family, byte[] local, ushort localPort, byte[] remote, ushort remotePort, uint process, uint state);

    private delegate void Process(uint process, byte[] sid, uint bytes, int elevated, int isSealed);

    private delegate void MacConnection(int v6, byte[] local, ushort localPort, byte[] remote, ushort remotePort, uint uid);

    private delegate void Number(uint value);

    private delegate uint Count();

    private delegate nint Text();

    private delegate void FailNext([MarshalAs(UnmanagedType.LPStr)] string name, int code);

    private delegate void HearAt(ulong when);

    private static T Call<T>(string name)
        where T : Delegate
        => Marshal.GetDelegateForFunctionPointer<T>(NativeLibrary.GetExport(s_library.Value, name));

    private static nint Load()
    {
        var file = Path.Combine(Path.GetTempPath(), $"netbird-standin-{Guid.NewGuid():N}.so");
        var errors = NativeCompiler.Run("gcc", NativeCompiler.FolderOf("Windows"), "-std=gnu11", "-shared", "-fPIC", "-O1", "-Wall", "-o", file, "standin.c", "accounts.c",
            "../../Mac/Native/pcblist.c", "../../Mac/Native/utun.c");
        Assert.True(errors.Length == 0, errors);
        var library = NativeLibrary.Load(file);
        File.Delete(file);
        NativeLibrary.SetDllImportResolver(
            typeof(Tunnel).Assembly,
            (name, _, _) => name is "wireguard.dll" or "iphlpapi.dll" or "kernel32.dll" or "advapi32.dll" or "libSystem.dylib" ? library : 0);
        return library;
    }
}
