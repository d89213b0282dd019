using System.Buffers;
using System.Collections.Immutable;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using NetBird.Gateway.Authorization;
using NetBird.Policy;
using NetBird.Policy.Limits;
using NetBird.Primitives;

namespace NetBird.Gateway.OwnAnswers;

/// <summary>
/// <c>GET /api/oauth/usage</c>: what Claude Code's <c>/usage</c> page shows in gateway mode. Money limits only; the page has no
/// place for tokens.
/// </summary>
internal sealed class UsageAnswer(IReservations reservations, TimeProvider time)
{
    private const decimal CentsPerUsd = 100;

    /// <returns>Always null: it has no reason to refuse.</returns>
    public Refusals.Refusal? Write(GatewayCall call)
    {
        var readings = reservations.Read(CapsOf(call.Snapshot!.Policies, call.Peer!.Caller, time.GetUtcNow()));
        var fullest = LimitHeaders.Fullest(readings);
        var body = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteStartObject("extra_usage"u8);
            json.WriteBoolean("is_enabled"u8, true);
            if (fullest is null)
            {
                json.WriteNull("monthly_limit"u8);
                json.WriteNull("used_credits"u8);
                json.WriteNull("utilization"u8);
            }
            else
            {
                json.WriteNumber("monthly_limit"u8, Cents(fullest.Cap.Limit));
                json.WriteNumber("used_credits"u8, Cents(fullest.Used));
                json.WriteNumber("utilization"u8, LimitHeaders.Percent(fullest));
            }

            json.WriteString("currency"u8, "USD"u8);
            json.WriteEndObject();
            json.WriteStartArray("limits"u8);
            if (fullest is not null)
            {
                WriteLimit(json, fullest, time.GetUtcNow());
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        var response = call.Http.Response;
        response.StatusCode = 200;
        response.ContentType = "application/json";
        response.ContentLength = body.WrittenCount;
        response.BodyWriter.Write(body.WrittenSpan);
        call.AnsweredByUs = true;
        return null;
    }

    private static void WriteLimit(Utf8JsonWriter json, CounterReading reading, DateTimeOffset now)
    {
        var percent = LimitHeaders.Percent(reading);
        json.WriteStartObject();
        json.WriteString("kind"u8, "spend"u8);
        json.WriteString("group"u8, LimitHeaders.PeriodOf(reading.Cap.Window) ?? "monthly");
        json.WriteNumber("percent"u8, Math.Min(percent, 100));
        json.WriteString("resets_at"u8, DateTimeOffset.FromUnixTimeSeconds(LimitHeaders.ResetOf(reading, now).ToUnixTimeSeconds()));
        json.WriteString("severity"u8, percent >= 95 ? "critical" : percent >= 75 ? "warning" : "normal");
        json.WriteBoolean("is_active"u8, true);
        json.WriteEndObject();
    }

    /// <summary>Every money cap that a message of this caller could be under, each once.</summary>
    private static ImmutableArray<Cap> CapsOf(PolicySnapshot policies, Caller caller, DateTimeOffset at)
    {
        var raises = new RaisesAt(policies.Raises, at);
        var caps = new HashSet<Cap>(ApplicableCaps.OfRules(policies.BudgetRules, caller, raises));
        foreach (var policy in policies.Policies)
        {
            if (policy.Enabled)
            {
                foreach (var group in policy.SourceGroups.Intersect(caller.Groups))
                {
                    caps.UnionWith(ApplicableCaps.Of(policy, group, caller.User, [], raises));
                }
            }
        }

        return [.. caps.Where(cap => cap.Unit == CapUnit.NanoUsd)];
    }

    private static decimal Cents(long nanoUsd) => decimal.Round(new NanoUsd(nanoUsd).ToUsd() * CentsPerUsd, 2);
}
