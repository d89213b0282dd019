using System.Text.Json.Nodes;

namespace FakeAnthropic;

/// <summary>The calls of the API that it answers.</summary>
internal static class Routes
{
    private static readonly string[] Models =
    [
        "claude-fable-5-1", "claude-opus-5-5", "claude-opus-5", "claude-opus-4-8", "claude-opus-4-7",
        "claude-sonnet-5-5", "claude-sonnet-5", "claude-sonnet-4-6", "claude-haiku-5-5", "claude-haiku-4-5",
    ];

    public static async Task AnswerAsync(Call call)
    {
        var path = call.Target.Split('?')[0];
        switch (call.Http.Request.Method, path)
        {
            case ("POST", "/v1/messages"):
                await MessagesAsync(call).ConfigureAwait(false);
                break;
            case ("POST", "/v1/messages/count_tokens"):
                await CountAsync(call).ConfigureAwait(false);
                break;
            case ("GET", "/v1/models"):
                call.Upstream.Ledger.Add(call.Entry("completed") with { Kind = "models" });
                await Json.WriteAsync(call.Http, new { data = Models.Select(Model), has_more = false, first_id = Models[0], last_id = Models[^1] }).ConfigureAwait(false);
                break;
            case ("GET", _) when path.StartsWith("/v1/models/", StringComparison.Ordinal) && Models.Contains(path[11..]):
                call.Upstream.Ledger.Add(call.Entry("completed") with { Kind = "models" });
                await Json.WriteAsync(call.Http, Model(path[11..])).ConfigureAwait(false);
                break;
            case var (_, about) when Batches.Are(about):
                await call.Upstream.Batches.AnswerAsync(call, about).ConfigureAwait(false);
                break;
            default:
                await ApiError.WriteAsync(call.Http, call.RequestId, 404, "not_found_error", "Not found").ConfigureAwait(false);
                break;
        }
    }

    private static async Task MessagesAsync(Call call)
    {
        if (MessageRequest.TryRead(call.Body, needsMaxTokens: true, out var problem) is not { } message)
        {
            await ApiError.WriteAsync(call.Http, call.RequestId, 400, "invalid_request_error", problem).ConfigureAwait(false);
            return;
        }

        call = call with { Message = message };
        var scenario = message.Scenario;
        if (!message.Model.StartsWith("claude-", StringComparison.Ordinal))
        {
            await ApiError.WriteAsync(call.Http, call.RequestId, 404, "not_found_error", "model: " + message.Model).ConfigureAwait(false);
            return;
        }

        try
        {
            await Wait.ForAsync(scenario.Seconds("slow-first-byte"), call.Gone).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            call.Upstream.Ledger.Add(call.Entry("cut"));
            return;
        }

        if (scenario.Text("error", "500") is { } error)
        {
            await ApiError.WriteScenarioAsync(call, error).ConfigureAwait(false);
            return;
        }

        if (scenario.Has("redirect"))
        {
            call.Http.Response.Redirect(call.Target, permanent: false, preserveMethod: true);
            call.Upstream.Ledger.Add(call.Entry("error", 307));
            return;
        }

        if (scenario.Has("reset"))
        {
            call.Upstream.Ledger.Add(call.Entry("error", 0));
            call.Http.Abort();
            return;
        }

        var answer = Answer.To(message);
        var figures = Figures.Of(message, call.Seed, answer.OutputTokens);
        await (message.Stream
            ? StreamAnswer.WriteAsync(call, answer, figures)
            : PlainAnswer.WriteAsync(call, answer, figures)).ConfigureAwait(false);
    }

    private static async Task CountAsync(Call call)
    {
        if (MessageRequest.TryRead(call.Body, needsMaxTokens: false, out var problem) is not { } message)
        {
            await ApiError.WriteAsync(call.Http, call.RequestId, 400, "invalid_request_error", problem).ConfigureAwait(false);
            return;
        }

        var figures = Figures.Of(message, call.Seed, 0);
        call.Upstream.Ledger.Add((call with { Message = message }).Entry("completed") with { Kind = "count_tokens" });
        await Json.WriteAsync(call.Http, new JsonObject
        {
            ["input_tokens"] = figures.Input + figures.CacheRead + figures.Write5m + figures.Write1h,
        }).ConfigureAwait(false);
    }

    private static object Model(string id) => new { type = "model", id, display_name = id, created_at = "2026-01-01T00:00:00Z" };
}

/// <summary>Real waiting: the scenarios are about time as the client meets it.</summary>
internal static class Wait
{
    /// <summary>A flush ends before the bytes are on the wire, and an abort throws away what is not.</summary>
    public static Task UntilSentAsync() => Task.Delay(TimeSpan.FromMilliseconds(30), TimeProvider.System);

    public static Task ForAsync(TimeSpan time, CancellationToken cancellationToken)
        => time > TimeSpan.Zero ? Task.Delay(time, TimeProvider.System, cancellationToken) : Task.CompletedTask;
}
