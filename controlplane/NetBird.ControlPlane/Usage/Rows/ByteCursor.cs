using System.Buffers.Binary;
using System.Text;

namespace NetBird.ControlPlane.Usage.Rows;

/// <summary>Reads a packed block. Every length is checked against what is left: a damaged block throws, it is not believed.</summary>
internal struct ByteCursor(byte[] data, int position, int end)
{
    private int _position = position;

    public readonly int Position => _position;

    public readonly bool AtEnd => _position >= end;

    public byte Byte() => _position < end ? data[_position++] : throw Damaged();

    public long Int64()
    {
        var value = BinaryPrimitives.ReadInt64LittleEndian(Take(8));
        return value;
    }

    /// <summary>7 bits a byte, low ones first, as LEB128.</summary>
    public long Varint()
    {
        ulong value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var next = Byte();
            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
            {
                return (long)value;
            }
        }

        throw Damaged();
    }

    public int Count()
    {
        var value = Varint();
        return value >= 0 && value <= end - _position ? (int)value : throw Damaged();
    }

    public string Text() => Encoding.UTF8.GetString(TextBytes());

    /// <summary>A text's bytes, UTF-8, where they lie.</summary>
    public ReadOnlySpan<byte> TextBytes() => Take(Count());

    /// <summary>A part of its own, by its length prefix; this cursor goes on behind it.</summary>
    public ByteCursor Part()
    {
        var length = Count();
        var part = new ByteCursor(data, _position, _position + length);
        _position += length;
        return part;
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > end - _position)
        {
            throw Damaged();
        }

        var taken = data.AsSpan(_position, count);
        _position += count;
        return taken;
    }

    public static InvalidDataException Damaged() => new("A block of usage rows is damaged.");
}
