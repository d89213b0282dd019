using System.Text.Json;
using System.Text.Json.Nodes;

namespace FakeAnthropic;

/// <summary>Sends an answer as one JSON body.</summary>
internal static class PlainAnswer
{
    public static async Task WriteAsync(Call call, Answer answer, Figures figures)
    {
        var scenario = call.Message!.Scenario;
        var message = MessageJson.Of(call, answer.Content(), answer.StopReason);
        if (scenario.Has("unknown-fields"))
        {
            message["future"] = new JsonObject { ["usage"] = new JsonObject { ["input_tokens"] = 999_999 }, ["model"] = "other" };
        }

        if (!scenario.Has("no-usage"))
        {
            message["usage"] = scenario.Has("malformed-usage") ? Figures.Malformed() : figures.Full(figures.Output);
        }

        var json = JsonSerializer.SerializeToUtf8Bytes(message, StreamScript.Relaxed);
        var bytes = await Encodings.EncodeAsync(call, json).ConfigureAwait(false);
        var response = call.Http.Response;
        response.ContentType = "application/json";
        response.ContentLength = bytes.Length;
        try
        {
            await Wait.ForAsync(scenario.Seconds("drip"), call.Gone).ConfigureAwait(false);
            if (scenario.Has("cut") || scenario.Has("eof"))
            {
                await response.Body.WriteAsync(bytes.AsMemory(0, bytes.Length / 2), call.Gone).ConfigureAwait(false);
                await response.Body.FlushAsync(call.Gone).ConfigureAwait(false);
                call.Upstream.Ledger.Add(Billing.Entry(call, figures, "cut"));
                await Wait.UntilSentAsync().ConfigureAwait(false);
                call.Http.Abort();
                return;
            }

            // Before the last byte, so that whoever has the whole answer finds it in the ledger.
            call.Gone.ThrowIfCancellationRequested();
            var known = scenario.Has("no-usage") || scenario.Has("malformed-usage") ? "none" : "final";
            call.Upstream.Ledger.Add(Billing.Entry(call, figures, "completed") with { SentOutputTokens = answer.OutputTokens, SentUsage = known });
            Billing.AddBeside(call, figures);
            await response.Body.WriteAsync(bytes, call.Gone).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            call.Upstream.Ledger.Add(Billing.Entry(call, figures, "cut"));
        }
    }
}
