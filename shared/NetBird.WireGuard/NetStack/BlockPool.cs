using System.Collections.Concurrent;

namespace NetBird.WireGuard.NetStack;

/// <summary>
/// The stack's memory for payload: blocks of one size under one limit. Past the limit a buffer still gets its
/// first <see cref="FloorBlocks"/>, so every connection makes progress and the true bound is the limit plus
/// that floor for each buffer. Thread-safe.
/// </summary>
internal sealed class BlockPool(long limitBytes)
{
    public const int BlockSize = 16 * 1024;

    /// <summary>Blocks that a buffer gets whatever the pressure.</summary>
    public const int FloorBlocks = 2;

    // Kept for reuse when idle: 16 MiB. More goes back to the collector.
    private const int KeptBlocks = 1024;

    private readonly ConcurrentQueue<byte[]> _free = new();
    private long _inUse;

    public long InUseBytes => Volatile.Read(ref _inUse) * BlockSize;

    /// <summary>True past three quarters of the limit: windows stop growing.</summary>
    public bool IsUnderPressure => InUseBytes > limitBytes / 4 * 3;

    /// <summary>A block with whatever was in it, or null at the limit.</summary>
    /// <param name="held">Blocks the asking buffer has already.</param>
    public byte[]? TryRent(int held)
    {
        if (Interlocked.Increment(ref _inUse) * BlockSize > limitBytes && held >= FloorBlocks)
        {
            Interlocked.Decrement(ref _inUse);
            return null;
        }

        return _free.TryDequeue(out var block) ? block : GC.AllocateUninitializedArray<byte>(BlockSize);
    }

    public void Return(byte[] block)
    {
        Interlocked.Decrement(ref _inUse);
        if (_free.Count < KeptBlocks)
        {
            _free.Enqueue(block);
        }
    }
}
