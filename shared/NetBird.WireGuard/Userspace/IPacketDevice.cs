namespace NetBird.WireGuard.Userspace;

/// <summary>
/// The plaintext side of the engine: a TUN device or the in-process stack. Packets are whole IPv4 or IPv6
/// packets without any link header.
/// </summary>
internal interface IPacketDevice : IAsyncDisposable
{
    /// <summary>Largest packet in bytes.</summary>
    int Mtu { get; }

    /// <summary>Begins to hand over packets that leave this machine. Called once.</summary>
    /// <param name="outbound">
    /// Takes a packet to encrypt and send. May be called from several threads; copies what it keeps; never blocks
    /// for long and drops when the tunnel is congested.
    /// </param>
    void Start(OutboundPacket outbound);

    /// <summary>Takes one decrypted, source-checked packet from a peer. Called from several threads; may drop.</summary>
    void Write(ReadOnlySpan<byte> packet);

    /// <summary>Ends a batch of <see cref="Write"/>; devices that coalesce hand on what they hold.</summary>
    void Flush();
}

/// <summary>A plaintext packet on its way into the tunnel; valid during the call.</summary>
internal delegate void OutboundPacket(ReadOnlySpan<byte> packet);

/// <summary>
/// A device that writes its packets straight into the engine's trains, so that many leave in one call. Others implement
/// <see cref="IPacketDevice"/> alone.
/// </summary>
internal interface IBatchingPacketDevice : IPacketDevice
{
    /// <summary>Called once, in place of the other.</summary>
    /// <param name="open">Makes a train for one of the device's threads.</param>
    void Start(Func<OutboundTrain> open);
}
