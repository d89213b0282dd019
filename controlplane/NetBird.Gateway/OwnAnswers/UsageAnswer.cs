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
/// place for tokens. Without a limit it says what was spent in the last day, week and month.
/// </summary>
internal sealed class UsageAnswer(IReservations reservations, IEnumerable<IPersonSpend> spend, TimeProvider time)
{
    private const decimal CentsPerUsd = 100;

    /// <returns>Null, or why it cannot be told now.</returns>
    public async ValueTask<Refusals.Refusal?> WriteAsync(GatewayCall call)
    {
        try
        {
            await WriteNowAsync(call).ConfigureAwait(false);
            return null;
        }
        catch (IOException)
        {
            return Refusals.Refusal.CountersUnreadable("The usage counters cannot be read.");
        }
    }

    private async ValueTask WriteNowAsync(GatewayCall call)
    {
        var readings = await reservations.ReadAsync(CapsOf(call.Snapshot!.Policies, call.Peer!.Caller, time.GetUtcNow()), call.Http.RequestAborted).ConfigureAwait(false);
        var fullest = LimitHeaders.Fullest(readings);
        var spent = fullest is null && spend.FirstOrDefault() is { } source
            ? await source.OfAsync(call.Peer.Caller.User, time.GetUtcNow(), call.Http.RequestAborted).ConfigureAwait(false)
            : default;
        var body = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            WriteSpend(json, "extra_usage"u8, fullest, fullest?.Used ?? spent.Month.Value);
            if (fullest is null)
            {
                WriteSpend(json, "daily"u8, null, spent.Day.Value);
                WriteSpend(json, "weekly"u8, null, spent.Week.Value);
            }

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
    }

    private static void WriteSpend(Utf8JsonWriter json, ReadOnlySpan<byte> name, CounterReading? limit, long used)
    {
        json.WriteStartObject(name);
        json.WriteBoolean("is_enabled"u8, true);
        if (limit is null)
        {
            json.WriteNull("monthly_limit"u8);
            json.WriteNumber("used_credits"u8, Cents(used));
            json.WriteNull("utilization"u8);
        }
        else
        {
            json.WriteNumber("monthly_limit"u8, Cents(limit.Cap.Limit));
            json.WriteNumber("used_credits"u8, Cents(used));
            json.WriteNumber("utilization"u8, LimitHeaders.Percent(limit));
        }

        json.WriteString("currency"u8, "USD"u8);
        json.WriteEndObject();
    }

    private static void WriteLimit(Utf8JsonWriter json, CounterReading reading, DateTimeOffset now)
    {
        var percent = LimitHeaders.Percent(reading);
        json.WriteStartObject();
        json.WriteString("kind"u8, "spend"u8);
        json.WriteString("group"u8, LimitHeaders.PeriodOf(reading.Cap.Window) ?? "monthly");
        json.WriteNumber("percent"u8, Math.Min(percent, 100));
        json.WriteString("resets_at"u8, DateTimeOffset.FromUnixTimeSeconds(LimitHeaders.WholeSeconds(LimitHeaders.ResetOf(reading, now))));
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
