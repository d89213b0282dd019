using System.Buffers;
using Microsoft.AspNetCore.Connections.Features;

namespace NetBird.ControlPlane.GatewayHosting;

/// <summary>
/// Buffers for Kestrel on a transport that is not its own. Kestrel asks for zero bytes and expects a whole block, as its
/// own pool gives; the shared pool gives nothing, and the answer's first write fails.
/// </summary>
internal sealed class BlockPool : MemoryPool<byte>, IMemoryPoolFeature
{
    // Kestrel's own block size.
    private const int BlockBytes = 4096;

    public static readonly BlockPool Instance = new();

    MemoryPool<byte> IMemoryPoolFeature.MemoryPool => this;

    public override int MaxBufferSize => Shared.MaxBufferSize;

    public override IMemoryOwner<byte> Rent(int minBufferSize = -1) => Shared.Rent(Math.Max(minBufferSize, BlockBytes));

    protected override void Dispose(bool disposing)
    {
        // Shared for as long as the process lives.
    }
}
