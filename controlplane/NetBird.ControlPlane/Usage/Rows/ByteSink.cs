using System.Buffers.Binary;
using System.Text;

namespace NetBird.ControlPlane.Usage.Rows;

/// <summary>A growing buffer that <see cref="ByteCursor"/> reads back.</summary>
internal sealed class ByteSink
{
    private byte[] _data = new byte[512];

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Written => _data.AsSpan(0, Length);

    public void Clear() => Length = 0;

    public void Byte(byte value) => Room(1)[0] = value;

    public void Int64(long value) => BinaryPrimitives.WriteInt64LittleEndian(Room(8), value);

    public void Varint(long value)
    {
        var rest = (ulong)value;
        while (rest >= 0x80)
        {
            Byte((byte)(rest | 0x80));
            rest >>= 7;
        }

        Byte((byte)rest);
    }

    public void Text(string text)
    {
        var count = Encoding.UTF8.GetByteCount(text);
        Varint(count);
        Encoding.UTF8.GetBytes(text, Room(count));
    }

    public void Bytes(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Room(bytes.Length));

    private Span<byte> Room(int count)
    {
        if (_data.Length - Length < count)
        {
            Array.Resize(ref _data, Math.Max(_data.Length * 2, Length + count));
        }

        var room = _data.AsSpan(Length, count);
        Length += count;
        return room;
    }
}
