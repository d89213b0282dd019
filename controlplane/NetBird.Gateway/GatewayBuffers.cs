using System.Buffers;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace NetBird.Gateway;

/// <summary>
/// Buffers of the gateway's connections, in blocks of eight times Kestrel's own: a body of megabytes is an eighth of the system calls, and a
/// connection that waits for its next request holds none. Kestrel asks for few bytes or zero and expects a whole block; the shared pool by
/// itself would give as few.
/// </summary>
public sealed class GatewayBuffers : MemoryPool<byte>, IMemoryPoolFactory<byte>, IMemoryPoolFeature
{
    // Ours: more brought nothing.
    private const int BlockBytes = 32 * 1024;

    private GatewayBuffers()
    {
    }

    /// <summary>For all connections, for as long as the process lives.</summary>
    public static GatewayBuffers Instance { get; } = new();

    /// <inheritdoc/>
    public override int MaxBufferSize => Shared.MaxBufferSize;

    MemoryPool<byte> IMemoryPoolFeature.MemoryPool => this;

    /// <inheritdoc/>
    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => this;

    /// <inheritdoc/>
    public override IMemoryOwner<byte> Rent(int minBufferSize = -1) => Shared.Rent(Math.Max(minBufferSize, BlockBytes));

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        // The arrays are the shared pool's.
    }
}
