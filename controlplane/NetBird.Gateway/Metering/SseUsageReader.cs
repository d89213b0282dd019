using System.Text.Json;

namespace NetBird.Gateway.Metering;

/// <summary>
/// Reads usage off a stream of server-sent events (WHATWG HTML, section 9.2.6), fed with bytes split anywhere. Only the few
/// events that carry usage are parsed; the many that carry words are measured without parsing.
/// </summary>
internal sealed class SseUsageReader : UsageMeter
{
    /// <summary>Ours. Events with usage have a few hundred bytes; a longer line is the model's words and only measured.</summary>
    private const int MaxLineBytes = 256 * 1024;

    /// <summary>Ours: as many parts as the ledger looks for.</summary>
    private const int MostAdvice = 32;

    private static ReadOnlySpan<byte> BlockDelta => "{\"type\":\"content_block_delta\""u8;

    private GrowingBuffer _line = new(MaxLineBytes);
    private GrowingBuffer _data = new(MaxLineBytes);
    private bool _lineFeedMayFollow;
    private bool _blankLineLast = true;
    private bool _startSeen;
    private bool _lastUsageSeen;
    private bool _reasonTold;
    private bool _stopped;
    private long _spokenChars;
    private List<long>? _askedAdvisor;

    /// <inheritdoc/>
    private protected override IReadOnlyList<long> AskedAdvisor => _askedAdvisor ?? (IReadOnlyList<long>)[];

    /// <inheritdoc/>
    public override bool AtEventBoundary => _blankLineLast && _line.IsEmpty && !_lineFeedMayFollow;

    /// <inheritdoc/>
    protected override long SpokenChars => _spokenChars;

    /// <inheritdoc/>
    protected override bool Final => _lastUsageSeen && (_stopped || (_reasonTold && Fields.Output is not null));

    /// <inheritdoc/>
    public override void Feed(ReadOnlySpan<byte> bytes)
    {
        if (_lineFeedMayFollow && !bytes.IsEmpty)
        {
            _lineFeedMayFollow = false;
            bytes = bytes[0] == (byte)'\n' ? bytes[1..] : bytes;
        }

        while (!bytes.IsEmpty)
        {
            var end = bytes.IndexOfAny((byte)'\n', (byte)'\r');
            if (end < 0)
            {
                _line.Append(bytes);
                return;
            }

            if (_line.IsEmpty)
            {
                ReadLine(bytes[..end]);
            }
            else
            {
                _line.Append(bytes[..end]);
                EndCarriedLine();
            }

            var carriageReturn = bytes[end] == (byte)'\r';
            bytes = bytes[(end + 1)..];
            if (carriageReturn && bytes.IsEmpty)
            {
                _lineFeedMayFollow = true;
            }
            else if (carriageReturn && bytes[0] == (byte)'\n')
            {
                bytes = bytes[1..];
            }
        }
    }

    /// <inheritdoc/>
    public override ValueTask FinishAsync()
    {
        // A client drops an event that no blank line ended; its figures are true all the same.
        if (!_line.IsEmpty)
        {
            EndCarriedLine();
        }

        EndEvent();
        _line.Release();
        _data.Release();
        return ValueTask.CompletedTask;
    }

    private void EndCarriedLine()
    {
        if (_line.Overflowed)
        {
            _spokenChars += MaxLineBytes;
            _blankLineLast = false;
        }
        else
        {
            ReadLine(_line.Bytes);
        }

        _line.Clear();
    }

    private void ReadLine(ReadOnlySpan<byte> line)
    {
        if (line.IsEmpty)
        {
            EndEvent();
            _blankLineLast = true;
            return;
        }

        _blankLineLast = false;
        if (!line.StartsWith("data:"u8))
        {
            return;
        }

        line = line[5..];
        if (!line.IsEmpty && line[0] == (byte)' ')
        {
            line = line[1..];
        }

        if (_data.IsEmpty && line.StartsWith(BlockDelta) && SpokenIn(line[BlockDelta.Length..]) is var spoken and >= 0)
        {
            _spokenChars += spoken;
            return;
        }

        if (!_data.IsEmpty)
        {
            _data.Append("\n"u8);
        }

        _data.Append(line);
    }

    /// <summary>
    /// Characters of the words in <c>,"index":0,"delta":{"type":"text_delta","text":"..."}}</c>; -1 for any other form, which is
    /// then parsed.
    /// </summary>
    private static long SpokenIn(ReadOnlySpan<byte> json)
    {
        var type = json.IndexOf("_delta\",\""u8);
        if (type < 0 || !json.EndsWith("\"}}"u8))
        {
            return -1;
        }

        var field = json[(type + 9)..^3];
        var value = field.IndexOf("\":\""u8);
        return value < 0 ? -1 : field[..value].SequenceEqual("signature"u8) ? 0 : Words.Count(field[(value + 3)..]);
    }

    private void EndEvent()
    {
        if (_data.IsEmpty)
        {
            return;
        }

        if (_data.Overflowed)
        {
            _spokenChars += MaxLineBytes;
        }
        else
        {
            var before = Fields;
            try
            {
                ReadEvent(_data.Bytes, before);
            }
            catch (Exception unreadable) when (unreadable is JsonException or InvalidOperationException)
            {
                // Not JSON, or cut in the middle, where a figure may be half of one: none of it counts, and the result says so.
                Fields = before;
            }
        }

        _data.Clear();
    }

    private void ReadEvent(ReadOnlySpan<byte> json, in UsageFields before)
    {
        switch (TypeOf(json))
        {
            case EventType.Start:
                ReadStart(json);
                if (_startSeen || _lastUsageSeen)
                {
                    // A second beginning, or one behind its end: nobody knows of what these figures are.
                    Fields.TakeBack(before);
                }

                _startSeen = true;
                break;
            case EventType.BlockDelta:
                ReadBlockDelta(json);
                break;
            case EventType.Delta:
                var isFirst = !_lastUsageSeen;
                ReadDelta(json);
                if (!isFirst && Fields.FellBackTo == before.FellBackTo && Fields.Output < before.Output)
                {
                    Fields.TakeBack(before);
                }

                break;
            case EventType.BlockStart:
                ReadBlockStart(json);
                break;
            case EventType.Stop:
                _stopped = true;
                break;
        }
    }

    private static EventType TypeOf(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("type"u8))
            {
                reader.Read();
                return reader.TokenType != JsonTokenType.String ? EventType.Other
                    : reader.ValueTextEquals("message_start"u8) ? EventType.Start
                    : reader.ValueTextEquals("message_delta"u8) ? EventType.Delta
                    : reader.ValueTextEquals("message_stop"u8) ? EventType.Stop
                    : reader.ValueTextEquals("content_block_delta"u8) ? EventType.BlockDelta
                    : reader.ValueTextEquals("content_block_start"u8) ? EventType.BlockStart
                    : EventType.Other;
            }

            reader.Read();
            reader.Skip();
        }

        return EventType.Other;
    }

    /// <summary><c>{"type":"message_start","message":{"model":...,"usage":{...}}}</c>.</summary>
    private void ReadStart(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        reader.Read();
        if (!FindObject(ref reader, "message"u8))
        {
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("usage"u8))
            {
                reader.Read();
                Fields.Merge(ref reader);
            }
            else if (reader.ValueTextEquals("model"u8))
            {
                reader.Read();
                Model = ModelText.From(ref reader) ?? Model;
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        ReadToEnd(ref reader);
    }

    /// <summary>
    /// <c>{"type":"message_delta","delta":{"stop_reason":...},"usage":{...}}</c>: cumulative. There may be several; the one that says why the
    /// answer ends is the last.
    /// </summary>
    private void ReadDelta(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        reader.Read();
        bool usage = false, reason = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isUsage = reader.ValueTextEquals("usage"u8);
            var isDelta = reader.ValueTextEquals("delta"u8);
            reader.Read();
            if (isUsage && reader.TokenType == JsonTokenType.StartObject)
            {
                Fields.Merge(ref reader);
                usage = true;
            }
            else
            {
                reason |= isDelta && reader.TokenType == JsonTokenType.StartObject && TellsReason(reader);
                reader.Skip();
            }
        }

        ReadToEnd(ref reader);
        _lastUsageSeen |= usage;
        _reasonTold |= reason;
    }

    /// <summary>A <c>server_tool_use</c> named <c>advisor</c>: a model of its own reads the conversation so far.</summary>
    private void ReadBlockStart(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        reader.Read();
        if (!FindObject(ref reader, "content_block"u8))
        {
            return;
        }

        bool isTool = false, isAdvisor = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isType = reader.ValueTextEquals("type"u8);
            var isName = reader.ValueTextEquals("name"u8);
            reader.Read();
            isTool |= isType && reader.TokenType == JsonTokenType.String && reader.ValueTextEquals("server_tool_use"u8);
            isAdvisor |= isName && reader.TokenType == JsonTokenType.String && reader.ValueTextEquals("advisor"u8);
            reader.Skip();
        }

        if (isTool && isAdvisor && _askedAdvisor is not { Count: >= MostAdvice })
        {
            (_askedAdvisor ??= []).Add(UsageEstimate.Tokens(_spokenChars));
        }
    }

    private void ReadBlockDelta(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        reader.Read();
        if (!FindObject(ref reader, "delta"u8))
        {
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isWords = reader.ValueTextEquals("text"u8) || reader.ValueTextEquals("thinking"u8) || reader.ValueTextEquals("partial_json"u8);
            reader.Read();
            _spokenChars += isWords && reader.TokenType == JsonTokenType.String ? Words.Count(reader.ValueSpan) : 0;
            reader.Skip();
        }
    }

    /// <summary>Only whole JSON counts.</summary>
    private static void ReadToEnd(ref Utf8JsonReader reader)
    {
        while (reader.Read())
        {
        }
    }

    /// <summary>Stands on the value of a top-level field, where that is an object.</summary>
    private static bool FindObject(ref Utf8JsonReader reader, ReadOnlySpan<byte> name)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var found = reader.ValueTextEquals(name);
            reader.Read();
            if (found)
            {
                return reader.TokenType == JsonTokenType.StartObject;
            }

            reader.Skip();
        }

        return false;
    }

    /// <summary>Of the <c>delta</c> that the reader, a copy, stands at.</summary>
    private static bool TellsReason(Utf8JsonReader reader)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var found = reader.ValueTextEquals("stop_reason"u8);
            reader.Read();
            if (found)
            {
                return reader.TokenType == JsonTokenType.String;
            }

            reader.Skip();
        }

        return false;
    }

    private enum EventType
    {
        Other,
        Start,
        BlockDelta,
        BlockStart,
        Delta,
        Stop,
    }
}
