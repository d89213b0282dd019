using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace FakeAnthropic;

/// <summary>One event of a stream, ready to be sent.</summary>
/// <param name="Bytes">The event with its blank line.</param>
/// <param name="OutputTokens">Tokens of the model that it carries.</param>
/// <param name="Usage">What of the usage it tells: none, start, final.</param>
internal sealed record StreamEvent(byte[] Bytes, long OutputTokens, string Usage);

/// <summary>The whole stream of an answer.</summary>
internal static class StreamScript
{
    public static List<StreamEvent> Of(Call call, Answer answer, Figures figures)
    {
        var scenario = call.Message!.Scenario;
        var newline = scenario.Has("crlf") ? "\r\n" : "\n";
        var events = new List<StreamEvent>();
        void Add(string name, JsonObject body, long tokens = 0, string usage = "none")
            => events.Add(new(Encoding.UTF8.GetBytes(
                $"event: {name}{newline}data: {body.ToJsonString(Relaxed)}{newline}{newline}"), tokens, usage));

        var malformed = scenario.Has("malformed-usage");
        var silent = scenario.Has("no-usage");
        var message = MessageJson.Of(call, content: [], stopReason: null);
        if (!silent)
        {
            message["usage"] = malformed ? Figures.Malformed() : figures.AtStart().Full(output: 1);
        }

        var start = new JsonObject { ["type"] = "message_start", ["message"] = message };
        if (scenario.Has("unknown-fields"))
        {
            start["usage"] = new JsonObject { ["input_tokens"] = 999_999 };
            start["future"] = new JsonObject { ["message"] = new JsonObject { ["usage"] = 1 } };
        }

        Add("message_start", start, usage: silent || malformed ? "none" : "start");
        var index = 0;
        foreach (var block in answer.Blocks)
        {
            Add("content_block_start", new() { ["type"] = "content_block_start", ["index"] = index, ["content_block"] = block.Start() });
            if (index == 0)
            {
                Add("ping", new() { ["type"] = "ping" });
            }

            foreach (var piece in block.Pieces)
            {
                Add("content_block_delta", Delta(index, block.DeltaType, block.Field, piece), Answer.TokensOf(piece));
            }

            if (block.Field == "thinking")
            {
                Add("content_block_delta", Delta(index, "signature_delta", "signature", "RmFrZVNpZ25hdHVyZQ=="));
            }

            Add("content_block_stop", new() { ["type"] = "content_block_stop", ["index"] = index++ });
        }

        if (scenario.Has("unknown-fields"))
        {
            Add("future_event", new() { ["type"] = "future_event", ["usage"] = new JsonObject { ["output_tokens"] = 999_999 } });
        }

        var end = new JsonObject
        {
            ["type"] = "message_delta",
            ["delta"] = new JsonObject { ["stop_reason"] = answer.StopReason, ["stop_sequence"] = null },
        };
        if (!silent)
        {
            var usage = malformed ? Figures.Malformed() : figures.Cumulative();
            usage["output_tokens_details"] = new JsonObject { ["thinking_tokens"] = 3 };
            end["usage"] = usage;
        }

        Add("message_delta", end, usage: silent || malformed ? "none" : "final");
        Add("message_stop", new() { ["type"] = "message_stop" }, usage: silent || malformed ? "none" : "final");
        return events;
    }

    public static byte[] Error { get; } = Encoding.UTF8.GetBytes(
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n");

    // As the API does: quotes escaped, other characters as they are.
    public static readonly JsonSerializerOptions Relaxed = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static JsonObject Delta(int index, string type, string field, string piece) => new()
    {
        ["type"] = "content_block_delta",
        ["index"] = index,
        ["delta"] = new JsonObject { ["type"] = type, [field] = piece },
    };
}

/// <summary>The message object of an answer.</summary>
internal static class MessageJson
{
    public static JsonObject Of(Call call, JsonArray content, string? stopReason)
        => new()
        {
            ["model"] = call.Message!.AnsweringModel,
            ["id"] = "msg_" + call.RequestId[4..],
            ["type"] = "message",
            ["role"] = "assistant",
            ["content"] = content,
            ["stop_reason"] = stopReason,
            ["stop_sequence"] = null,
        };
}
