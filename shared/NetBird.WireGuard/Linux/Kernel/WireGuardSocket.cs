using NetBird.WireGuard.Configuration;
using NetBird.WireGuard.Linux.Netlink;

namespace NetBird.WireGuard.Linux.Kernel;

/// <summary>
/// The kernel's WireGuard interfaces of one network namespace (that of the thread that called
/// <see cref="Open"/>), read and changed over generic netlink; usable from any thread.
/// </summary>
internal sealed class WireGuardSocket : IDisposable
{
    private readonly GenericSocket _socket;

    private WireGuardSocket(GenericSocket socket) => _socket = socket;

    /// <exception cref="NetlinkException">ENOENT: the kernel has no WireGuard, or its module is not loaded yet.</exception>
    public static WireGuardSocket Open()
        => new(GenericSocket.Open(WireGuardAttributes.Family, WireGuardAttributes.Version));

    /// <summary>Reads an interface with its keys and every peer.</summary>
    /// <exception cref="NetlinkException">ENODEV: no such interface; EOPNOTSUPP: it is not WireGuard.</exception>
    public InterfaceState Read(string name)
    {
        // Ours: a busy interface is read again a few times; then the last picture is taken as it is.
        const int Attempts = 8;
        for (var attempt = 1; ; attempt++)
        {
            using var message = _socket.Compose(WireGuardAttributes.GetDevice, NetlinkFlags.Dump)
                .Put(WireGuardAttributes.Device.Name, name);
            using var reader = new WireGuardReader();
            if (_socket.Dump(message, $"read WireGuard interface {name}", (_, payload) => reader.Add(payload)) || attempt == Attempts)
            {
                return reader.Complete();
            }
        }
    }

    /// <summary>Applies a change, in as many messages as it takes.</summary>
    /// <exception cref="NetlinkException">The kernel refused; what earlier messages did stays done.</exception>
    public void Apply(string name, InterfaceChange change)
    {
        using var writer = new WireGuardWriter(
            () => _socket.Compose(WireGuardAttributes.SetDevice, NetlinkFlags.Ack),
            message => _socket.Request(message, $"configure WireGuard interface {name}"),
            name);
        writer.Write(change);
    }

    public void Dispose() => _socket.Dispose();
}
