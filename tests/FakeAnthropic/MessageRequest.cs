using System.Text;
using System.Text.Json;

namespace FakeAnthropic;

/// <summary>A body of <c>/v1/messages</c>, read as loosely as the real API reads it: unknown fields and roles are fine.</summary>
internal sealed class MessageRequest
{
    private MessageRequest(JsonElement root, byte[] body)
    {
        Model = root.GetProperty("model").GetString() ?? "";
        Stream = root.TryGetProperty("stream", out var stream) && stream.ValueKind == JsonValueKind.True;
        MaxTokens = root.TryGetProperty("max_tokens", out var max) ? max.GetInt64() : null;
        Fast = root.TryGetProperty("speed", out var speed) && speed.GetString() == "fast";
        WantsJson = root.TryGetProperty("output_config", out var output) && output.TryGetProperty("format", out _);
        BodyBytes = body.Length;
        var text = Encoding.UTF8.GetString(body);
        Cached = text.Contains("\"cache_control\"", StringComparison.Ordinal);
        CachedOneHour = Cached && text.Contains("\"1h\"", StringComparison.Ordinal);

        var messages = root.GetProperty("messages");
        MessageCount = messages.GetArrayLength();
        var last = messages.EnumerateArray().Last(m => m.GetProperty("role").GetString() == "user").GetProperty("content");
        (UserText, ToolResult) = Read(last);
        Scenario = new(UserText);
    }

    public string Model { get; }

    public string AnsweringModel => Scenario.Text("model", Model) ?? Model;

    public bool Stream { get; }

    public long? MaxTokens { get; }

    public bool Fast { get; }

    /// <summary>A structured answer is asked for: Claude Code's session title.</summary>
    public bool WantsJson { get; }

    public int BodyBytes { get; }

    public bool Cached { get; }

    public bool CachedOneHour { get; }

    public int MessageCount { get; }

    public string UserText { get; }

    /// <summary>What a tool said, where the last message is its result.</summary>
    public string? ToolResult { get; }

    public Scenario Scenario { get; }

    /// <summary>Null and a sentence where the API would answer 400.</summary>
    public static MessageRequest? TryRead(byte[] body, bool needsMaxTokens, out string problem)
    {
        problem = "";
        try
        {
            using var document = JsonDocument.Parse(body, new() { MaxDepth = 1000 });
            var request = new MessageRequest(document.RootElement, body);
            problem = request switch
            {
                { Model.Length: 0 } => "model: Field required",
                { MaxTokens: null } when needsMaxTokens => "max_tokens: Field required",
                { MaxTokens: < 1 } => "max_tokens: must be greater than or equal to 1",
                _ => "",
            };
            return problem.Length == 0 ? request : null;
        }
        catch (Exception unreadable) when (unreadable is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            problem = "The request body is not valid: " + unreadable.Message;
            return null;
        }
    }

    private static (string Text, string? ToolResult) Read(JsonElement content)
    {
        if (content.ValueKind == JsonValueKind.String)
        {
            return (content.GetString() ?? "", null);
        }

        var text = new StringBuilder();
        string? toolResult = null;
        foreach (var block in content.EnumerateArray())
        {
            switch (block.GetProperty("type").GetString())
            {
                case "text":
                    text.Append(block.GetProperty("text").GetString()).Append('\n');
                    break;
                case "tool_result":
                    toolResult = block.TryGetProperty("content", out var said) ? Read(said).Text.Trim() : "";
                    break;
            }
        }

        return (text.ToString(), toolResult);
    }
}
