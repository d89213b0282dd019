using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Runtime.Versioning;
using NetBird.WireGuard.Userspace;
using NetBird.WireGuard.Userspace.Sockets;

namespace NetBird.WireGuard.Mac;

/// <summary>Our engine over a utun interface, addressed and routed by the system's own programs.</summary>
[SupportedOSPlatform("macos")]
internal static class UtunAdapter
{
    // netinet/in.h and netinet6/in6.h of macOS: IP_BOUND_IF and IPV6_BOUND_IF.
    private const int IpBoundInterface = 25;
    private const int Ipv6BoundInterface = 125;
    private const int ProtocolIp = 0;
    private const int ProtocolIpv6 = 41;

    /// <summary>Brings the interface up, addressed and routed.</summary>
    /// <exception cref="TunnelException">It cannot be had; the message says what to do.</exception>
    public static ITunnel Open(TunnelOptions options, string reason) => Open(options, reason, Run);

    /// <summary>The same, with the system's programs run by <paramref name="run"/>, which throws where one fails.</summary>
    internal static ITunnel Open(TunnelOptions options, string reason, Action<string, string[]> run)
    {
        if (options.OwnNamespace)
        {
            throw new TunnelException(
                "macOS has no network namespaces, so every account of this machine could use the tunnel past the guarded endpoint",
                "use --tunnel rootless, or take it all the same with --tunnel-namespace host.");
        }

        var socket = OuterSocket.Open(options.ListenPort);
        UtunDevice? device = null;
        try
        {
            device = UtunDevice.Open(options.Mtu);
            foreach (var (program, arguments) in Commands(device.Name, options))
            {
                run(program, arguments);
            }

            var engine = new Engine(options.PrivateKey, device, socket, options.Time, options.Logging);
            engine.Start();
            var name = device.Name;
            return new UserspaceTunnel(TunnelKind.Userspace, reason, name, engine, new BoundOverlay(options.Addresses, toTie => Tie(toTie, name)))
            {
                OpenSocket = OuterSocket.Open,
            };
        }
        catch
        {
            device?.Close();
            socket.DisposeAsync().AsTask().GetAwaiter().GetResult();
            throw;
        }
    }

    /// <summary>ifconfig(8) and route(8), in order. A point-to-point interface wants both its ends; the far one is ours as well.</summary>
    internal static IEnumerable<(string Program, string[] Arguments)> Commands(string name, TunnelOptions options)
    {
        yield return ("/sbin/ifconfig", [name, "mtu", options.Mtu.ToString(CultureInfo.InvariantCulture), "up"]);
        foreach (var address in options.Addresses)
        {
            yield return ("/sbin/ifconfig", address.AddressFamily == AddressFamily.InterNetwork
                ? [name, "inet", $"{address}", $"{address}", "netmask", "255.255.255.255", "alias"]
                : [name, "inet6", $"{address}", "prefixlen", "128", "alias"]);
        }

        foreach (var route in options.Routes)
        {
            yield return ("/sbin/route", ["-q", "-n", "add", route.BaseAddress.AddressFamily == AddressFamily.InterNetwork ? "-inet" : "-inet6", $"{route}", "-interface", name]);
        }
    }

    private static void Tie(Socket socket, string name)
    {
        var index = NetworkInterface.GetAllNetworkInterfaces().FirstOrDefault(candidate => candidate.Name == name)?.GetIPProperties() is { } properties
            ? socket.AddressFamily == AddressFamily.InterNetworkV6 ? properties.GetIPv6Properties().Index : properties.GetIPv4Properties().Index
            : throw new IOException($"The interface {name} is gone.");
        socket.SetRawSocketOption(
            socket.AddressFamily == AddressFamily.InterNetworkV6 ? ProtocolIpv6 : ProtocolIp,
            socket.AddressFamily == AddressFamily.InterNetworkV6 ? Ipv6BoundInterface : IpBoundInterface,
            BitConverter.GetBytes(index));
    }

    private static void Run(string program, string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            var said = process.StandardError.ReadToEnd();
            process.WaitForExit();
            if (process.ExitCode != 0)
            {
                throw new TunnelException($"{program} {string.Join(' ', arguments)} failed: {said.Trim()}");
            }
        }
        catch (Win32Exception e)
        {
            throw new TunnelException($"{program} cannot be run: {e.Message}", e);
        }
    }
}
