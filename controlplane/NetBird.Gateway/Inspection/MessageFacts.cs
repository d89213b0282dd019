using System.Buffers;
using System.Collections.Immutable;
using System.Text.Json;
using NetBird.Policy;

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

    /// <summary>The API takes three to fall back to; what it takes besides is not worth more.</summary>
    private const int MostOtherModels = 8;

    private bool _streamSeen;
    private bool _maxTokensSeen;
    private bool _speedSeen;
    private Part _in;
    private bool _inToolChange;

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

    /// <summary>Tools are offered that the provider runs by itself, or it may compact the conversation on the way.</summary>
    public bool ProviderTools { get; private set; }

    /// <summary>Models beside it that are named: fallbacks, advisors. Default: none.</summary>
    public ImmutableArray<string> OtherModels { get; private set; }

    /// <summary>The provider chooses what to fall back to.</summary>
    public bool AnyFallback { get; private set; }

    /// <summary>The request that these facts are of.</summary>
    public readonly ModelRequest Of(RequestKind kind, long bytes, string? session = null, string? agent = null) => new(
        kind, Model ?? "", Stream, MaxTokens, bytes, session, agent, Fast, CacheWrite1h, UnboundedInput, AddedPrompt, ProviderTools, null, OtherModels, AnyFallback);

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

                if (reader.CurrentDepth == 1 ? !facts.ReadTopLevel(ref reader, ref problem) : !facts.ReadInner(ref reader, ref problem))
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
        (_in, _inToolChange) = (Part.Other, false);

        // The names that decide have 5 to 18 bytes; an escaped name can be longer and still be one of them.
        if (!reader.ValueIsEscaped && reader.ValueSpan.Length is < 5 or > 18)
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
            Enter(ref reader);
            return true;
        }

        if (!fine)
        {
            problem = $"The field \"{name}\" is there twice or is not what it should be.";
        }

        return fine;
    }

    /// <summary>Fields that decide by what is in them, or by being there.</summary>
    private void Enter(ref Utf8JsonReader reader)
    {
        _in = reader.ValueTextEquals("tools"u8) ? Part.Tools
            : reader.ValueTextEquals("fallbacks"u8) ? Part.Fallbacks
            : reader.ValueTextEquals("messages"u8) ? Part.Messages
            : reader.ValueTextEquals("context_management"u8) ? Part.ContextManagement : Part.Other;
        ProviderTools |= reader.ValueTextEquals("mcp_servers"u8);
        AddedPrompt |= _in is Part.Tools || reader.ValueTextEquals("output_config"u8) || reader.ValueTextEquals("output_format"u8)
            || reader.ValueTextEquals("container"u8) || reader.ValueTextEquals("compaction"u8);

        // A thread is the conversation so far, which the provider holds.
        var isThread = reader.ValueTextEquals("thread"u8);
        UnboundedInput |= ProviderTools;
        if (isThread || _in is Part.Fallbacks)
        {
            reader.Read();
            UnboundedInput |= isThread && reader.TokenType != JsonTokenType.Null;
            AnyFallback |= _in is Part.Fallbacks && reader.TokenType is not (JsonTokenType.StartArray or JsonTokenType.Null);
        }
    }

    private bool ReadInner(ref Utf8JsonReader reader, ref string problem)
    {
        if (_in is Part.Messages && reader.CurrentDepth <= 5)
        {
            // A block of a message that adds a tool has its definition in this field.
            _inToolChange = reader.CurrentDepth == 5 && reader.ValueTextEquals("tool"u8);
        }

        if (!reader.ValueIsEscaped && reader.ValueSpan.Length is not (3 or 4 or 5 or 7 or 10))
        {
            return true;
        }

        // Of a tool itself, or of a model to fall back to: what stands deeper in a tool is its schema.
        var isEntry = _inToolChange ? reader.CurrentDepth == 7 : _in is Part.Tools or Part.Fallbacks && reader.CurrentDepth == 3;
        if (reader.ValueTextEquals("ttl"u8))
        {
            CacheWrite1h |= reader.Read() && (reader.TokenType != JsonTokenType.String || !reader.ValueTextEquals("5m"u8));
        }
        else if (reader.ValueTextEquals("type"u8))
        {
            var depth = reader.CurrentDepth;
            if (reader.Read() && reader.TokenType == JsonTokenType.String)
            {
                ReadType(ref reader, isEntry, depth);
            }
        }
        else if (reader.ValueTextEquals("file_id"u8))
        {
            UnboundedInput = true;
        }
        else if (isEntry && reader.ValueTextEquals("model"u8))
        {
            reader.Read();
            if (!TakeOtherModel(ref reader))
            {
                problem = "A model to fall back to, or to be advised by, is not named as it should be, or there are too many.";
                return false;
            }
        }
        else if (isEntry && reader.ValueTextEquals("max_tokens"u8))
        {
            // In place of the request's own; a ceiling holds for the longest.
            if (reader.Read() && reader.TokenType == JsonTokenType.Number)
            {
                MaxTokens = Math.Max(MaxTokens ?? 0, reader.TryGetInt64(out var most) ? most : long.MaxValue);
            }
        }
        else if (isEntry && _in is Part.Fallbacks && reader.ValueTextEquals("speed"u8))
        {
            Fast |= reader.Read() && reader.TokenType == JsonTokenType.String && !reader.ValueTextEquals("standard"u8);
        }

        return true;
    }

    private void ReadType(ref Utf8JsonReader reader, bool isEntry, int depth)
    {
        UnboundedInput |= IsUnboundedType(ref reader);
        if (isEntry)
        {
            // What the caller runs itself is known; anything else in the list of tools is not.
            ProviderTools |= _in is not Part.Fallbacks && !IsRunByTheCaller(ref reader);
            UnboundedInput |= ProviderTools;
        }

        AddedPrompt |= _inToolChange;
        ProviderTools |= _in is Part.ContextManagement && depth == 4 && (IsHidden(ref reader) || reader.ValueSpan.StartsWith("compact_"u8));
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
            || type.StartsWith("mcp_"u8) || type.StartsWith("advisor_"u8) || type.StartsWith("tool_search_tool_"u8);
    }

    private static bool IsRunByTheCaller(ref Utf8JsonReader reader)
    {
        var type = reader.ValueSpan;
        return !IsHidden(ref reader) && (type.SequenceEqual("custom"u8) || type.StartsWith("bash_"u8) || type.StartsWith("text_editor_"u8)
            || type.StartsWith("computer_"u8) || type.StartsWith("browser_"u8) || type.StartsWith("memory_"u8));
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

    private bool TakeOtherModel(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.String || reader.ValueSpan.Length is 0 or > MaxModelChars)
        {
            return false;
        }

        OtherModels = (OtherModels.IsDefault ? [] : OtherModels).Add(reader.GetString()!);
        return OtherModels.Length <= MostOtherModels;
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
            MaxTokens = Math.Max(MaxTokens ?? maxTokens, maxTokens);
            return true;
        }

        return reader.TokenType == JsonTokenType.Null;
    }

    private bool TakeSpeed(ref Utf8JsonReader reader)
    {
        _speedSeen = true;
        Fast |= reader.TokenType == JsonTokenType.String && !reader.ValueTextEquals("standard"u8);
        return reader.TokenType is JsonTokenType.String or JsonTokenType.Null;
    }

    /// <summary>Which field of the body is being read.</summary>
    private enum Part
    {
        Other,
        Tools,
        Messages,
        Fallbacks,
        ContextManagement,
    }
}
