using System.Buffers;
using System.Text.Json;

namespace NetBird.Gateway.Metering;

/// <summary>
/// Reads <c>usage</c> and <c>model</c> off one JSON object of any size, fed with bytes split anywhere. Keeps only those two
/// values; everything else is passed over.
/// </summary>
internal sealed class JsonUsageReader : UsageMeter
{
    private const int MaxNameBytes = 64;

    /// <summary>Ours; a usage object has a few hundred bytes.</summary>
    private const int MaxValueBytes = 64 * 1024;

    private static readonly SearchValues<byte> Structure = SearchValues.Create("\"{}[]"u8);

    private GrowingBuffer _name = new(MaxNameBytes);
    private GrowingBuffer _value = new(MaxValueBytes);
    private Capture _capture;
    private Field _field;
    private bool _inString;
    private bool _escaped;
    private bool _nameExpected;
    private int _depth;
    private bool _ended;
    private long _bytes;

    /// <inheritdoc/>
    protected override bool Final => _ended;

    /// <summary>Without figures the whole body is taken for words: too much rather than too little.</summary>
    protected override long SpokenChars => _bytes;

    /// <inheritdoc/>
    public override void Feed(ReadOnlySpan<byte> bytes)
    {
        _bytes += bytes.Length;
        while (!bytes.IsEmpty)
        {
            bytes = bytes[(_inString ? InString(bytes) : Outside(bytes))..];
        }
    }

    /// <inheritdoc/>
    public override ValueTask FinishAsync()
    {
        _name.Release();
        _value.Release();
        return ValueTask.CompletedTask;
    }

    /// <returns>Bytes taken.</returns>
    private int InString(ReadOnlySpan<byte> bytes)
    {
        if (_escaped)
        {
            _escaped = false;
            Keep(bytes[..1]);
            return 1;
        }

        var end = bytes.IndexOfAny((byte)'"', (byte)'\\');
        if (end < 0)
        {
            Keep(bytes);
            return bytes.Length;
        }

        Keep(bytes[..(end + 1)]);
        if (bytes[end] == (byte)'\\')
        {
            _escaped = true;
        }
        else
        {
            _inString = false;
        }

        return end + 1;
    }

    /// <returns>Bytes taken.</returns>
    private int Outside(ReadOnlySpan<byte> bytes)
    {
        if (_depth > 1)
        {
            // Inside a value only strings and brackets say where it ends.
            var plain = bytes.IndexOfAny(Structure);
            if (plain != 0)
            {
                plain = plain < 0 ? bytes.Length : plain;
                Keep(bytes[..plain]);
                return plain;
            }
        }

        var next = bytes[..1];
        switch (next[0])
        {
            case (byte)'"':
                _inString = true;
                if (_depth == 1 && _nameExpected)
                {
                    _nameExpected = false;
                    _capture = Capture.Name;
                    _name.Clear();
                }

                Keep(next);
                break;
            case (byte)'{' or (byte)'[':
                _depth++;
                _nameExpected = _depth == 1 && next[0] == (byte)'{';
                Keep(next);
                break;
            case (byte)'}' or (byte)']':
                if (_depth == 1)
                {
                    EndValue();
                    _ended = true;
                }
                else
                {
                    Keep(next);
                }

                _depth = Math.Max(0, _depth - 1);
                break;
            case (byte)':' when _depth == 1 && _capture == Capture.Name:
                BeginValue();
                break;
            case (byte)',' when _depth == 1:
                EndValue();
                _nameExpected = true;
                break;
            default:
                Keep(next);
                break;
        }

        return 1;
    }

    private void Keep(ReadOnlySpan<byte> bytes)
    {
        if (_capture == Capture.Name)
        {
            _name.Append(bytes);
        }
        else if (_capture == Capture.Value)
        {
            _value.Append(bytes);
        }
    }

    private void BeginValue()
    {
        _field = _name.Overflowed ? Field.Other : FieldOf(_name.Bytes);
        _capture = _field == Field.Other ? Capture.Nothing : Capture.Value;
        _value.Clear();
    }

    private void EndValue()
    {
        if (_capture == Capture.Value && !_value.Overflowed)
        {
            if (_field == Field.Usage)
            {
                var fields = default(UsageFields);
                Fields = TryParse(_value.Bytes, ref fields) ? fields : default;
            }
            else
            {
                Model = ModelOf(_value.Bytes) ?? Model;
            }
        }

        _capture = Capture.Nothing;
    }

    private static Field FieldOf(ReadOnlySpan<byte> name)
    {
        try
        {
            var reader = new Utf8JsonReader(name);
            reader.Read();
            return reader.ValueTextEquals("usage"u8) ? Field.Usage : reader.ValueTextEquals("model"u8) ? Field.Model : Field.Other;
        }
        catch (Exception unreadable) when (unreadable is JsonException or InvalidOperationException)
        {
            return Field.Other;
        }
    }

    private static string? ModelOf(ReadOnlySpan<byte> value)
    {
        try
        {
            var reader = new Utf8JsonReader(value);
            reader.Read();
            return ModelText.From(ref reader);
        }
        catch (Exception unreadable) when (unreadable is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private enum Capture
    {
        Nothing,
        Name,
        Value,
    }

    private enum Field
    {
        Other,
        Usage,
        Model,
    }
}
