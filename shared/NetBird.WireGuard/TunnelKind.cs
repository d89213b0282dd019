namespace NetBird.WireGuard;

/// <summary>What carries the tunnel on this machine.</summary>
public enum TunnelKind
{
    /// <summary>Not a tunnel but a wish: the best that works here, kernel, then userspace, then rootless.</summary>
    Auto = 0,

    /// <summary>The operating system's WireGuard: the Linux module over netlink, or WireGuardNT.</summary>
    Kernel = 1,

    /// <summary>Our engine over a TUN device.</summary>
    Userspace = 2,

    /// <summary>Our engine with a TCP/IP stack in this process; needs no privilege.</summary>
    Rootless = 3,

    /// <summary>An interface that another program runs (wireguard-go), set up over its UAPI socket. Never picked by itself.</summary>
    External = 4,
}
