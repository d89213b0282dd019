using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using NetBird.Gateway.Admission;
using NetBird.Gateway.Authorization;
using NetBird.Gateway.Capture;
using NetBird.Gateway.Credentials;
using NetBird.Gateway.Forwarding;
using NetBird.Gateway.Inspection;
using NetBird.Gateway.Metering;
using NetBird.Gateway.OwnAnswers;
using NetBird.Gateway.Refusals;
using NetBird.Primitives;

namespace NetBird.Gateway;

/// <summary>The stages, in the one order there is. Each either lets the call on or says why not.</summary>
internal sealed partial class GatewayPipeline(
    IGatewaySnapshots snapshots,
    AdmissionStage admission,
    InspectionStage inspection,
    AuthorizationStage authorization,
    CredentialStage credentials,
    PromptCaptureStage capture,
    MeteringStage metering,
    ForwardingStage forwarding,
    UsageAnswer usage,
    GatewayMetrics metrics,
    TimeProvider time,
    ILogger<GatewayPipeline> logger)
{
    private const string RequestIdHeader = "x-netbird-request-id";

    /// <summary>Ours: a refusal waits this long for its row, so that whoever reads the log next finds it; then it goes out anyway.</summary>
    private static readonly TimeSpan WaitForRow = TimeSpan.FromMilliseconds(250);

    public async Task HandleAsync(HttpContext http)
    {
        using var call = new GatewayCall(http, snapshots.Current, time);
        http.Response.Headers[RequestIdHeader] = call.Id.Value;
        if (OwnAnswer.IsHello(http.Request.Method, call.Target))
        {
            return;
        }

        metrics.Began();
        try
        {
            call.Refusal = await RunAsync(call).ConfigureAwait(false);
        }
        catch (Exception failed) when (failed is OperationCanceledException or IOException && http.RequestAborted.IsCancellationRequested)
        {
            // The caller is gone; nobody to tell.
            call.Broken = true;
        }
        catch (BadHttpRequestException malformed)
        {
            call.Refusal = Refusal.Because(Policy.DenyReason.Malformed, "The request is not valid HTTP.");
            Log.Malformed(logger, malformed.Message);
        }
        catch (Exception bug)
        {
            Log.Failed(logger, bug, call.Id);

            // What the provider has may be charged, whatever became of it here.
            call.Broken = true;
            call.Refusal = Refusal.CannotDecide("The gateway failed.");
        }

        try
        {
            await EndAsync(call).ConfigureAwait(false);
        }
        finally
        {
            metrics.Ended();
        }
    }

    private async ValueTask<Refusal?> RunAsync(GatewayCall call)
    {
        if (OwnAnswer.IsUsage(call.Http.Request.Method, RequestRoute.PathOf(call.Target)))
        {
            return admission.Admit(call) ?? await usage.WriteAsync(call).ConfigureAwait(false);
        }

        // The order of the stages. A call that gets past one line has passed all lines above it.
        return admission.Admit(call)
            ?? await inspection.InspectAsync(call).ConfigureAwait(false)
            ?? await authorization.AuthorizeAsync(call).ConfigureAwait(false)
            ?? credentials.Attach(call)
            ?? await capture.KeepAsync(call).ConfigureAwait(false)
            ?? await metering.OpenAsync(call).ConfigureAwait(false)
            ?? await forwarding.ForwardAsync(call).ConfigureAwait(false);
    }

    /// <summary>Metering closes every call; a refusal is written where nothing was.</summary>
    private async ValueTask EndAsync(GatewayCall call)
    {
        var response = call.Http.Response;
        if (call.AnsweredByUs)
        {
            return;
        }

        if (call.Refusal is not { } refusal || response.HasStarted)
        {
            await metering.CloseAsync(call).ConfigureAwait(false);
            return;
        }

        call.StatusCode = refusal.Status;
        var sentence = RefusalText.Sentence(refusal, call.Snapshot?.Contact);
        Log.Refused(logger, call.Id, refusal.Reason, call.Peer?.Caller.User, refusal.Status);
        var closing = metering.CloseAsync(call).AsTask();
        await Task.WhenAny(closing, Task.Delay(WaitForRow, time, CancellationToken.None)).ConfigureAwait(false);

        // Headers of an answer that did not come through are not the refusal's.
        response.Headers.Clear();
        response.Headers[RequestIdHeader] = call.Id.Value;
        RefusalWriter.Write(response, refusal, sentence, call.Id.Value, time.GetUtcNow());
        await response.BodyWriter.FlushAsync(CancellationToken.None).ConfigureAwait(false);
        await closing.ConfigureAwait(false);
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Pipeline + 1, LogLevel.Information, "Request {Id} of {User} is refused with {Status}: {Reason}")]
        public static partial void Refused(ILogger logger, RequestId id, Policy.DenyReason reason, UserId? user, int status);

        [LoggerMessage(EventIds.Pipeline + 2, LogLevel.Error, "Request {Id} failed inside the gateway")]
        public static partial void Failed(ILogger logger, Exception exception, RequestId id);

        [LoggerMessage(EventIds.Pipeline + 3, LogLevel.Debug, "A request is not valid HTTP: {Detail}")]
        public static partial void Malformed(ILogger logger, string detail);
    }
}
