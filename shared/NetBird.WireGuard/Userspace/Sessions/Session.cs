using System.Buffers.Binary;
using NetBird.WireGuard.Userspace.Noise;
using NetBird.WireGuard.Userspace.Peers;

namespace NetBird.WireGuard.Userspace.Sessions;

/// <summary>
/// One pair of transport keys (WireGuard paper, section 5.4.6) and what was sent and seen under it. Any number of threads
/// may seal and open at once; the keys are wiped when the last of them is through after <see cref="Dispose"/>.
/// </summary>
internal sealed class Session(Peer peer, uint localIndex, SessionKeys keys, long createdMs) : IDisposable
{
    private readonly Lock _windowGate = new();
    private readonly ReplayWindow _window = new();
    private ulong _nextCounter;
    private int _users = 1;
    private int _disposed;

    public Peer Peer => peer;

    public uint LocalIndex => localIndex;

    public bool IsInitiator => keys.IsInitiator;

    public long CreatedMs => createdMs;

    public ulong SentMessages => Volatile.Read(ref _nextCounter);

    /// <summary>True while packets may be sealed and opened under it.</summary>
    public bool IsAlive(long nowMs)
        => nowMs - createdMs < Limits.RejectAfterMs && SentMessages < Limits.RejectAfterMessages;

    /// <summary>
    /// Makes the data message in place: the payload lies, already padded, behind the header's 16 bytes, and the tag follows it.
    /// </summary>
    /// <param name="message">Header, payload and tag.</param>
    /// <returns>False when the session is used up or disposed.</returns>
    public bool TrySeal(Span<byte> message)
    {
        if (!TryEnter())
        {
            return false;
        }

        try
        {
            if (!TryReserve(message))
            {
                return false;
            }

            SealReserved(message);
            return true;
        }
        finally
        {
            Leave();
        }
    }

    /// <summary>Writes the header with the next counter; the message is sealed later.</summary>
    /// <returns>False when the session is used up.</returns>
    public bool TryReserve(Span<byte> message)
    {
        var counter = Interlocked.Increment(ref _nextCounter) - 1;
        if (counter >= Limits.RejectAfterMessages)
        {
            return false;
        }

        BinaryPrimitives.WriteUInt32LittleEndian(message, WireFormat.Data);
        BinaryPrimitives.WriteUInt32LittleEndian(message[4..], keys.RemoteIndex);
        BinaryPrimitives.WriteUInt64LittleEndian(message[8..], counter);
        return true;
    }

    /// <summary>Seals under the counter in the header; inside <see cref="TryEnter"/>, once for each counter.</summary>
    public void SealReserved(Span<byte> message)
    {
        var sealedText = message[WireFormat.DataHeaderSize..];
        Sodium.Seal(keys.Send, BinaryPrimitives.ReadUInt64LittleEndian(message[8..]), sealedText[..^Sodium.TagSize], default, sealedText);
    }

    /// <summary>Opens a data message in place; false when it is forged, replayed or too late.</summary>
    /// <param name="message">Header, payload and tag; the payload is plaintext afterwards.</param>
    public bool TryOpen(Span<byte> message)
    {
        if (!TryEnter())
        {
            return false;
        }

        try
        {
            return TryDecrypt(message) && TryTakeCounter(message);
        }
        finally
        {
            Leave();
        }
    }

    /// <summary>Opens without looking for replays; inside <see cref="TryEnter"/>.</summary>
    public bool TryDecrypt(Span<byte> message)
    {
        var sealedText = message[WireFormat.DataHeaderSize..];
        return Sodium.TryOpen(
            keys.Receive, BinaryPrimitives.ReadUInt64LittleEndian(message[8..]), sealedText, default, sealedText[..^Sodium.TagSize]);
    }

    /// <summary>Takes the counter of a message that proved authentic; before, a forger could move the window.</summary>
    /// <returns>False for a replay, or too late.</returns>
    public bool TryTakeCounter(ReadOnlySpan<byte> message)
    {
        lock (_windowGate)
        {
            return _window.TryTake(BinaryPrimitives.ReadUInt64LittleEndian(message[8..]));
        }
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            Leave();
        }
    }

    /// <summary>Holds the keys until <see cref="Leave"/>; false when they are wiped already.</summary>
    public bool TryEnter()
    {
        var users = Volatile.Read(ref _users);
        while (users > 0)
        {
            var seen = Interlocked.CompareExchange(ref _users, users + 1, users);
            if (seen == users)
            {
                return true;
            }

            users = seen;
        }

        return false;
    }

    public void Leave()
    {
        if (Interlocked.Decrement(ref _users) == 0)
        {
            keys.Dispose();
        }
    }
}
