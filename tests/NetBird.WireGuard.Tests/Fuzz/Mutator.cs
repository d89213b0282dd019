using System.Buffers.Binary;

namespace NetBird.WireGuard.Tests.Fuzz;

/// <summary>
/// Makes case after case out of a corpus: each is a seed with a few changes of the kinds that parsers stumble over. The number of a case
/// is all it takes to make it again.
/// </summary>
internal sealed class Mutator(IReadOnlyList<byte[]> corpus)
{
    private const int MostBytes = 8 * 1024;

    private static readonly byte[] s_telling = [0, 1, 2, 3, 4, 7, 8, 16, 31, 32, 63, 64, 127, 128, 148, 254, 255, (byte)'\n', (byte)'=', (byte)'/', (byte)':', (byte)'[', (byte)']', (byte)','];
    private static readonly ushort[] s_lengths = [0, 1, 3, 4, 5, 15, 16, 20, 40, 255, 256, 1419, 1420, 1500, 32767, 32768, 65519, 65535];

    private readonly byte[] _bytes = new byte[MostBytes];
    private int _length;
    private ulong _state;

    /// <summary>The bytes of a case, valid until the next call.</summary>
    public Span<byte> Make(long number)
    {
        _state = unchecked((ulong)number * 0x9E3779B97F4A7C15UL);
        var seed = corpus[Next(corpus.Count)];
        _length = Math.Min(seed.Length, MostBytes);
        seed.AsSpan(0, _length).CopyTo(_bytes);

        // One case in 16 is a seed as it is.
        for (var changes = Next(16) == 0 ? 0 : 1 + Next(6); changes > 0; changes--)
        {
            Change();
        }

        return _bytes.AsSpan(0, _length);
    }

    private void Change()
    {
        var at = Next(_length + 1);
        switch (Next(9))
        {
            case 0 when at < _length:
                _bytes[at] ^= (byte)(1 << Next(8));
                break;
            case 1 when at < _length:
                _bytes[at] = (byte)Next(256);
                break;
            case 2 when at < _length:
                _bytes[at] = s_telling[Next(s_telling.Length)];
                break;
            case 3 when at + 1 < _length:
                var value = s_lengths[Next(s_lengths.Length)];
                BinaryPrimitives.WriteUInt16LittleEndian(_bytes.AsSpan(at), Next(2) == 0 ? value : BinaryPrimitives.ReverseEndianness(value));
                break;
            case 4:
                _length = at;
                break;
            case 5:
                var count = Math.Min(Next(20), _length - at);
                _bytes.AsSpan((at + count).._length).CopyTo(_bytes.AsSpan(at));
                _length -= count;
                break;
            case 6:
                Insert(at, Next(20));
                break;
            case 7:
                Repeat(at, Next(200));
                break;
            default:
                Splice(at, corpus[Next(corpus.Count)]);
                break;
        }
    }

    private void Insert(int at, int count)
    {
        count = Math.Min(count, MostBytes - _length);
        _bytes.AsSpan(at, _length - at).CopyTo(_bytes.AsSpan(at + count));
        for (var i = 0; i < count; i++)
        {
            _bytes[at + i] = (byte)Next(256);
        }

        _length += count;
    }

    private void Repeat(int at, int count)
    {
        count = Math.Min(count, Math.Min(_length - at, MostBytes - _length));
        _bytes.AsSpan(at, _length - at).CopyTo(_bytes.AsSpan(at + count));
        _length += count;
    }

    private void Splice(int at, byte[] other)
    {
        if (other.Length > 0)
        {
            var tail = other.AsSpan(Next(other.Length));
            tail = tail[..Math.Min(tail.Length, MostBytes - at)];
            tail.CopyTo(_bytes.AsSpan(at));
            _length = at + tail.Length;
        }
    }

    // splitmix64 (Steele, Lea and Flood, 2014).
    private int Next(int below)
    {
        unchecked
        {
            _state += 0x9E3779B97F4A7C15UL;
            var z = _state;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
            return (int)(((z ^ (z >> 31)) >> 32) * (ulong)below >> 32);
        }
    }
}
