using System.Diagnostics;
using System.Diagnostics.Metrics;
using NetBird.Gateway.Metering;
using NetBird.Policy;

namespace NetBird.Gateway;

/// <summary>
/// What operators watch. Names of OpenTelemetry's generative-AI conventions where they exist; no person, prompt or key in a tag.
/// </summary>
internal sealed class GatewayMetrics : IDisposable
{
    public const string MeterName = "NetBird.Gateway";

    private readonly Meter _meter;
    private readonly Histogram<long> _tokens;
    private readonly Histogram<double> _duration;
    private readonly Histogram<double> _firstByte;
    private readonly UpDownCounter<long> _active;
    private readonly Counter<long> _refused;
    private readonly Counter<long> _interrupted;
    private readonly Counter<long> _unreadable;
    private readonly Counter<double> _cost;

    public GatewayMetrics(IMeterFactory factory)
    {
        _meter = factory.Create(MeterName);
        _tokens = _meter.CreateHistogram<long>("gen_ai.client.token.usage", "{token}", "Tokens of a request by type");
        _duration = _meter.CreateHistogram<double>("gen_ai.client.operation.duration", "s", "Duration of a request");
        _firstByte = _meter.CreateHistogram<double>("gen_ai.server.time_to_first_token", "s", "Time to the first byte of an answer");
        _active = _meter.CreateUpDownCounter<long>("netbird.gateway.active_requests", "{request}", "Requests in flight");
        _refused = _meter.CreateCounter<long>("netbird.gateway.refused_requests", "{request}", "Requests refused, by reason");
        _interrupted = _meter.CreateCounter<long>("netbird.gateway.interrupted_requests", "{request}", "Requests whose usage is partly estimated");
        _unreadable = _meter.CreateCounter<long>(
            "netbird.gateway.unreadable_usage", "{answer}", "Answers that ended well and told no usage that can be read; it is estimated");
        _cost = _meter.CreateCounter<double>("netbird.gateway.cost", "{USD}", "Cost of requests");
    }

    public void Began() => _active.Add(1);

    public void Ended() => _active.Add(-1);

    public void UsageUnreadable() => _unreadable.Add(1);

    public void Recorded(GatewayCall call, UsageRecord record)
    {
        if (call.Refusal is { } refusal && record.Kind is not RequestKind.Part)
        {
            _refused.Add(1, new KeyValuePair<string, object?>("reason", refusal.Reason));
            if (record.Usage == default)
            {
                return;
            }

            // Sent, and refused for want of an answer: what the provider may charge for it is metered like any other.
        }

        if (!_duration.Enabled && !_tokens.Enabled)
        {
            return;
        }

        var tags = new TagList
        {
            { "gen_ai.operation.name", record.Kind is RequestKind.Messages or RequestKind.Part ? "chat" : "other" },
            { "gen_ai.provider.name", "anthropic" },
            { "gen_ai.request.model", call.Request?.Model },
            { "gen_ai.response.model", record.Model },
        };
        if (record.Completeness == Completeness.Interrupted)
        {
            _interrupted.Add(1, tags);
        }

        _cost.Add((double)record.Cost.ToUsd(), tags);
        if (record.TimeToFirstByte is { } firstByte)
        {
            _firstByte.Record(firstByte.TotalSeconds, tags);
        }

        Record("input", record.Usage.Tokens.Prompt, tags);
        Record("output", record.Usage.Tokens.Output, tags);
        if (record.StatusCode is 0 or >= 400)
        {
            tags.Add("error.type", record.StatusCode);
        }

        if (record.Kind is not (RequestKind.BatchResult or RequestKind.Part))
        {
            // Of a batch it is how long its results were waited for, hours, which is no duration of a call; a part's is its request's.
            _duration.Record(record.Duration.TotalSeconds, tags);
        }
    }

    public void Dispose() => _meter.Dispose();

    private void Record(string type, long tokens, TagList tags)
    {
        if (tokens > 0)
        {
            tags.Add("gen_ai.token.type", type);
            _tokens.Record(tokens, tags);
        }
    }
}
