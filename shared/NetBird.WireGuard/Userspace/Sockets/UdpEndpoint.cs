using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace NetBird.WireGuard.Userspace.Sockets;

/// <summary>
/// Where a peer is on the outer network, and by which of our addresses it reaches us. IPv4 is held as IPv4-mapped IPv6
/// (RFC 4291 section 2.5.5.2), as the one dual-stack socket sees it. Immutable: a peer that roams gets another.
/// </summary>
internal sealed class UdpEndpoint
{
    private const ulong MappedPrefix = 0xFFFF;

    public UdpEndpoint(UInt128 address, ushort port, uint scopeId = 0, UInt128 source = default, int sourceInterface = 0)
    {
        Address = address;
        Port = port;
        ScopeId = scopeId;
        Source = source;
        SourceInterface = sourceInterface;
    }

    public UdpEndpoint(IPEndPoint endpoint)
    {
        Address = ToMapped(endpoint.Address);
        Port = (ushort)endpoint.Port;
        ScopeId = endpoint.Address.AddressFamily == AddressFamily.InterNetworkV6 ? (uint)endpoint.Address.ScopeId : 0;
    }

    public UInt128 Address { get; }

    public ushort Port { get; }

    public uint ScopeId { get; }

    /// <summary>Our address that the peer's last packet came to; zero lets the routing table choose.</summary>
    public UInt128 Source { get; }

    /// <summary>Index of the interface that it came in by; zero for any.</summary>
    public int SourceInterface { get; }

    public bool IsIPv4 => IsMapped(Address);

    /// <summary>The same place without a source of our own, after the peer fell silent.</summary>
    public UdpEndpoint WithoutSource() => Source == default && SourceInterface == 0 ? this : new(Address, Port, ScopeId);

    public bool Matches(UInt128 address, ushort port, uint scopeId, UInt128 source, int sourceInterface)
        => Address == address && Port == port && ScopeId == scopeId && Source == source && SourceInterface == sourceInterface;

    public bool Matches(UdpEndpoint other)
        => Matches(other.Address, other.Port, other.ScopeId, other.Source, other.SourceInterface);

    public static bool IsMapped(UInt128 address) => (ulong)(address >> 64) == 0 && (ulong)(address >> 32) == MappedPrefix;

    public static UInt128 ToMapped(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        _ = address.MapToIPv6().TryWriteBytes(bytes, out _);
        return BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }

    public IPEndPoint ToIPEndPoint()
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, Address);
        return IsIPv4 ? new IPEndPoint(new IPAddress(bytes[12..]), Port) : new IPEndPoint(new IPAddress(bytes, ScopeId), Port);
    }

    public override string ToString() => ToIPEndPoint().ToString();
}
