using System.Net;
using NetBird.WireGuard.Linux;
using NetBird.WireGuard.Linux.External;
using NetBird.WireGuard.Linux.Kernel;
using NetBird.WireGuard.Mac;
using NetBird.WireGuard.NetStack;
using NetBird.WireGuard.Windows;

namespace NetBird.WireGuard;

/// <summary>Brings a tunnel up with the adapter that was asked for, or the best that works here.</summary>
public static class Tunnel
{
    private const string UseRootless = "use --tunnel rootless.";

    /// <summary>Opens the interface; it is up and routed when this returns.</summary>
    /// <exception cref="TunnelException">It cannot be opened; the message says why and what to do.</exception>
    public static Task<ITunnel> OpenAsync(TunnelOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        Check(options);

        if (options.Kind == TunnelKind.Kernel && OperatingSystem.IsLinux())
        {
            return KernelTunnel.OpenAsync(options, cancellationToken);
        }

        if (options.Kind == TunnelKind.Kernel && OperatingSystem.IsWindows())
        {
            return WireGuardNtTunnel.OpenAsync(options, cancellationToken);
        }

        if (options.Kind == TunnelKind.Auto)
        {
            return OpenBestAsync(options, cancellationToken);
        }

        // Opening makes system calls that may wait for the kernel; the caller's thread is not held up by them.
        return Task.Run(() => Open(options), cancellationToken);
    }

    private static ITunnel Open(TunnelOptions options, string? reason = null)
    {
        switch (options.Kind)
        {
            case TunnelKind.Rootless:
                return RootlessAdapter.Open(options, "The rootless tunnel was asked for.");
            case TunnelKind.Userspace:
                return OperatingSystem.IsLinux()
                    ? TunAdapter.Open(options, reason ?? "The userspace tunnel was asked for.")
                    : OperatingSystem.IsMacOS() ? UtunAdapter.Open(options, reason ?? "The userspace tunnel was asked for.")
                    : throw new TunnelException("The userspace tunnel needs Linux or macOS", UseRootless);
            case TunnelKind.External:
                return OperatingSystem.IsLinux()
                    ? ExternalTunnel.Open(options)
                    : throw new TunnelException("An interface that another program runs needs Linux", UseRootless);
            default:
                throw new TunnelException($"This system has no {options.Kind} tunnel", UseRootless);
        }
    }

    /// <summary>Kernel, then TUN, then rootless; the reason tells what the better ones lacked.</summary>
    private static async Task<ITunnel> OpenBestAsync(TunnelOptions options, CancellationToken cancellationToken)
    {
        string noKernel;
        try
        {
            return await OpenAsync(options with { Kind = TunnelKind.Kernel }, cancellationToken).ConfigureAwait(false);
        }
        catch (TunnelException e)
        {
            noKernel = $"No kernel tunnel: {e.Lack}";
        }

        var userspace = options with { Kind = TunnelKind.Userspace };
        try
        {
            return await Task.Run(() => Open(userspace, noKernel), cancellationToken).ConfigureAwait(false);
        }
        catch (TunnelException e)
        {
            return RootlessAdapter.Open(options, $"{noKernel} No userspace tunnel: {e.Lack}");
        }
    }

    private static void Check(TunnelOptions options)
    {
        if (!IsInterfaceName(options.InterfaceName))
        {
            throw new TunnelException(
                $"'{options.InterfaceName}' is no interface name: use 1 to 15 of the characters A-Z a-z 0-9 _ = + . -");
        }

        if (options.Mtu is < 1280 or > 65535)
        {
            throw new TunnelException($"The MTU must be 1280 to 65535 bytes, not {options.Mtu}.");
        }

        if (options.ListenPort is < 0 or > IPEndPoint.MaxPort)
        {
            throw new TunnelException($"{options.ListenPort} is no UDP port.");
        }
    }

    private static bool IsInterfaceName(string name)
        => name.Length is > 0 and <= 15 && name is not ("." or "..") && name.All(c => char.IsAsciiLetterOrDigit(c) || "_=+.-".Contains(c));
}

/// <summary>What a person must change before a tunnel can be had.</summary>
public enum TunnelObstacle
{
    /// <summary>What the message says.</summary>
    Other,

    /// <summary>The process lacks a privilege: root, CAP_NET_ADMIN, an administrator's rights.</summary>
    NotPermitted,

    /// <summary>The system has no such driver, or may not load it.</summary>
    NoDriver,
}

/// <summary>A tunnel could not be brought up. The message is for people: what failed and what to do.</summary>
public sealed class TunnelException : Exception
{
    /// <summary>With a message that says what to do.</summary>
    public TunnelException(string message)
        : base(message) => Lack = message;

    /// <summary>With the cause.</summary>
    public TunnelException(string message, Exception inner)
        : base(message, inner) => Lack = message;

    /// <summary>With what to do apart from what failed.</summary>
    /// <param name="lack">A sentence without its full stop.</param>
    /// <param name="remedy">The rest of it, with one.</param>
    /// <param name="inner">The cause, where there is one.</param>
    public TunnelException(string lack, string remedy, Exception? inner = null)
        : base($"{lack}: {remedy}", inner) => Lack = lack + ".";

    /// <summary>What failed, without what to do where that is told apart: for whoever has done it already, such as taken another tunnel.</summary>
    public string Lack { get; }

    /// <summary>The kind of failure, for callers that know a better remedy than the message.</summary>
    public TunnelObstacle Obstacle { get; init; }
}
