using System.Buffers;
using System.Text.Json;

namespace NetBird.Gateway.Inspection;

/// <summary>The few fields of a body by which a request is decided. Everything else is the provider's business.</summary>
internal struct MessageFacts
{
    /// <summary>Longer than any model id; what is longer is refused rather than written to the ledger.</summary>
    private const int MaxModelChars = 200;

    /// <summary>
    /// Deeper than any real request (tool schemas reach about 20); the default of 64 could refuse one, no limit would let one
    /// body cost a stack.
    /// </summary>
    private const int MaxDepth = 256;

    private bool _streamSeen;
    private bool _maxTokensSeen;
    private bool _speedSeen;
    private bool _inTools;

    public string? Model { get; private set; }

    public bool Stream { get; private set; }

    public long? MaxTokens { get; private set; }

    public bool Fast { get; private set; }

    /// <summary>Somewhere a cache entry of one hour is asked for.</summary>
    public bool CacheWrite1h { get; private set; }

    /// <summary>The body refers to input that is not in its bytes, or whose tokens its bytes do not bound.</summary>
    public bool UnboundedInput { get; private set; }

    /// <summary>The provider puts words of its own into the prompt for it.</summary>
    public bool AddedPrompt { get; private set; }

    /// <summary>Tools are offered that the provider runs by itself.</summary>
    public bool ProviderTools { get; private set; }

    /// <summary>
    /// Reads a body. Everything that two parsers could read in two ways is refused: a field that decides and is there twice, a value
    /// of a wrong type, text after the end.
    /// </summary>
    /// <param name="json">The whole body.</param>
    /// <param name="facts">What it says.</param>
    /// <param name="problem">Why it was refused, in words for the person; never echoes the body.</param>
    public static bool TryRead(ReadOnlySpan<byte> json, out MessageFacts facts, out string problem)
    {
        if (!LongStrings.AreManyIn(json))
        {
            return TryReadAsItIs(json, out facts, out problem);
        }

        var rented = ArrayPool<byte>.Shared.Rent(json.Length);
        try
        {
            var copy = rented.AsSpan(0, json.Length);
            LongStrings.Blank(json, copy);
            return TryReadAsItIs(copy, out facts, out problem);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    /// <summary>The same without a copy; for what is short, and to compare with.</summary>
    internal static bool TryReadAsItIs(ReadOnlySpan<byte> json, out MessageFacts facts, out string problem)
    {
        facts = default;
        problem = "";
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = MaxDepth });
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                problem = "The body is not a JSON object.";
                return false;
            }

            while (reader.Read())
            {
                if (reader.TokenType != JsonTokenType.PropertyName)
                {
                    continue;
                }

                if (reader.CurrentDepth == 1 ? !facts.ReadTopLevel(ref reader, ref problem) : !facts.ReadInner(ref reader))
                {
                    return false;
                }
            }

            return true;
        }
        catch (JsonException)
        {
            problem = "The body is not JSON that can be read without doubt.";
            return false;
        }
        catch (InvalidOperationException)
        {
            // A name or value that is not UTF-8, or half of a surrogate pair.
            problem = "The body is not valid UTF-8.";
            return false;
        }
    }

    private bool ReadTopLevel(ref Utf8JsonReader reader, ref string problem)
    {
        _inTools = false;

        // The names that decide have 5 to 13 bytes; an escaped name can be longer and still be one of them.
        if (!reader.ValueIsEscaped && reader.ValueSpan.Length is < 5 or > 13)
        {
            return true;
        }

        string name;
        bool fine;
        if (reader.ValueTextEquals("model"u8))
        {
            (name, fine) = ("model", Model is null && reader.Read() && TakeModel(ref reader));
        }
        else if (reader.ValueTextEquals("stream"u8))
        {
            (name, fine) = ("stream", !_streamSeen && reader.Read() && TakeStream(ref reader));
        }
        else if (reader.ValueTextEquals("max_tokens"u8))
        {
            (name, fine) = ("max_tokens", !_maxTokensSeen && reader.Read() && TakeMaxTokens(ref reader));
        }
        else if (reader.ValueTextEquals("speed"u8))
        {
            (name, fine) = ("speed", !_speedSeen && reader.Read() && TakeSpeed(ref reader));
        }
        else
        {
            _inTools = reader.ValueTextEquals("tools"u8);
            ProviderTools |= reader.ValueTextEquals("mcp_servers"u8);
            UnboundedInput |= ProviderTools;
            AddedPrompt |= _inTools || reader.ValueTextEquals("output_config"u8) || reader.ValueTextEquals("container"u8);
            return true;
        }

        if (!fine)
        {
            problem = $"The field \"{name}\" is there twice or is not what it should be.";
        }

        return fine;
    }

    private bool ReadInner(ref Utf8JsonReader reader)
    {
        if (reader.ValueIsEscaped || reader.ValueSpan.Length is 3 or 4 or 7)
        {
            if (reader.ValueTextEquals("ttl"u8))
            {
                CacheWrite1h |= reader.Read() && (reader.TokenType != JsonTokenType.String || !reader.ValueTextEquals("5m"u8));
            }
            else if (reader.ValueTextEquals("type"u8))
            {
                // Of a tool itself: what stands deeper is its schema.
                var isTool = _inTools && reader.CurrentDepth == 3;
                if (reader.Read() && reader.TokenType == JsonTokenType.String)
                {
                    ProviderTools |= isTool && IsRunByTheProvider(ref reader);
                    UnboundedInput |= IsUnboundedType(ref reader);
                }
            }
            else if (reader.ValueTextEquals("file_id"u8))
            {
                UnboundedInput = true;
            }
        }

        return true;
    }

    /// <summary>Content blocks and tools whose tokens are not in the body: pictures, documents, links, tools that the provider runs.</summary>
    private static bool IsUnboundedType(ref Utf8JsonReader reader)
    {
        var type = reader.ValueSpan;
        return IsHidden(ref reader) || type.SequenceEqual("image"u8) || type.SequenceEqual("document"u8) || type.SequenceEqual("url"u8) || type.SequenceEqual("file"u8)
            || type.SequenceEqual("container_upload"u8) || type.StartsWith("compact_"u8) || IsRunByTheProvider(ref reader);
    }

    /// <summary>Also blocks in which it tells what such a tool found, which begin alike.</summary>
    private static bool IsRunByTheProvider(ref Utf8JsonReader reader)
    {
        var type = reader.ValueSpan;
        return IsHidden(ref reader) || type.StartsWith("web_search_"u8) || type.StartsWith("web_fetch_"u8) || type.StartsWith("code_execution_"u8)
            || type.StartsWith("mcp_"u8) || type.StartsWith("advisor_"u8);
    }

    /// <summary>Nobody escapes these words, or makes them so long, but to hide them.</summary>
    private static bool IsHidden(ref Utf8JsonReader reader) => reader.ValueIsEscaped || reader.ValueSpan.Length >= LongStrings.LongBytes;

    private bool TakeModel(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.String || reader.ValueSpan.Length > MaxModelChars)
        {
            return false;
        }

        Model = reader.GetString();
        return Model is { Length: > 0 };
    }

    private bool TakeStream(ref Utf8JsonReader reader)
    {
        _streamSeen = true;
        Stream = reader.TokenType == JsonTokenType.True;
        return reader.TokenType is JsonTokenType.True or JsonTokenType.False or JsonTokenType.Null;
    }

    private bool TakeMaxTokens(ref Utf8JsonReader reader)
    {
        _maxTokensSeen = true;
        if (reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var maxTokens))
        {
            MaxTokens = maxTokens;
            return true;
        }

        return reader.TokenType == JsonTokenType.Null;
    }

    private bool TakeSpeed(ref Utf8JsonReader reader)
    {
        _speedSeen = true;
        Fast = reader.TokenType == JsonTokenType.String && !reader.ValueTextEquals("standard"u8);
        return reader.TokenType is JsonTokenType.String or JsonTokenType.Null;
    }
}
