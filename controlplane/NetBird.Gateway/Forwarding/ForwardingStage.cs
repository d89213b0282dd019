using System.Buffers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;
using NetBird.Gateway.Authorization;
using NetBird.Gateway.Batches;
using NetBird.Gateway.Credentials;
using NetBird.Gateway.Metering;
using NetBird.Gateway.Refusals;
using NetBird.Policy;
using NetBird.Primitives;

namespace NetBird.Gateway.Forwarding;

/// <summary>
/// Stage 5: sends the request on and the answer back, unbuffered, cancelling both ways. Fails with 502 as long as the caller has
/// seen nothing; afterwards a broken stream ends cleanly, since Claude Code asks a clean end again in a second and a reset for minutes.
/// </summary>
internal sealed partial class ForwardingStage(
    UpstreamClient upstream,
    CredentialStage credentials,
    IReservations reservations,
    MeteringStage metering,
    BatchAnswers batches,
    ActiveCalls active,
    GatewayOptions options,
    TimeProvider time,
    ILogger<ForwardingStage> logger)
{
    private static readonly SearchValues<char> NoHeaderText = SearchValues.Create(
        [.. Enumerable.Range(0, 32).Where(c => c != '\t').Append(127).Select(c => (char)c)]);

    /// <summary>Ours: an answer that is there waits no longer than this to say how full its limits are.</summary>
    private static readonly TimeSpan WaitForLimits = TimeSpan.FromSeconds(1);

    public async ValueTask<Refusal?> ForwardAsync(GatewayCall call)
    {
        active.Add(call);

        // Read to its end, whoever is still there: under a strict cap, since a provider that is cut tells no figures, and thinks unseen; and the
        // answer to a batch that is made, since what is not registered is worked on, and metered by nobody.
        var grace = MeteringStage.IsUnderStrictCap(call) || call.Batch is { Call: BatchCall.Create } ? options.AnswerTimeout : options.GraceAfterCallerLeft;
        var callerGone = call.Http.RequestAborted.UnsafeRegister(static (state, _) => ((Leaving)state!).Happened(), new Leaving(call, grace));
        try
        {
            var (response, refusal) = await AskAsync(call).ConfigureAwait(false);
            if (response is null)
            {
                return refusal;
            }

            using (response)
            {
                await ReturnAsync(call, response).ConfigureAwait(false);
                return null;
            }
        }
        finally
        {
            await callerGone.DisposeAsync().ConfigureAwait(false);
            active.Remove(call);
        }
    }

    /// <summary>The provider's answer as soon as its headers are there; moves on to the next key while one is refused.</summary>
    private async ValueTask<(HttpResponseMessage? Response, Refusal? Refusal)> AskAsync(GatewayCall call)
    {
        HashSet<string>? tried = null;
        while (true)
        {
            HttpResponseMessage response;
            call.BodySent = false;
            try
            {
                response = await upstream.SendAsync(call, call.Stop).ConfigureAwait(false);
            }
            catch (Exception failed) when (failed is HttpRequestException or IOException or OperationCanceledException or TimeoutException)
            {
                return (null, RefusalFor(call, failed));
            }

            call.Sent = true;
            var status = (int)response.StatusCode;
            if (status is 401 or 403 or 429)
            {
                var key = call.Key!.Id;
                if (credentials.TryNext(call, status, tried ??= []))
                {
                    Log.KeyRefused(logger, call.Provider!.Id, key, status);
                    response.Dispose();
                    continue;
                }

                if (status is not 429)
                {
                    Log.KeyRefused(logger, call.Provider!.Id, key, status);
                    response.Dispose();
                    return (null, Refusal.KeyRefused(call.Provider!.Name));
                }
            }

            if (status < 200)
            {
                response.Dispose();
                return (null, Refusal.Unreachable(call.Provider!.Name, $"answered with {status}, which ends no request"));
            }

            if (status is >= 300 and < 400 and not 304)
            {
                // Never followed and never passed on: the client would take its next request, with us out of the way, elsewhere.
                response.Dispose();
                return (null, Refusal.Unreachable(call.Provider!.Name, $"answered with a redirect ({status}), which is not followed"));
            }

            if (call.Batch is { IsRead: true } && response.Content.Headers.ContentEncoding.Count > 0)
            {
                response.Dispose();
                return (null, Refusal.Unreachable(call.Provider!.Name, "answered with a compression that was not asked for, in which a batch cannot be metered"));
            }

            return (response, null);
        }
    }

    private Refusal? RefusalFor(GatewayCall call, Exception failed)
    {
        // No byte of the body went out: nobody has worked on it.
        call.Sent = call.BodySent;
        call.Broken = call.BodySent;
        if (call.CallerLeft)
        {
            call.Broken = true;
            return null;
        }

        if (call.CutReason is { } cut)
        {
            return Refusal.Because(cut, "Your access ended while the request was on its way.");
        }

        Log.ProviderUnreachable(logger, call.Provider!.Id, failed);
        return Refusal.Unreachable(call.Provider.Name, failed switch
        {
            _ when call.TimedOut => "did not answer in time",
            _ when call.BodySent => "closed the connection before it answered",
            _ => "cannot be reached",
        });
    }

    private async ValueTask ReturnAsync(GatewayCall call, HttpResponseMessage response)
    {
        var target = call.Http.Response;
        call.StatusCode = target.StatusCode = (int)response.StatusCode;
        var headers = target.Headers;
        var connection = response.Headers.NonValidated.TryGetValues("Connection", out var named) ? ToValues(named) : default;
        Copy(response.Headers.NonValidated, headers, connection);
        Copy(response.Content.Headers.NonValidated, headers, connection);
        call.ProviderRequestId = headers["request-id"] is [{ Length: > 0 and <= 128 } id] ? id : null;
        call.Meter = MeteringStage.MeterFor(call, call.StatusCode, headers.ContentType.ToString(), headers.ContentEncoding.ToString());

        // Not before: what fails above leaves a request that was sent, and what that may cost.
        call.Answered = true;
        if (call.Reserved && response.IsSuccessStatusCode)
        {
            await AddLimitsAsync(call, headers).ConfigureAwait(false);
        }

        if (HttpMethods.IsHead(call.Http.Request.Method))
        {
            return;
        }

        var pump = new AnswerPump(call, metering, time);
        call.Pump = pump;
        var answer = await response.Content.ReadAsStreamAsync(call.Stop).ConfigureAwait(false);
        var end = call.Batch is { IsRead: true } && response.IsSuccessStatusCode
            ? await batches.RunAsync(call, answer).ConfigureAwait(false)
            : await pump.RunAsync(answer).ConfigureAwait(false);
        if (end is AnswerPump.End.Whole)
        {
            return;
        }

        call.Broken = true;
        if (end is AnswerPump.End.ProviderBroke)
        {
            Log.ProviderBroke(logger, call.Provider!.Id, call.Id);
        }

        if (!call.CallerLeft && target.ContentLength is { } promised && promised != call.ResponseBytes)
        {
            // A body with a promised length cannot end early in any other way.
            call.Http.Abort();
        }
    }

    /// <summary>What the provider answered is paid for: where the counters cannot be read just now, it goes on without them.</summary>
    private async ValueTask AddLimitsAsync(GatewayCall call, IHeaderDictionary headers)
    {
        if (call.Charged is not { Caps: { IsDefaultOrEmpty: false } caps })
        {
            return;
        }

        try
        {
            var reading = reservations.ReadAsync(caps, CancellationToken.None);
            var readings = reading.IsCompleted
                ? await reading.ConfigureAwait(false)
                : await reading.AsTask().WaitAsync(WaitForLimits, time, CancellationToken.None).ConfigureAwait(false);
            LimitHeaders.AddAllowed(headers, readings, time.GetUtcNow());
        }
        catch (Exception unreadable)
        {
            Log.LimitsUnreadable(logger, call.Id, unreadable);
        }
    }

    private static void Copy(System.Net.Http.Headers.HttpHeadersNonValidated from, IHeaderDictionary to, StringValues connection)
    {
        foreach (var (name, values) in from)
        {
            // One that no header may be (RFC 9110 section 5.5) is left out; the answer is paid for, whatever stands beside it.
            if (HeaderRules.IsReturned(name, connection) && !values.ToString().AsSpan().ContainsAny(NoHeaderText))
            {
                to[name] = ToValues(values);
            }
        }
    }

    private static StringValues ToValues(System.Net.Http.Headers.HeaderStringValues values)
        => values.Count == 1 ? new(values.ToString()) : new([.. values]);

    /// <summary>Tells a call that its caller left.</summary>
    private sealed record Leaving(GatewayCall Call, TimeSpan Grace)
    {
        public void Happened() => Call.OnCallerLeft(Grace);
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Credentials + 1, LogLevel.Warning, "Provider {Provider} answers {Status} to key {KeyId}")]
        public static partial void KeyRefused(ILogger logger, ProviderId provider, string keyId, int status);

        [LoggerMessage(EventIds.Forwarding + 1, LogLevel.Warning, "Provider {Provider} gave no answer")]
        public static partial void ProviderUnreachable(ILogger logger, ProviderId provider, Exception exception);

        [LoggerMessage(EventIds.Forwarding + 3, LogLevel.Warning, "The answer to request {Id} does not say how full its limits are: the counters cannot be read")]
        public static partial void LimitsUnreadable(ILogger logger, RequestId id, Exception exception);

        [LoggerMessage(EventIds.Forwarding + 2, LogLevel.Warning, "Provider {Provider} broke off its answer to request {Id}")]
        public static partial void ProviderBroke(ILogger logger, ProviderId provider, RequestId id);
    }
}
