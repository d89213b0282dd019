using System.Text;
using System.Text.Json.Nodes;

namespace FakeAnthropic;

/// <summary>What the model says: content blocks, each with the pieces in which a stream sends it.</summary>
internal sealed class Answer
{
    private const int PieceChars = 12;

    private Answer(List<Block> blocks, string stopReason)
    {
        Blocks = blocks;
        StopReason = stopReason;
        OutputTokens = blocks.Sum(b => b.Pieces.Sum(TokensOf));
    }

    public List<Block> Blocks { get; }

    public string StopReason { get; }

    public long OutputTokens { get; }

    /// <summary>About four characters a token, at least one for each piece.</summary>
    public static long TokensOf(string piece) => Math.Max(1, (piece.Length + 3) / 4);

    public static Answer To(MessageRequest request)
    {
        var scenario = request.Scenario;
        if (request.WantsJson)
        {
            return new([Block.Text("""{"title":"Talking to the fake upstream"}""", PieceChars)], "end_turn");
        }

        if (request.ToolResult is { } said)
        {
            return new([Block.Text("TOOL SAID: " + said, PieceChars)], "end_turn");
        }

        if (scenario.Has("tool"))
        {
            return new([Block.Text("I will run it.", PieceChars), Block.ToolUse("Bash", """{"command":"echo hi","description":"Say hi"}""")], "tool_use");
        }

        var blocks = new List<Block>();
        if (scenario.Has("thinking"))
        {
            blocks.Add(Block.Thinking("Let me think about \"it\" \\ twice.\nThen answer. \u00fc\u4f60\u597d"));
        }

        if (scenario.Has("advisor"))
        {
            blocks.Add(Block.Text("I will ask.", PieceChars));
            blocks.Add(Block.Advice());
        }

        if (scenario.Has("search"))
        {
            blocks.Add(Block.Search());
        }

        if (scenario.Has("unknown-fields"))
        {
            blocks.Add(Block.Unknown());
        }

        blocks.Add(scenario switch
        {
            _ when scenario.Number("big", 1_000_000) is { } bytes => Block.Text(new string('x', bytes), 4096),
            _ when scenario.Number("events", 200) is { } events => Block.Text(string.Concat(Enumerable.Repeat("one more word ", events)), 14),
            _ => Block.Text(scenario.Text("say") ?? "Hello from the fake upstream, which met \"quotes\", \\ and \u00fc\u4f60\u597d \ud83d\ude00 today.\n", PieceChars),
        });
        var answer = new Answer(blocks, "end_turn");
        return request.MaxTokens < answer.OutputTokens && !scenario.Has("over-max") ? answer.CutAt(request.MaxTokens.Value) : answer;
    }

    public JsonArray Content() => [.. Blocks.Select(b => b.Whole())];

    private Answer CutAt(long tokens)
    {
        var kept = new List<Block>();
        foreach (var block in Blocks)
        {
            var pieces = new List<string>();
            foreach (var piece in block.Pieces)
            {
                tokens -= TokensOf(piece);
                if (tokens < 0)
                {
                    break;
                }

                pieces.Add(piece);
            }

            kept.Add(block with { Pieces = pieces });
            if (tokens <= 0)
            {
                break;
            }
        }

        return new(kept, "max_tokens");
    }
}

/// <summary>One content block.</summary>
/// <param name="Start">As <c>content_block_start</c> shows it.</param>
/// <param name="DeltaType">Type of its deltas.</param>
/// <param name="Field">Field of a delta that carries a piece.</param>
/// <param name="Pieces">Its content.</param>
internal sealed record Block(Func<JsonObject> Start, string DeltaType, string Field, IReadOnlyList<string> Pieces)
{
    public static Block Text(string text, int pieceChars)
        => new(() => new() { ["type"] = "text", ["text"] = "" }, "text_delta", "text", Split(text, pieceChars));

    public static Block Thinking(string text)
        => new(() => new() { ["type"] = "thinking", ["thinking"] = "", ["signature"] = "" }, "thinking_delta", "thinking", Split(text, 8));

    public static Block ToolUse(string name, string input)
        => new(
            () => new() { ["type"] = "tool_use", ["id"] = "toolu_01FakeFakeFakeFakeFake", ["name"] = name, ["input"] = new JsonObject() },
            "input_json_delta", "partial_json", ["", .. Split(input, 10)]);

    public static Block Search()
        => new(
            () => new() { ["type"] = "server_tool_use", ["id"] = "srvtoolu_01Fake", ["name"] = "web_search", ["input"] = new JsonObject() },
            "input_json_delta", "partial_json", ["{\"query\":", "\"weather\"}"]);

    /// <summary>What the model asks with; the input is empty, and no word of the advisor's streams.</summary>
    public static Block Advice()
        => new(
            () => new() { ["type"] = "server_tool_use", ["id"] = "srvtoolu_02Fake", ["name"] = "advisor", ["input"] = new JsonObject() },
            "input_json_delta", "partial_json", []);

    public static Block Unknown()
        => new(() => new() { ["type"] = "future_block", ["usage"] = new JsonObject { ["output_tokens"] = 999_999 } }, "future_delta", "future", ["?"]);

    /// <summary>As a plain answer shows it.</summary>
    public JsonObject Whole()
    {
        var block = Start();
        var content = string.Concat(Pieces);
        if (Field == "partial_json")
        {
            block["input"] = content.Length == 0 ? new JsonObject() : JsonNode.Parse(content);
        }
        else
        {
            block[Field] = content;
        }

        return block;
    }

    private static List<string> Split(string text, int chars)
    {
        var pieces = new List<string>();
        var piece = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            piece.Append(rune.ToString());
            if (piece.Length >= chars)
            {
                pieces.Add(piece.ToString());
                piece.Clear();
            }
        }

        if (piece.Length > 0)
        {
            pieces.Add(piece.ToString());
        }

        return pieces;
    }
}
