using System.Buffers.Binary;

namespace NetBird.WireGuard.NetStack;

/// <summary>A TCP header with the options we speak, apart from its bytes.</summary>
internal struct TcpHeader
{
    public const int MinimumSize = 20;
    public const int MaximumSize = 60;

    private const byte EndOfOptions = 0;
    private const byte NoOperation = 1;
    private const byte MssKind = 2;
    private const byte WindowScaleKind = 3;
    private const byte SackPermittedKind = 4;
    private const byte SackKind = 5;
    private const byte TimestampKind = 8;

    public ushort SourcePort;
    public ushort DestinationPort;
    public uint Sequence;
    public uint Acknowledgment;
    public TcpFlags Flags;
    public ushort Window;

    /// <summary>RFC 9293 section 3.2; zero when absent.</summary>
    public ushort MaximumSegment;

    /// <summary>RFC 7323 section 2.2; -1 when absent.</summary>
    public sbyte WindowScale;

    public bool SackPermitted;
    public bool HasTimestamp;
    public uint TimestampValue;
    public uint TimestampEcho;
    public int SackCount;
    public SackBlocks Sacks;

    public readonly bool Has(TcpFlags flag) => (Flags & flag) != 0;

    /// <summary>Bytes of the header with its options, padded to four.</summary>
    public readonly int Size
    {
        get
        {
            var options = (MaximumSegment != 0 ? 4 : 0) + (WindowScale >= 0 ? 4 : 0)
                + (SackPermitted ? 4 : 0) + (HasTimestamp ? 12 : 0) + (SackCount > 0 ? 4 + (8 * SackCount) : 0);
            return MinimumSize + options;
        }
    }

    /// <summary>Reads a header. Malformed options end the parsing of options, as hosts do in practice.</summary>
    /// <returns>False when the fixed header or its length field makes no sense.</returns>
    public static bool TryParse(ReadOnlySpan<byte> segment, out TcpHeader header, out int size)
    {
        header = new TcpHeader { WindowScale = -1 };
        size = 0;
        if (segment.Length < MinimumSize)
        {
            return false;
        }

        size = (segment[12] >> 4) * 4;
        if (size < MinimumSize || size > segment.Length)
        {
            return false;
        }

        header.SourcePort = BinaryPrimitives.ReadUInt16BigEndian(segment);
        header.DestinationPort = BinaryPrimitives.ReadUInt16BigEndian(segment[2..]);
        header.Sequence = BinaryPrimitives.ReadUInt32BigEndian(segment[4..]);
        header.Acknowledgment = BinaryPrimitives.ReadUInt32BigEndian(segment[8..]);
        header.Flags = (TcpFlags)(segment[13] & 0x3F);
        header.Window = BinaryPrimitives.ReadUInt16BigEndian(segment[14..]);
        header.ParseOptions(segment[MinimumSize..size]);
        return true;
    }

    /// <summary>Writes the header with a zero checksum.</summary>
    /// <returns>Bytes written, <see cref="Size"/>.</returns>
    public readonly int Write(Span<byte> destination)
    {
        var size = Size;
        BinaryPrimitives.WriteUInt16BigEndian(destination, SourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(destination[2..], DestinationPort);
        BinaryPrimitives.WriteUInt32BigEndian(destination[4..], Sequence);
        BinaryPrimitives.WriteUInt32BigEndian(destination[8..], Acknowledgment);
        destination[12] = (byte)(size / 4 << 4);
        destination[13] = (byte)Flags;
        BinaryPrimitives.WriteUInt16BigEndian(destination[14..], Window);
        destination[16..20].Clear();
        WriteOptions(destination[MinimumSize..size]);
        return size;
    }

    private void ParseOptions(ReadOnlySpan<byte> options)
    {
        while (options.Length > 0 && options[0] != EndOfOptions)
        {
            if (options[0] == NoOperation)
            {
                options = options[1..];
                continue;
            }

            if (options.Length < 2 || options[1] < 2 || options[1] > options.Length)
            {
                return;
            }

            ParseOption(options[0], options[2..options[1]]);
            options = options[options[1]..];
        }
    }

    private void ParseOption(byte kind, ReadOnlySpan<byte> value)
    {
        switch (kind)
        {
            case MssKind when value.Length == 2:
                MaximumSegment = BinaryPrimitives.ReadUInt16BigEndian(value);
                break;
            case WindowScaleKind when value.Length == 1:
                // More than 14 is taken as 14: RFC 7323 section 2.3.
                WindowScale = (sbyte)Math.Min(value[0], (byte)14);
                break;
            case SackPermittedKind when value.Length == 0:
                SackPermitted = true;
                break;
            case TimestampKind when value.Length == 8:
                HasTimestamp = true;
                TimestampValue = BinaryPrimitives.ReadUInt32BigEndian(value);
                TimestampEcho = BinaryPrimitives.ReadUInt32BigEndian(value[4..]);
                break;
            case SackKind when value.Length % 8 == 0:
                for (SackCount = 0; SackCount < SackBlocks.Capacity && value.Length >= 8; value = value[8..])
                {
                    Sacks[SackCount++] = new SackBlock(
                        BinaryPrimitives.ReadUInt32BigEndian(value), BinaryPrimitives.ReadUInt32BigEndian(value[4..]));
                }

                break;
        }
    }

    private readonly void WriteOptions(Span<byte> to)
    {
        if (MaximumSegment != 0)
        {
            (to[0], to[1]) = (MssKind, 4);
            BinaryPrimitives.WriteUInt16BigEndian(to[2..], MaximumSegment);
            to = to[4..];
        }

        if (WindowScale >= 0)
        {
            (to[0], to[1], to[2], to[3]) = (NoOperation, WindowScaleKind, 3, (byte)WindowScale);
            to = to[4..];
        }

        if (SackPermitted)
        {
            (to[0], to[1], to[2], to[3]) = (NoOperation, NoOperation, SackPermittedKind, 2);
            to = to[4..];
        }

        if (HasTimestamp)
        {
            (to[0], to[1], to[2], to[3]) = (NoOperation, NoOperation, TimestampKind, 10);
            BinaryPrimitives.WriteUInt32BigEndian(to[4..], TimestampValue);
            BinaryPrimitives.WriteUInt32BigEndian(to[8..], TimestampEcho);
            to = to[12..];
        }

        if (SackCount > 0)
        {
            (to[0], to[1], to[2], to[3]) = (NoOperation, NoOperation, SackKind, (byte)(2 + (8 * SackCount)));
            for (var i = 0; i < SackCount; i++)
            {
                BinaryPrimitives.WriteUInt32BigEndian(to[(4 + (8 * i))..], Sacks[i].Start);
                BinaryPrimitives.WriteUInt32BigEndian(to[(8 + (8 * i))..], Sacks[i].End);
            }
        }
    }
}
