namespace NetBird.WireGuard.Linux.Netlink;

/// <summary>One generic netlink family (linux/genetlink.h), in the opening thread's network namespace.</summary>
internal sealed class GenericSocket : IDisposable
{
    // linux/genetlink.h
    private const ushort ControlFamily = 0x10;
    private const byte GetFamily = 3;
    private const ushort FamilyId = 1;
    private const ushort FamilyName = 2;

    /// <summary>sizeof(struct genlmsghdr): command, version, two reserved bytes.</summary>
    internal const int HeaderSize = 4;

    private readonly NetlinkSocket _socket;
    private readonly ushort _family;
    private readonly byte _version;

    private GenericSocket(NetlinkSocket socket, ushort family, byte version)
        => (_socket, _family, _version) = (socket, family, version);

    /// <param name="family">Name of the family.</param>
    /// <param name="version">Version of its commands.</param>
    /// <exception cref="NetlinkException">ENOENT: the kernel has no such family.</exception>
    public static GenericSocket Open(string family, byte version)
    {
        var socket = NetlinkSocket.Open(NetlinkSocket.Generic);
        try
        {
            using var message = new NetlinkMessage(ControlFamily, NetlinkFlags.Request | NetlinkFlags.Ack)
                .Fixed([GetFamily, 1, 0, 0])
                .Put(FamilyName, family);
            ushort id = 0;
            socket.Request(message, $"find the generic netlink family '{family}'", (_, payload) => id = ParseFamily(payload) ?? id);
            return id != 0
                ? new GenericSocket(socket, id, version)
                : throw new InvalidDataException($"The kernel knows the family '{family}' but gave no number for it.");
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Starts a request to the family.</summary>
    public NetlinkMessage Compose(byte command, NetlinkFlags flags)
        => new NetlinkMessage(_family, NetlinkFlags.Request | flags).Fixed([command, _version, 0, 0]);

    /// <inheritdoc cref="NetlinkSocket.Request"/>
    public void Request(NetlinkMessage message, string doing) => _socket.Request(message, doing);

    /// <summary>Runs a dump; the payload of each answer begins after the family's header.</summary>
    /// <returns>False when something changed meanwhile and it should be run again.</returns>
    public bool Dump(NetlinkMessage message, string doing, NetlinkSocket.Answer answer)
        => _socket.Dump(message, doing, (type, payload) =>
        {
            if (type == _family && payload.Length >= HeaderSize)
            {
                answer(type, payload[HeaderSize..]);
            }
        });

    public void Dispose() => _socket.Dispose();

    internal static ushort? ParseFamily(ReadOnlySpan<byte> payload)
    {
        if (payload.Length < HeaderSize)
        {
            throw new InvalidDataException("A generic netlink answer lacks its header.");
        }

        var attributes = new NetlinkAttributes(payload[HeaderSize..]);
        while (attributes.Next())
        {
            if (attributes.Type == FamilyId)
            {
                return attributes.Read<ushort>();
            }
        }

        return null;
    }
}
