using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace FakeAnthropic;

/// <summary>Message batches, each processed the moment it is created; as with the real API everybody with the key sees all of them.</summary>
internal sealed class Batches
{
    private const string Path = "/v1/messages/batches";

    private readonly ConcurrentDictionary<string, Batch> _all = new(StringComparer.Ordinal);

    public static bool Are(string path) => path == Path || path.StartsWith(Path + "/", StringComparison.Ordinal);

    public async Task AnswerAsync(Call call, string path)
    {
        var parts = path[Path.Length..].Split('/', StringSplitOptions.RemoveEmptyEntries);
        var batch = parts.Length > 0 ? _all.GetValueOrDefault(parts[0]) : null;
        switch (call.Http.Request.Method, parts)
        {
            case ("POST", []):
                await CreateAsync(call).ConfigureAwait(false);
                break;
            case ("GET", []):
                await Json.WriteAsync(call.Http, new JsonObject { ["data"] = new JsonArray([.. _all.Values.Select(Describe)]), ["has_more"] = false }).ConfigureAwait(false);
                break;
            case ("GET", [_]) when batch is not null:
                await Json.WriteAsync(call.Http, Describe(batch)).ConfigureAwait(false);
                break;
            case ("GET", [_, "results"]) when batch is not null:
                await ResultsAsync(call, batch).ConfigureAwait(false);
                break;
            case ("POST", [_, "cancel"]) when batch is not null:
                await Json.WriteAsync(call.Http, Describe(batch)).ConfigureAwait(false);
                break;
            case ("DELETE", [_]) when batch is not null:
                _all.TryRemove(batch.Id, out _);
                await Json.WriteAsync(call.Http, new JsonObject { ["id"] = batch.Id, ["type"] = "message_batch_deleted" }).ConfigureAwait(false);
                break;
            default:
                await ApiError.WriteAsync(call.Http, call.RequestId, 404, "not_found_error", "Not found").ConfigureAwait(false);
                break;
        }
    }

    private async Task CreateAsync(Call call)
    {
        var lines = new List<string>();
        var entries = new List<LedgerEntry>();
        var id = "msgbatch_" + call.RequestId[4..];
        try
        {
            using var body = JsonDocument.Parse(call.Body);
            foreach (var item in body.RootElement.GetProperty("requests").EnumerateArray())
            {
                var raw = Encoding.UTF8.GetBytes(item.GetProperty("params").GetRawText());
                var message = MessageRequest.TryRead(raw, needsMaxTokens: true, out var problem) ?? throw new JsonException(problem);
                var one = call with { Message = message, Body = raw, RequestId = $"{call.RequestId}{lines.Count}" };
                var result = ResultOf(one, out var entry);
                if (entry is not null)
                {
                    entries.AddRange(entry);
                }

                lines.Add(new JsonObject { ["custom_id"] = item.GetProperty("custom_id").GetString(), ["result"] = result }.ToJsonString(StreamScript.Relaxed));
            }
        }
        catch (Exception unreadable) when (unreadable is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            await ApiError.WriteAsync(call.Http, call.RequestId, 400, "invalid_request_error", unreadable.Message).ConfigureAwait(false);
            return;
        }

        var batch = new Batch(id, lines, TimeProvider.System.GetUtcNow());
        _all[id] = batch;
        entries.ForEach(call.Upstream.Ledger.Add);
        await Json.WriteAsync(call.Http, Describe(batch)).ConfigureAwait(false);
    }

    private static JsonObject ResultOf(Call call, out LedgerEntry[]? entry)
    {
        var scenario = call.Message!.Scenario;
        entry = null;
        if (scenario.Text("error", "500") is not null)
        {
            return new() { ["type"] = "errored", ["error"] = new JsonObject { ["type"] = "error", ["error"] = new JsonObject { ["type"] = "api_error", ["message"] = "no" } } };
        }

        if (scenario.Text("batch") is "canceled" or "expired")
        {
            return new() { ["type"] = scenario.Text("batch") };
        }

        var answer = Answer.To(call.Message);
        var figures = Figures.Of(call.Message, call.Seed, answer.OutputTokens) with { Tier = "batch" };
        var message = MessageJson.Of(call, answer.Content(), answer.StopReason);
        if (!scenario.Has("no-usage"))
        {
            message["usage"] = scenario.Has("malformed-usage") ? Figures.Malformed() : figures.Full(figures.Output);
        }

        entry = [.. Billing.Beside(call, figures).Prepend(Billing.Entry(call, figures, "completed")).Select(one => one with { Kind = "batch" })];
        return new() { ["type"] = "succeeded", ["message"] = message };
    }

    private static async Task ResultsAsync(Call call, Batch batch)
    {
        var response = call.Http.Response;
        response.ContentType = "application/x-jsonl";
        foreach (var line in batch.Lines)
        {
            // Split where no caller can rely on it.
            var bytes = Encoding.UTF8.GetBytes(line + "\n");
            await response.Body.WriteAsync(bytes.AsMemory(0, bytes.Length / 3), call.Gone).ConfigureAwait(false);
            await response.Body.FlushAsync(call.Gone).ConfigureAwait(false);
            await response.Body.WriteAsync(bytes.AsMemory(bytes.Length / 3), call.Gone).ConfigureAwait(false);
        }
    }

    private static JsonObject Describe(Batch batch) => new()
    {
        ["id"] = batch.Id,
        ["type"] = "message_batch",
        ["processing_status"] = "ended",
        ["request_counts"] = new JsonObject { ["processing"] = 0, ["succeeded"] = batch.Lines.Count, ["errored"] = 0, ["canceled"] = 0, ["expired"] = 0 },
        ["created_at"] = batch.CreatedAt,
        ["results_url"] = $"https://api.anthropic.com{Path}/{batch.Id}/results",
    };

    private sealed record Batch(string Id, List<string> Lines, DateTimeOffset CreatedAt);
}
