using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Security.Cryptography;

namespace NetBird.WireGuard.Userspace.Noise;

/// <summary>BLAKE2s (RFC 7693), plain and keyed, over spans and without allocation.</summary>
internal struct Blake2s
{
    public const int HashSize = 32;
    public const int BlockSize = 64;
    public const int MacSize = 16;

    // RFC 7693 section 2.6: the same fractions as SHA-256's initial state.
    private static ReadOnlySpan<uint> Initial =>
    [
        0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19,
    ];

    // RFC 7693 section 2.7.
    private static ReadOnlySpan<byte> Sigma =>
    [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
        14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3,
        11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4,
        7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8,
        9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13,
        2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9,
        12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11,
        13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10,
        6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5,
        10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0,
    ];

    private Words8 _h;
    private Block _buffer;
    private int _buffered;
    private ulong _count;
    private readonly int _outputSize;

    /// <param name="outputSize">1 to 32 bytes.</param>
    /// <param name="key">At most 32 bytes; empty for the plain hash.</param>
    public Blake2s(int outputSize, scoped ReadOnlySpan<byte> key = default)
    {
        _outputSize = outputSize;
        for (var i = 0; i < 8; i++)
        {
            _h[i] = Initial[i];
        }

        _h[0] ^= 0x01010000u ^ ((uint)key.Length << 8) ^ (uint)outputSize;
        if (key.Length > 0)
        {
            key.CopyTo(_buffer);
            _buffered = BlockSize;
        }
    }

    /// <summary>
    /// WireGuard's Mac with the key's block already taken in: a copy of this serves each message, which saves a third of a short one's work.
    /// </summary>
    public static Blake2s KeyedMac(ReadOnlySpan<byte> key)
    {
        var state = new Blake2s(MacSize, key);
        state.CompressFull();
        return state;
    }

    public void Update(scoped ReadOnlySpan<byte> data)
    {
        while (data.Length > 0)
        {
            // A full block waits here until more follows, since the last one is compressed differently.
            if (_buffered == BlockSize)
            {
                CompressFull();
            }

            var take = Math.Min(BlockSize - _buffered, data.Length);
            data[..take].CopyTo(((Span<byte>)_buffer)[_buffered..]);
            _buffered += take;
            data = data[take..];
        }
    }

    /// <summary>Writes the hash and wipes the state, which may have been keyed.</summary>
    public void Finish(scoped Span<byte> output)
    {
        _count += (ulong)_buffered;
        ((Span<byte>)_buffer)[_buffered..].Clear();
        Compress(last: true);
        Span<byte> hash = stackalloc byte[HashSize];
        for (var i = 0; i < 8; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(hash[(4 * i)..], _h[i]);
        }

        hash[.._outputSize].CopyTo(output);
        CryptographicOperations.ZeroMemory(hash);
        CryptographicOperations.ZeroMemory(_buffer);
        ((Span<uint>)_h).Clear();
    }

    /// <summary>The 32-byte hash of two parts, one after the other.</summary>
    public static void Hash(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, Span<byte> output)
    {
        var state = new Blake2s(HashSize);
        state.Update(first);
        state.Update(second);
        state.Finish(output);
    }

    /// <summary>WireGuard's Mac: the keyed 16-byte hash (WireGuard paper, section 5.4).</summary>
    public static void Mac(ReadOnlySpan<byte> key, ReadOnlySpan<byte> data, Span<byte> output)
    {
        var state = new Blake2s(MacSize, key);
        state.Update(data);
        state.Finish(output);
    }

    /// <summary>WireGuard's Hmac: HMAC (RFC 2104) with BLAKE2s, for HKDF; the key is at most a block.</summary>
    public static void Hmac(ReadOnlySpan<byte> key, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, Span<byte> output)
    {
        Span<byte> pad = stackalloc byte[BlockSize];
        Span<byte> inner = stackalloc byte[HashSize];
        pad.Fill(0x36);
        for (var i = 0; i < key.Length; i++)
        {
            pad[i] ^= key[i];
        }

        var state = new Blake2s(HashSize);
        state.Update(pad);
        state.Update(first);
        state.Update(second);
        state.Finish(inner);
        for (var i = 0; i < BlockSize; i++)
        {
            pad[i] ^= 0x36 ^ 0x5C;
        }

        state = new Blake2s(HashSize);
        state.Update(pad);
        state.Update(inner);
        state.Finish(output);
        CryptographicOperations.ZeroMemory(pad);
        CryptographicOperations.ZeroMemory(inner);
    }

    private void CompressFull()
    {
        _count += BlockSize;
        Compress(last: false);
        _buffered = 0;
    }

    // RFC 7693 section 3.2: the four columns of the state are mixed at once, then its four diagonals turned into columns.
    private void Compress(bool last)
    {
        Span<uint> m = stackalloc uint[16];
        for (var i = 0; i < 16; i++)
        {
            m[i] = BinaryPrimitives.ReadUInt32LittleEndian(((ReadOnlySpan<byte>)_buffer)[(4 * i)..]);
        }

        ReadOnlySpan<uint> h = _h;
        var (h0, h1) = (Vector128.Create(h), Vector128.Create(h[4..]));
        var (a, b, c) = (h0, h1, Vector128.Create(Initial));
        var d = Vector128.Create(Initial[4..]) ^ Vector128.Create((uint)_count, (uint)(_count >> 32), last ? uint.MaxValue : 0, 0);
        for (var round = 0; round < 10; round++)
        {
            var s = Sigma.Slice(round * 16, 16);
            Mix(ref a, ref b, ref c, ref d, Vector128.Create(m[s[0]], m[s[2]], m[s[4]], m[s[6]]), Vector128.Create(m[s[1]], m[s[3]], m[s[5]], m[s[7]]));
            b = Vector128.Shuffle(b, Vector128.Create(1u, 2, 3, 0));
            c = Vector128.Shuffle(c, Vector128.Create(2u, 3, 0, 1));
            d = Vector128.Shuffle(d, Vector128.Create(3u, 0, 1, 2));
            Mix(ref a, ref b, ref c, ref d, Vector128.Create(m[s[8]], m[s[10]], m[s[12]], m[s[14]]), Vector128.Create(m[s[9]], m[s[11]], m[s[13]], m[s[15]]));
            b = Vector128.Shuffle(b, Vector128.Create(3u, 0, 1, 2));
            c = Vector128.Shuffle(c, Vector128.Create(2u, 3, 0, 1));
            d = Vector128.Shuffle(d, Vector128.Create(1u, 2, 3, 0));
        }

        (h0 ^ a ^ c).CopyTo(_h);
        (h1 ^ b ^ d).CopyTo(((Span<uint>)_h)[4..]);
        m.Clear();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Mix(
        ref Vector128<uint> a, ref Vector128<uint> b, ref Vector128<uint> c, ref Vector128<uint> d, Vector128<uint> x, Vector128<uint> y)
    {
        a += b + x;
        d = RotateRight(d ^ a, 16);
        c += d;
        b = RotateRight(b ^ c, 12);
        a += b + y;
        d = RotateRight(d ^ a, 8);
        c += d;
        b = RotateRight(b ^ c, 7);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> RotateRight(Vector128<uint> value, int bits) => (value >>> bits) | (value << (32 - bits));

    [InlineArray(8)]
    private struct Words8
    {
        private uint _first;
    }

    [InlineArray(BlockSize)]
    private struct Block
    {
        private byte _first;
    }
}
