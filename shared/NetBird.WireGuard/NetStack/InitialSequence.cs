using System.Buffers.Binary;
using System.Security.Cryptography;

namespace NetBird.WireGuard.NetStack;

/// <summary>
/// Initial sequence numbers by RFC 6528 section 3: a clock of 4 us ticks plus a keyed hash of the flow, so that
/// nobody off the path guesses them and a flow's numbers still move forward. The same secret gives the offset
/// of the timestamp clock (RFC 7323 section 5.4) and the first port to try (RFC 6056 section 3.3.3).
/// </summary>
internal sealed class InitialSequence
{
    private readonly byte[] _secret = RandomNumberGenerator.GetBytes(32);

    /// <param name="flow">The four-tuple.</param>
    /// <param name="now">Microseconds.</param>
    public (uint Sequence, uint TimestampOffset) For(in FlowKey flow, long now)
    {
        var hash = Hash(in flow);
        return ((uint)(now / 4) + (uint)hash, (uint)(hash >> 32));
    }

    /// <summary>Where the search for a free local port starts.</summary>
    public int PortOffset(OverlayAddress remote, ushort port) => (int)(Hash(new FlowKey(default, 0, remote, port)) & 0x7FFFFFFF);

    private ulong Hash(in FlowKey flow)
    {
        Span<byte> input = stackalloc byte[36];
        input.Clear();
        flow.Local.Write(input);
        flow.Remote.Write(input[16..]);
        BinaryPrimitives.WriteUInt16BigEndian(input[32..], flow.LocalPort);
        BinaryPrimitives.WriteUInt16BigEndian(input[34..], flow.RemotePort);
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(_secret, input, hash);
        return BinaryPrimitives.ReadUInt64LittleEndian(hash);
    }
}
