using Microsoft.Extensions.Logging;
using NetBird.Gateway.Refusals;
using NetBird.Policy;

namespace NetBird.Gateway.Capture;

/// <summary>
/// Keeps what a request says where a guardrail asks for it, before the request goes out. Fails closed: an account that wants
/// prompts kept has none that was answered and not kept.
/// </summary>
internal sealed partial class PromptCaptureStage(IPromptVault vault, ILogger<PromptCaptureStage> logger)
{
    public async ValueTask<Refusal?> KeepAsync(GatewayCall call)
    {
        if (call.Charged?.Capture is not { } capture || !HasPrompt(call))
        {
            return null;
        }

        byte[] json;
        bool truncated;
        try
        {
            json = PromptText.Of(call.Body.Span, capture.RedactPii, out truncated);
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair, or bytes that are no UTF-8: no provider reads it either.
            return Refusal.Because(DenyReason.Malformed, "The request has text that is not valid Unicode, which cannot be kept.");
        }

        var caller = call.Peer!.Caller;
        try
        {
            await vault.KeepAsync(
                new(call.Id, call.StartedAt, caller.User, caller.Name, call.Request!.Model, call.Request.SessionId, capture.RedactPii, truncated, json),
                call.Http.RequestAborted).ConfigureAwait(false);
            return null;
        }
        catch (IOException unwritable)
        {
            Log.NotKept(logger, unwritable);
            return Refusal.CannotDecide("Prompts are to be kept and cannot be, so no request is let through.");
        }
    }

    private static bool HasPrompt(GatewayCall call)
        => call.Request!.Kind is RequestKind.Messages || call.Request.Batch is not null;

    private static partial class Log
    {
        [LoggerMessage(EventIds.Capture + 1, LogLevel.Error, "Prompts cannot be kept; requests whose policy wants them kept are refused")]
        public static partial void NotKept(ILogger logger, Exception exception);
    }
}
