namespace FakeAnthropic;

/// <summary>Sends a stream, and breaks it where the scenario says so.</summary>
internal static class StreamAnswer
{
    public static async Task WriteAsync(Call call, Answer answer, Figures figures)
    {
        var scenario = call.Message!.Scenario;
        var events = StreamScript.Of(call, answer, figures);
        var response = call.Http.Response;
        response.ContentType = "text/event-stream; charset=utf-8";
        response.Headers.CacheControl = "no-cache";
        var sent = new Sent(call, figures);
        var body = Encodings.Wrap(call);
        try
        {
            await using (body.ConfigureAwait(false))
            {
                await response.Body.FlushAsync(call.Gone).ConfigureAwait(false);
                await Wait.ForAsync(scenario.Seconds("slow-first-event"), call.Gone).ConfigureAwait(false);
                await WriteEventsAsync(call, events, body, sent).ConfigureAwait(false);
            }
        }
        catch (Exception gone) when (gone is OperationCanceledException or IOException)
        {
            sent.Record("cut");
        }
    }

    private static async Task WriteEventsAsync(Call call, List<StreamEvent> events, Stream body, Sent sent)
    {
        var scenario = call.Message!.Scenario;
        var pause = scenario.Seconds("drip") / Math.Max(1, events.Count - 1);
        var cutAfter = scenario.Number("cut", 5);
        var endAfter = scenario.Number("eof", 5);
        var errorAfter = scenario.Number("sse-error", 5);
        var silenceAfter = scenario.Has("silence") ? 3 : -1;
        foreach (var next in events)
        {
            if (sent.Events > 0)
            {
                await Wait.ForAsync(pause, call.Gone).ConfigureAwait(false);
            }

            if (sent.Events == silenceAfter)
            {
                await Wait.ForAsync(scenario.Seconds("silence"), call.Gone).ConfigureAwait(false);
            }

            if (sent.Events == cutAfter)
            {
                // Half an event, then the connection breaks.
                await body.WriteAsync(next.Bytes.AsMemory(0, next.Bytes.Length / 2), call.Gone).ConfigureAwait(false);
                await body.FlushAsync(call.Gone).ConfigureAwait(false);
                sent.Record("cut");
                await Wait.UntilSentAsync().ConfigureAwait(false);
                call.Http.Abort();
                return;
            }

            if (sent.Events == endAfter)
            {
                sent.Record("cut");
                return;
            }

            if (sent.Events == errorAfter)
            {
                await body.WriteAsync(StreamScript.Error, call.Gone).ConfigureAwait(false);
                await body.FlushAsync(call.Gone).ConfigureAwait(false);
                sent.Record("cut");
                return;
            }

            call.Gone.ThrowIfCancellationRequested();
            await body.WriteAsync(next.Bytes, call.Gone).ConfigureAwait(false);
            await body.FlushAsync(call.Gone).ConfigureAwait(false);
            sent.Count(next);
        }

        sent.Record("completed");
    }

    /// <summary>What went out so far.</summary>
    private sealed class Sent(Call call, Figures figures)
    {
        private long _tokens;
        private string _usage = "none";
        private bool _recorded;

        public int Events { get; private set; }

        public void Count(StreamEvent sent)
        {
            Events++;
            _tokens += sent.OutputTokens;
            _usage = sent.Usage == "none" ? _usage : sent.Usage;
        }

        public void Record(string outcome)
        {
            if (!_recorded)
            {
                _recorded = true;
                call.Upstream.Ledger.Add(Billing.Entry(call, figures, outcome) with
                {
                    SentEvents = Events, SentOutputTokens = _tokens, SentUsage = _usage,
                });
                Billing.AddBeside(call, figures);
            }
        }
    }
}

/// <summary>An answer's ledger entry.</summary>
internal static class Billing
{
    public static LedgerEntry Entry(Call call, Figures figures, string outcome) => call.Entry(outcome) with
    {
        InputTokens = figures.Input,
        OutputTokens = figures.Output,
        CacheReadInputTokens = figures.CacheRead,
        CacheCreation5mInputTokens = figures.Write5m,
        CacheCreation1hInputTokens = figures.Write1h,
        WebSearchRequests = figures.Searches,
        ServiceTier = figures.Tier,
        InferenceGeo = figures.Geo,
        Speed = figures.Speed,
        Model = figures.FellBackTo ?? call.Message!.AnsweringModel,
        UsageForm = call.Message!.Scenario.Has("no-usage") ? "none" : call.Message.Scenario.Has("malformed-usage") ? "malformed" : "figures",
    };

    /// <summary>What was run beside the answer, each at its own model.</summary>
    public static IEnumerable<LedgerEntry> Beside(Call call, Figures figures) => figures.Beside.Select(part => call.Entry("completed") with
    {
        Model = part.Model ?? call.Message!.AnsweringModel,
        InputTokens = part.Input,
        OutputTokens = part.Output,
        CacheReadInputTokens = part.CacheRead,
        ServiceTier = figures.Tier,
        InferenceGeo = figures.Geo,
    });

    public static void AddBeside(Call call, Figures figures)
    {
        foreach (var entry in Beside(call, figures))
        {
            call.Upstream.Ledger.Add(entry);
        }
    }
}
