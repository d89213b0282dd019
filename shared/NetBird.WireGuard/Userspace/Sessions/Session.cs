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
            var counter = Interlocked.Increment(ref _nextCounter) - 1;
            if (counter >= Limits.RejectAfterMessages)
            {
                return false;
            }

            BinaryPrimitives.WriteUInt32LittleEndian(message, WireFormat.Data);
            BinaryPrimitives.WriteUInt32LittleEndian(message[4..], keys.RemoteIndex);
            BinaryPrimitives.WriteUInt64LittleEndian(message[8..], counter);
            var sealedText = message[WireFormat.DataHeaderSize..];
            Sodium.Seal(keys.Send, counter, sealedText[..^Sodium.TagSize], default, sealedText);
            return true;
        }
        finally
        {
            Leave();
        }
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
            var counter = BinaryPrimitives.ReadUInt64LittleEndian(message[8..]);
            var sealedText = message[WireFormat.DataHeaderSize..];
            if (!Sodium.TryOpen(keys.Receive, counter, sealedText, default, sealedText[..^Sodium.TagSize]))
            {
                return false;
            }

            // Only after it proved authentic, or a forger could move the window.
            lock (_windowGate)
            {
                return _window.TryTake(counter);
            }
        }
        finally
        {
            Leave();
        }
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            Leave();
        }
    }

    private bool TryEnter()
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

    private void Leave()
    {
        if (Interlocked.Decrement(ref _users) == 0)
        {
            keys.Dispose();
        }
    }
}
