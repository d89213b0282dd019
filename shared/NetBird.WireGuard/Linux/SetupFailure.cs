using System.Runtime.Versioning;
using NetBird.WireGuard.Linux.Netlink;
using static Tmds.Linux.LibC;

namespace NetBird.WireGuard.Linux;

/// <summary>What a refusal of the kernel means to the person who wanted an interface.</summary>
[SupportedOSPlatform("linux")]
internal static class SetupFailure
{
    public static TunnelException Explain(NetlinkException e, TunnelOptions options)
    {
        var name = options.InterfaceName;
        var errno = e.Errno;
        return (errno == EOPNOTSUPP || errno == ENOENT) && IsOfDriver(e.Doing)
                ? new("This kernel has no WireGuard (its module is missing, or may not be loaded here)", "use --tunnel userspace or rootless.", e)
                {
                    Obstacle = TunnelObstacle.NoDriver,
                }
            : errno == EPERM || errno == EACCES
                ? new("This process may not set up network interfaces (it lacks CAP_NET_ADMIN)", "run it as root, or use --tunnel rootless.", e)
                {
                    Obstacle = TunnelObstacle.NotPermitted,
                }
            : errno == EEXIST && e.Doing.StartsWith("create", StringComparison.Ordinal)
                ? new($"An interface named {name} exists already: choose another name, or stop the program that has it.", e)
            : errno == EEXIST && e.Doing.StartsWith("add route", StringComparison.Ordinal)
                ? new($"{e.Message} Another interface has that route ('ip route' shows it): stop what made it, or keep this one in a network "
                    + "namespace of its own.", e)
            : errno == EADDRINUSE
                ? new($"UDP port {options.ListenPort} is taken: choose another port, or stop the program that has it.", e)
            : new TunnelException($"The interface {name} could not be set up. {e.Message}", e);
    }

    // Creating the link and finding its netlink family are what a kernel without the module cannot do.
    private static bool IsOfDriver(string doing)
        => doing.StartsWith("create", StringComparison.Ordinal) || doing.StartsWith("find the generic netlink family", StringComparison.Ordinal);
}
