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
    private readonly AddressOwners _owners = new();
    private readonly Lock _change = new();

    private WireGuardNtTunnel(AdapterHandle adapter, TunnelOptions options)
    {
        _adapter = adapter;
        InterfaceName = options.InterfaceName;
        PublicKey = options.PrivateKey.PublicKey;
        Overlay = new WindowsOverlay(options.Addresses);
    }

    public TunnelKind Kind => TunnelKind.Kernel;

    public string KindReason => "WireGuardNT is installed, which is the fastest on Windows.";

    public string InterfaceName { get; }

    public PublicKey PublicKey { get; private set; }

    public int ListenPort { get; private set; }

    public IOverlay Overlay { get; }

    /// <summary>Creates the adapter, up, addressed and routed, without peers.</summary>
    /// <exception cref="TunnelException">It cannot be had; the message says what to do.</exception>
    internal static Task<ITunnel> OpenAsync(TunnelOptions options, CancellationToken cancellationToken)
        => Task.Run<ITunnel>(() => Open(options), cancellationToken);

    public void SetPeer(PeerConfiguration peer)
    {
        ArgumentNullException.ThrowIfNull(peer);
        Apply(new InterfaceChange { Peers = [PeerChange.From(peer)] });
    }

    public bool RemovePeer(PublicKey peer)
    {
        lock (_change)
        {
            var known = _owners.Contains(peer);
            ApplyLocked(new InterfaceChange { Peers = [new PeerChange { PublicKey = peer, Remove = true }] });
            return known;
        }
    }

    public IReadOnlyList<PeerStatus> GetPeers()
    {
        using var state = Read();
        return [.. state.Peers.Select(peer => peer.Status)];
    }

    public PublicKey? FindPeer(IPAddress innerAddress)
    {
        ArgumentNullException.ThrowIfNull(innerAddress);
        return _owners.Find(innerAddress);
    }

    /// <summary>The driver follows changes of routes itself; what is left is to be heard from the new address at once.</summary>
    public void NetworkChanged()
    {
        lock (_change)
        {
            if (_adapter.IsClosed)
            {
                return;
            }

            foreach (var change in KeepalivePoke.For(GetPeers()))
            {
                ApplyLocked(change);
            }
        }
    }

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

    public void Apply(InterfaceChange change)
    {
        lock (_change)
        {
            ApplyLocked(change);
        }
    }

    public ValueTask DisposeAsync()
    {
        lock (_change)
        {
            _adapter.Dispose();
        }

        return ValueTask.CompletedTask;
    }

    private static WireGuardNtTunnel Open(TunnelOptions options)
    {
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
                "WireGuard's driver is not installed: wireguard.dll belongs beside netbird-agent.exe. Repair the installation, "
                + "or use --tunnel rootless.",
                e);
        }
        catch (Exception e)
        {
            adapter?.Dispose();
            throw (e as Win32Exception ?? e.InnerException as Win32Exception) is not { } refusal ? e
                : refusal.NativeErrorCode == AccessDenied
                    ? new TunnelException(
                        "This process may not create network adapters: run it as administrator or as the service, or use --tunnel rootless.",
                        refusal)
                    : new TunnelException(refusal.Message, refusal);
        }
    }

    private void Configure(TunnelOptions options)
    {
        WireGuardNt.SetLogging(_adapter, NtFlags.Logging.On);
        ApplyLocked(new InterfaceChange
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

        RememberInterface();
    }

    private void ApplyLocked(InterfaceChange change)
    {
        var configuration = NtConfiguration.Write(change);
        try
        {
            WireGuardNt.SetConfiguration(_adapter, configuration);
        }
        catch (Win32Exception e)
        {
            // Part of it may have been done: the driver says which.
            using var state = Read();
            _owners.Replace(state.Peers.Select(peer => peer.Status));
            throw new IOException(e.Message, e);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(configuration);
        }

        _owners.Follow(change);
        if (change.PrivateKey is not null || change.RemovePrivateKey || change.ListenPort is not null)
        {
            RememberInterface();
        }
    }

    private void RememberInterface()
    {
        using var state = Read();
        ListenPort = state.ListenPort;
        PublicKey = state.PrivateKey?.PublicKey ?? default;
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
