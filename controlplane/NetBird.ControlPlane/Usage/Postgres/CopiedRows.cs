using System.Buffers.Binary;

namespace NetBird.ControlPlane.Usage.Postgres;

/// <summary>
/// Rows of <c>copy ... to stdout (format binary)</c> (PostgreSQL, COPY, "Binary Format"), read where they lie: of tens of thousands of rows
/// of numbers the driver's own reader, which asks for each column by itself, takes longer than the database.
/// </summary>
internal sealed class CopiedRows(Stream copy)
{
    private const int HeaderBytes = 19;
    private const int FirstBytes = 64 * 1024;

    private byte[] _buffer = new byte[FirstBytes];
    private int _start;
    private int _end;

    /// <summary>Takes rows until there are no more.</summary>
    /// <param name="columns">Of each row.</param>
    /// <param name="take">Given the fields of a row, one after the other: see <see cref="CopiedRow"/>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="InvalidDataException">It is not of that form.</exception>
    public async Task ReadAsync(int columns, Action<CopiedRow> take, CancellationToken cancellationToken)
    {
        while (_end - _start < HeaderBytes)
        {
            await FillAsync(cancellationToken);
        }

        _start += HeaderBytes + BinaryPrimitives.ReadInt32BigEndian(_buffer.AsSpan(_start + HeaderBytes - 4));
        while (!TakeWhole(columns, take))
        {
            await FillAsync(cancellationToken);
        }

        // What follows the last row is the end of the copy, which the connection must have seen.
        while (await copy.ReadAsync(_buffer, cancellationToken) > 0)
        {
        }
    }

    /// <summary>The rows that are there as a whole; true when the end was among them.</summary>
    private bool TakeWhole(int columns, Action<CopiedRow> take)
    {
        while (_end - _start >= 2)
        {
            var count = BinaryPrimitives.ReadInt16BigEndian(_buffer.AsSpan(_start));
            if (count < 0)
            {
                return true;
            }

            if (count != columns)
            {
                throw new InvalidDataException($"PostgreSQL copied {count} columns, not {columns}.");
            }

            var at = _start + 2;
            for (var i = 0; i < columns; i++)
            {
                if (_end - at < 4)
                {
                    return false;
                }

                at += 4 + Math.Max(0, BinaryPrimitives.ReadInt32BigEndian(_buffer.AsSpan(at)));
            }

            if (at > _end)
            {
                return false;
            }

            take(new(_buffer.AsSpan(_start + 2, at - _start - 2)));
            _start = at;
        }

        return false;
    }

    private async Task FillAsync(CancellationToken cancellationToken)
    {
        _buffer.AsSpan(_start.._end).CopyTo(_buffer);
        (_start, _end) = (0, _end - _start);
        if (_end == _buffer.Length)
        {
            Array.Resize(ref _buffer, _buffer.Length * 2);
        }

        var read = await copy.ReadAsync(_buffer.AsMemory(_end), cancellationToken);
        _end += read > 0 ? read : throw new InvalidDataException("PostgreSQL's copy ended within a row.");
    }
}

/// <summary>The fields of one row, taken in their order.</summary>
internal ref struct CopiedRow(ReadOnlySpan<byte> fields)
{
    private ReadOnlySpan<byte> _rest = fields;

    /// <summary>A text, UTF-8; empty where it is null.</summary>
    public ReadOnlySpan<byte> Text()
    {
        var length = Math.Max(0, BinaryPrimitives.ReadInt32BigEndian(_rest));
        var text = _rest.Slice(4, length);
        _rest = _rest[(4 + length)..];
        return text;
    }

    /// <summary>A bigint or an int; 0 where it is null.</summary>
    public long Number()
    {
        var number = Text();
        return number.Length switch
        {
            8 => BinaryPrimitives.ReadInt64BigEndian(number),
            4 => BinaryPrimitives.ReadInt32BigEndian(number),
            0 => 0,
            _ => throw new InvalidDataException("PostgreSQL copied a number that is none."),
        };
    }
}
