using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace NetBird.WireGuard.Windows;

/// <summary>The calls we make into <c>wireguard.dll</c>; signatures follow <c>wireguard.h</c> of WireGuardNT 0.10.</summary>
[SupportedOSPlatform("windows")]
internal static unsafe partial class WireGuardNt
{
    private const string Library = "wireguard.dll";

    // This process is privileged: never the current folder, never PATH.
    private const DllImportSearchPath Trusted = DllImportSearchPath.ApplicationDirectory | DllImportSearchPath.System32;

    // winerror.h
    private const int MoreData = 234;
    private const int FileNotFound = 2;

    // Ours: an adapter whose peers change all the time is asked a few times.
    private const int Attempts = 8;

    /// <summary>Creates an adapter that lives as long as the returned handle.</summary>
    /// <param name="name">Name shown to the user; at most 127 UTF-16 code units.</param>
    /// <param name="id">Stable per name, so Windows keeps one network entry for it.</param>
    /// <exception cref="Win32Exception">The driver refused. Code 5: the process is not elevated.</exception>
    /// <exception cref="DllNotFoundException">The driver's library is neither beside the program nor in System32.</exception>
    public static AdapterHandle Create(string name, in Guid id)
    {
        var adapter = CreateAdapter(name, tunnelType: "NetBird", in id);
        return Check(adapter, $"create adapter '{name}'");
    }

    /// <summary>Opens an adapter that somebody else made; releasing the handle leaves it where it is.</summary>
    /// <returns>Null when there is none of that name.</returns>
    public static AdapterHandle? Open(string name)
    {
        var adapter = OpenAdapter(name);
        if (adapter.IsInvalid && Marshal.GetLastPInvokeError() == FileNotFound)
        {
            adapter.Dispose();
            return null;
        }

        return Check(adapter, $"open adapter '{name}'");
    }

    /// <summary>The adapter's NET_LUID, by which the IP helper knows it.</summary>
    public static ulong LuidOf(AdapterHandle adapter)
    {
        ulong luid;
        GetAdapterLuid(adapter, &luid);
        return luid;
    }

    /// <summary>The loaded driver's version, or null when none is loaded.</summary>
    public static Version? RunningDriverVersion()
        => GetRunningDriverVersion() is var version and not 0 ? new Version((int)(version >> 16), (int)(version & 0xFFFF)) : null;

    /// <summary>Sends the driver's messages to <paramref name="logger"/>, or nowhere; one for the whole process.</summary>
    public static void SetLogger(delegate* unmanaged<NtFlags.LogLevel, ulong, char*, void> logger) => SetLoggerNative(logger);

    public static void SetLogging(AdapterHandle adapter, NtFlags.Logging logging)
        => Check(SetAdapterLogging(adapter, logging), "set the adapter's logging");

    public static NtFlags.State StateOf(AdapterHandle adapter)
    {
        NtFlags.State state;
        Check(GetAdapterState(adapter, &state), "read the adapter's state");
        return state;
    }

    /// <summary>Up opens the UDP socket, down closes it and ends every session.</summary>
    public static void SetState(AdapterHandle adapter, NtFlags.State state)
        => Check(SetAdapterState(adapter, state), $"bring the adapter {(state == NtFlags.State.Up ? "up" : "down")}");

    public static void SetConfiguration(AdapterHandle adapter, ReadOnlySpan<byte> configuration)
    {
        fixed (byte* bytes = configuration)
        {
            Check(SetConfigurationNative(adapter, bytes, (uint)configuration.Length), "configure the adapter");
        }
    }

    /// <summary>Reads the whole configuration, keys included, into pinned memory that the caller zeroes.</summary>
    public static byte[] GetConfiguration(AdapterHandle adapter)
    {
        var buffer = GC.AllocateArray<byte>(16 * 1024, pinned: true);
        for (var attempt = 0; ; attempt++)
        {
            var size = (uint)buffer.Length;
            int read;
            fixed (byte* bytes = buffer)
            {
                read = GetConfigurationNative(adapter, bytes, &size);
            }

            if (read != 0)
            {
                return buffer;
            }

            var code = Marshal.GetLastPInvokeError();
            if (code != MoreData || attempt == Attempts)
            {
                throw new Win32Exception(code, Explain(code, "read the adapter's configuration"));
            }

            // Nothing was written yet: the driver says how much it has. A little more, for peers that come meanwhile.
            buffer = GC.AllocateArray<byte>(checked((int)(size + (size / 8))), pinned: true);
        }
    }

    private static AdapterHandle Check(AdapterHandle adapter, string doing)
    {
        if (adapter.IsInvalid)
        {
            var code = Marshal.GetLastPInvokeError();
            adapter.Dispose();
            throw new Win32Exception(code, Explain(code, doing));
        }

        return adapter;
    }

    private static void Check(int succeeded, string doing)
    {
        if (succeeded == 0)
        {
            var code = Marshal.GetLastPInvokeError();
            throw new Win32Exception(code, Explain(code, doing));
        }
    }

    private static string Explain(int code, string doing)
        => $"WireGuardNT could not {doing}: {Marshal.GetPInvokeErrorMessage(code)} (error {code}).";

    [LibraryImport(Library, EntryPoint = "WireGuardCreateAdapter", SetLastError = true,
        StringMarshalling = StringMarshalling.Utf16)]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial AdapterHandle CreateAdapter(string name, string tunnelType, in Guid requestedId);

    [LibraryImport(Library, EntryPoint = "WireGuardOpenAdapter", SetLastError = true,
        StringMarshalling = StringMarshalling.Utf16)]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial AdapterHandle OpenAdapter(string name);

    [LibraryImport(Library, EntryPoint = "WireGuardCloseAdapter")]
    [DefaultDllImportSearchPaths(Trusted)]
    internal static partial void CloseAdapter(nint adapter);

    [LibraryImport(Library, EntryPoint = "WireGuardGetAdapterLUID")]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial void GetAdapterLuid(AdapterHandle adapter, ulong* luid);

    [LibraryImport(Library, EntryPoint = "WireGuardGetRunningDriverVersion", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial uint GetRunningDriverVersion();

    [LibraryImport(Library, EntryPoint = "WireGuardSetLogger")]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial void SetLoggerNative(delegate* unmanaged<NtFlags.LogLevel, ulong, char*, void> logger);

    [LibraryImport(Library, EntryPoint = "WireGuardSetAdapterLogging", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial int SetAdapterLogging(AdapterHandle adapter, NtFlags.Logging logging);

    [LibraryImport(Library, EntryPoint = "WireGuardGetAdapterState", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial int GetAdapterState(AdapterHandle adapter, NtFlags.State* state);

    [LibraryImport(Library, EntryPoint = "WireGuardSetAdapterState", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial int SetAdapterState(AdapterHandle adapter, NtFlags.State state);

    [LibraryImport(Library, EntryPoint = "WireGuardGetConfiguration", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial int GetConfigurationNative(AdapterHandle adapter, byte* configuration, uint* bytes);

    [LibraryImport(Library, EntryPoint = "WireGuardSetConfiguration", SetLastError = true)]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial int SetConfigurationNative(AdapterHandle adapter, byte* configuration, uint bytes);
}
