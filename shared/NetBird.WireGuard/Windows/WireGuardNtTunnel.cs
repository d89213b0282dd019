using System.ComponentModel;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;
using NetBird.Primitives;
using NetBird.WireGuard.Configuration;

namespace NetBird.WireGuard.Windows;

/// <summary>Windows' WireGuard driver, WireGuardNT, by its library <c>wireguard.dll</c>.</summary>
[SupportedOSPlatform("windows")]
internal sealed partial class WireGuardNtTunnel : ITunnel, IInterfaceControl
{
    // winerror.h
    private const int AccessDenied = 5;

    // The driver knows one logger for the whole process.
    private static volatile ILogger? s_driverLogger;

    private readonly AdapterHandle _adapter;
    private readonly DriverInterface _interface;

    private WireGuardNtTunnel(AdapterHandle adapter, TunnelOptions options)
    {
        _adapter = adapter;
        InterfaceName = options.InterfaceName;
        _interface = new DriverInterface(Read, Set);
        Overlay = new BoundOverlay(options.Addresses);
    }

    public TunnelKind Kind => TunnelKind.Kernel;

    public string KindReason => "WireGuardNT is installed, which is the fastest on Windows.";

    public string InterfaceName { get; }

    public PublicKey PublicKey => _interface.PublicKey;

    public int ListenPort => _interface.ListenPort;

    public IOverlay Overlay { get; }

    /// <summary>Creates the adapter, up, addressed and routed, without peers.</summary>
    /// <exception cref="TunnelException">It cannot be had; the message says what to do.</exception>
    internal static Task<ITunnel> OpenAsync(TunnelOptions options, CancellationToken cancellationToken)
        => Task.Run<ITunnel>(() => Open(options), cancellationToken);

    public void SetPeer(PeerConfiguration peer) => _interface.SetPeer(peer);

    public bool RemovePeer(PublicKey peer) => _interface.RemovePeer(peer);

    public IReadOnlyList<PeerStatus> GetPeers() => _interface.GetPeers();

    public PublicKey? FindPeer(IPAddress innerAddress) => _interface.FindPeer(innerAddress);

    /// <summary>The driver follows changes of routes itself; what is left is to be heard from the new address at once.</summary>
    public void NetworkChanged() => _interface.NetworkChanged(forgetSources: null);

    public InterfaceState Read()
    {
        var configuration = WireGuardNt.GetConfiguration(_adapter);
        try
        {
            return NtConfiguration.Read(InterfaceName, configuration);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(configuration);
        }
    }

    public void Apply(InterfaceChange change) => _interface.Apply(change);

    public ValueTask DisposeAsync()
    {
        _interface.Close(_adapter.Dispose);
        return ValueTask.CompletedTask;
    }

    private static WireGuardNtTunnel Open(TunnelOptions options)
    {
        if (options.OwnNamespace)
        {
            throw new TunnelException(
                "Windows has no network namespaces, so every account of this machine could use WireGuardNT's tunnel past the guarded endpoint",
                "use --tunnel rootless, or take it all the same with --tunnel-namespace host.");
        }

        AdapterHandle? adapter = null;
        try
        {
            UseLogger(options.Logging.CreateLogger<WireGuardNtTunnel>());
            adapter = WireGuardNt.Create(options.InterfaceName, IdOf(options.InterfaceName));
            var tunnel = new WireGuardNtTunnel(adapter, options);
            tunnel.Configure(options);
            return tunnel;
        }
        catch (DllNotFoundException e)
        {
            throw new TunnelException(
                "WireGuard's driver is not installed",
                "wireguard.dll belongs beside netbird-agent.exe. Repair the installation, or use --tunnel rootless.",
                e);
        }
        catch (Exception e)
        {
            adapter?.Dispose();
            throw (e as Win32Exception ?? e.InnerException as Win32Exception) is not { } refusal ? e
                : refusal.NativeErrorCode == AccessDenied
                    ? new TunnelException(
                        "This process may not create network adapters",
                        "run it as administrator or as the service, or use --tunnel rootless.",
                        refusal)
                    : new TunnelException(refusal.Message, refusal);
        }
    }

    private void Configure(TunnelOptions options)
    {
        WireGuardNt.SetLogging(_adapter, NtFlags.Logging.On);
        _interface.Apply(new InterfaceChange
        {
            PrivateKey = options.PrivateKey,
            ListenPort = (ushort)options.ListenPort,
            ReplacePeers = true,
        });

        var luid = WireGuardNt.LuidOf(_adapter);
        foreach (var family in options.Addresses.Select(address => address.AddressFamily).Distinct())
        {
            IpHelper.SetMtu(luid, family, options.Mtu);
        }

        foreach (var address in options.Addresses)
        {
            IpHelper.AddAddress(luid, address);
        }

        // Up first: Windows drops routes into an adapter that is down.
        WireGuardNt.SetState(_adapter, NtFlags.State.Up);
        foreach (var prefix in options.Routes)
        {
            IpHelper.AddRoute(luid, prefix);
        }

        _interface.Remember();
    }

    private void Set(InterfaceChange change)
    {
        var configuration = NtConfiguration.Write(change);
        try
        {
            WireGuardNt.SetConfiguration(_adapter, configuration);
        }
        catch (Win32Exception e)
        {
            throw new IOException(e.Message, e);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(configuration);
        }
    }

    /// <summary>The same name gives the same adapter id, so that Windows does not count up "Network 2", "Network 3".</summary>
    private static Guid IdOf(string name) => new(SHA256.HashData(Encoding.UTF8.GetBytes("netbird-agent adapter " + name)).AsSpan(0, 16));

    private static unsafe void UseLogger(ILogger logger)
    {
        s_driverLogger = logger;
        WireGuardNt.SetLogger(&OnDriverMessage);
    }

    /// <summary>Called by the driver's library from threads of its own; nothing may be thrown into it.</summary>
    [UnmanagedCallersOnly]
    private static unsafe void OnDriverMessage(NtFlags.LogLevel level, ulong time, char* message)
    {
        if (s_driverLogger is not { } logger || message is null)
        {
            return;
        }

        try
        {
            var text = new string(message);
            if (level == NtFlags.LogLevel.Information)
            {
                Log.DriverSays(logger, text);
            }
            else
            {
                Log.DriverWarns(logger, text);
            }
        }
#pragma warning disable CA1031 // A logger that throws must not take the driver's thread with it.
        catch (Exception)
        {
        }
#pragma warning restore CA1031
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Windows + 1, LogLevel.Debug, "WireGuardNT: {Message}")]
        public static partial void DriverSays(ILogger logger, string message);

        [LoggerMessage(EventIds.Windows + 2, LogLevel.Warning, "WireGuardNT warns: {Message}")]
        public static partial void DriverWarns(ILogger logger, string message);
    }
}
