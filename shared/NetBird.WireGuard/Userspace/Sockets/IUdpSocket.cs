namespace NetBird.WireGuard.Userspace.Sockets;

/// <summary>
/// The outer UDP socket, IPv4 and IPv6 on one port. Linux has a faster one than the rest. Sending is safe from any thread.
/// </summary>
internal interface IUdpSocket : IAsyncDisposable
{
    /// <summary>The port in use.</summary>
    int Port { get; }

    /// <summary>Begins to receive on threads of its own. Called once.</summary>
    void Start(IDatagramReceiver receiver);

    /// <summary>Sends one datagram, or a train of equal ones of which only the last may be shorter.</summary>
    /// <param name="to">Where to, and from which of our addresses.</param>
    /// <param name="datagrams">Back to back; a valid train holds at most 64 and 65,507 bytes.</param>
    /// <param name="datagramSize">Bytes of each but the last.</param>
    /// <param name="ecn">The outer header's ECN bits (RFC 3168), 0 to 3.</param>
    /// <returns>False when the operating system did not take them; they are lost, as datagrams may be.</returns>
    bool Send(UdpEndpoint to, ReadOnlySpan<byte> datagrams, int datagramSize, byte ecn);

    /// <summary>Marks every packet sent (SO_MARK), for routing policy and firewalls; zero marks none.</summary>
    /// <exception cref="IOException">This system has no marks, or the process may not set them.</exception>
    void SetMark(uint mark)
    {
        if (mark != 0)
        {
            throw new IOException("Packets cannot be marked here.");
        }
    }

    /// <summary>The network changed: sockets that need it are bound anew on the same port.</summary>
    void Rebind();
}

/// <summary>Takes what the socket receives; called from the socket's threads.</summary>
internal interface IDatagramReceiver
{
    /// <summary>One datagram, or several of equal size from one sender of which only the last may be shorter.</summary>
    /// <param name="datagrams">May be changed in place; valid during the call.</param>
    /// <param name="datagramSize">Bytes of each but the last.</param>
    /// <param name="from">Who sent them and by which of our addresses.</param>
    /// <param name="ecn">ECN bits of the outer header.</param>
    void Receive(Span<byte> datagrams, int datagramSize, in DatagramSource from, byte ecn);

    /// <summary>Nothing more is waiting now.</summary>
    void EndOfBatch();
}

/// <summary>Sender of a datagram; becomes an <see cref="UdpEndpoint"/> once it proved to be a peer.</summary>
/// <param name="Address">IPv4 as mapped IPv6.</param>
/// <param name="Port">Sender's port.</param>
/// <param name="ScopeId">Interface of a link-local address.</param>
/// <param name="Local">Our address it was sent to; zero when unknown.</param>
/// <param name="LocalInterface">Interface it came in by; zero when unknown.</param>
internal readonly record struct DatagramSource(UInt128 Address, ushort Port, uint ScopeId, UInt128 Local, int LocalInterface)
{
    /// <summary>What one host has to itself: an IPv4 address, or an IPv6 /64.</summary>
    public UInt128 HostKey => UdpEndpoint.IsMapped(Address) ? Address : Address >> 64 << 64;

    public UdpEndpoint ToEndpoint() => new(Address, Port, ScopeId, Local, LocalInterface);
}
