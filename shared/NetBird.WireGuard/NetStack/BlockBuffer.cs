namespace NetBird.WireGuard.NetStack;

/// <summary>
/// Bytes of a sequence space in pooled blocks, addressed by absolute position. Blocks appear where bytes are
/// written (out of order too) and go back when everything in them is discarded, so an idle connection holds
/// none. Not thread-safe: the connection's lock guards it.
/// </summary>
internal sealed class BlockBuffer(BlockPool pool, long start)
{
    private byte[]?[] _slots = [];
    private int _head;
    private int _held;

    // Position of the first byte of the slot at _head.
    private long _origin = start;

    /// <summary>Blocks held now.</summary>
    public int HeldBlocks => _held;

    /// <summary>Writes at a position not before what was discarded.</summary>
    /// <returns>Bytes written; fewer than given when the pool is empty.</returns>
    public int Write(long position, ReadOnlySpan<byte> data)
    {
        var written = 0;
        while (written < data.Length)
        {
            var slot = (int)((position - _origin) / BlockPool.BlockSize);
            var within = (int)((position - _origin) % BlockPool.BlockSize);
            if (!TryEnsure(slot))
            {
                break;
            }

            var count = Math.Min(BlockPool.BlockSize - within, data.Length - written);
            data.Slice(written, count).CopyTo(At(slot).AsSpan(within));
            written += count;
            position += count;
        }

        return written;
    }

    /// <summary>Copies out bytes that were written and not discarded.</summary>
    public void Read(long position, Span<byte> destination)
    {
        while (destination.Length > 0)
        {
            var slot = (int)((position - _origin) / BlockPool.BlockSize);
            var within = (int)((position - _origin) % BlockPool.BlockSize);
            var count = Math.Min(BlockPool.BlockSize - within, destination.Length);
            At(slot).AsSpan(within, count).CopyTo(destination);
            destination = destination[count..];
            position += count;
        }
    }

    /// <summary>Gives back blocks before a position.</summary>
    /// <param name="position">The first byte still needed.</param>
    /// <param name="isEmpty">True when nothing at or after it is held: the last block goes too.</param>
    public void Discard(long position, bool isEmpty)
    {
        if (isEmpty)
        {
            Clear(position);
            return;
        }

        while (position - _origin >= BlockPool.BlockSize)
        {
            ReleaseHead();
            _origin += BlockPool.BlockSize;
        }
    }

    /// <summary>Gives everything back.</summary>
    public void Clear(long position)
    {
        if (_held > 0)
        {
            for (var i = 0; i < _slots.Length; i++)
            {
                if (_slots[i] is { } block)
                {
                    _slots[i] = null;
                    pool.Return(block);
                }
            }

            _held = 0;
        }

        // The table of a connection that was busy is not kept for one that is idle.
        if (_slots.Length > 8)
        {
            _slots = [];
        }

        _head = 0;
        _origin = position;
    }

    private byte[] At(int slot) => _slots[(_head + slot) & (_slots.Length - 1)]
        ?? throw new InvalidOperationException("A byte was read that was never written.");

    private bool TryEnsure(int slot)
    {
        if (slot >= _slots.Length)
        {
            Grow(slot + 1);
        }

        ref var block = ref _slots[(_head + slot) & (_slots.Length - 1)];
        if (block is null)
        {
            block = pool.TryRent(_held);
            if (block is null)
            {
                return false;
            }

            _held++;
        }

        return true;
    }

    private void Grow(int needed)
    {
        var size = Math.Max(2, _slots.Length);
        while (size < needed)
        {
            size *= 2;
        }

        var grown = new byte[]?[size];
        for (var i = 0; i < _slots.Length; i++)
        {
            grown[i] = _slots[(_head + i) & (_slots.Length - 1)];
        }

        _slots = grown;
        _head = 0;
    }

    private void ReleaseHead()
    {
        if (_slots.Length == 0)
        {
            return;
        }

        if (_slots[_head] is { } block)
        {
            _slots[_head] = null;
            _held--;
            pool.Return(block);
        }

        _head = (_head + 1) & (_slots.Length - 1);
    }
}
