using System.Collections.Immutable;
using Microsoft.AspNetCore.Http;
using NetBird.Gateway.Batches;
using NetBird.Gateway.Refusals;
using NetBird.Policy;

namespace NetBird.Gateway.Inspection;

/// <summary>
/// Stage 2: which call it is and what it asks for; the body is kept byte for byte. What cannot be read is refused, since it could
/// not be decided.
/// </summary>
internal sealed class InspectionStage(GatewayOptions options)
{
    private const int MaxIdChars = 128;

    public async ValueTask<Refusal?> InspectAsync(GatewayCall call)
    {
        var http = call.Http.Request;
        var kind = RequestRoute.KindOf(http.Method, call.Target);
        var session = IdFrom(http.Headers, "X-Claude-Code-Session-Id");
        var agent = IdFrom(http.Headers, "X-Claude-Code-Agent-Id");
        call.Request = new(kind, "", Stream: false, MaxOutputTokens: null, BodyBytes: http.ContentLength ?? 0, session, agent);
        if (kind == RequestKind.Other)
        {
            return Refusal.Because(DenyReason.CallNotOffered, "This call of the API is not offered here.");
        }

        if (http.Headers.ContentEncoding is { Count: > 0 } coding && !coding.ToString().Equals("identity", StringComparison.OrdinalIgnoreCase))
        {
            return Refusal.Because(DenyReason.Malformed, "A compressed request body cannot be checked; send it as it is.");
        }

        if (await BodyReader.ReadAsync(http, options.MaxBodyBytes, call.Http.RequestAborted).ConfigureAwait(false) is not { } body)
        {
            return Refusal.TooLarge(options.MaxBodyBytes);
        }

        call.Body = body;
        if (kind is RequestKind.Models)
        {
            call.Request = call.Request with
            {
                Model = RequestRoute.ModelId(RequestRoute.PathOf(call.Target)).ToString(), BodyBytes = body.Length,
            };
            return null;
        }

        if (kind is RequestKind.Batches)
        {
            return InspectBatch(call);
        }

        if (!MessageFacts.TryRead(body.Span, out var facts, out var problem))
        {
            return Refusal.Because(DenyReason.Malformed, problem);
        }

        if (facts.Model is null)
        {
            return Refusal.Because(DenyReason.Malformed, "The request names no model.");
        }

        call.Request = facts.Of(kind, body.Length, session, agent);
        return null;
    }

    private static Refusal? InspectBatch(GatewayCall call)
    {
        call.Batch = BatchTarget.Of(call.Http.Request.Method, RequestRoute.PathOf(call.Target));
        if (call.Batch is null)
        {
            return Refusal.Because(DenyReason.CallNotOffered, "This call of the API is not offered here.");
        }

        call.Request = call.Request! with { BodyBytes = call.Body.Length };
        if (call.Batch.Call is BatchCall.Create)
        {
            if (!BatchFacts.TryRead(call.Body.Span, out var requests, out var problem))
            {
                return Refusal.Because(DenyReason.Malformed, problem);
            }

            call.Request = call.Request with { Batch = requests, Model = OneModelOf(requests) };
        }

        return null;
    }

    /// <summary>For the row of the creation: the model, where all requests name the same.</summary>
    private static string OneModelOf(ImmutableArray<ModelRequest> requests)
        => requests.All(request => request.Model == requests[0].Model) ? requests[0].Model : "";

    /// <summary>An id that only describes the request: kept when it is short and printable, else ignored.</summary>
    private static string? IdFrom(IHeaderDictionary headers, string name)
        => headers.TryGetValue(name, out var values) && values is [{ Length: > 0 and <= MaxIdChars } id] && IsPrintable(id) ? id : null;

    private static bool IsPrintable(string id)
    {
        foreach (var c in id)
        {
            if (c is < '!' or > '~')
            {
                return false;
            }
        }

        return true;
    }
}
