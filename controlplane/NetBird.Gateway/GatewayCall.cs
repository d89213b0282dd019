using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using NetBird.Gateway.Admission;
using NetBird.Gateway.Batches;
using NetBird.Gateway.Credentials;
using NetBird.Gateway.Forwarding;
using NetBird.Gateway.Inspection;
using NetBird.Gateway.Metering;
using NetBird.Gateway.Providers;
using NetBird.Gateway.Refusals;
using NetBird.Policy;
using NetBird.Primitives;

namespace NetBird.Gateway;

/// <summary>One request on its way through the stages; each stage fills in what the next ones need.</summary>
internal sealed class GatewayCall : IDisposable
{
    private readonly TimeProvider _time;
    private readonly long _startTimestamp;
    private readonly CancellationTokenSource _stop = new();
    private ITimer? _graceTimer;

    public GatewayCall(HttpContext http, GatewaySnapshot? snapshot, TimeProvider time)
    {
        Http = http;
        Snapshot = snapshot;
        _time = time;
        _startTimestamp = time.GetTimestamp();
        StartedAt = time.GetUtcNow();
        var address = http.Connection.RemoteIpAddress ?? IPAddress.None;
        Address = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        Target = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
    }

    public HttpContext Http { get; }

    /// <summary>What the whole call is decided by, also when a newer snapshot arrives meanwhile; null before the first.</summary>
    public GatewaySnapshot? Snapshot { get; }

    public RequestId Id { get; } = RequestId.New();

    public DateTimeOffset StartedAt { get; }

    /// <summary>The overlay source address: the only identity there is.</summary>
    public IPAddress Address { get; }

    /// <summary>Path and query exactly as sent.</summary>
    public string Target { get; }

    /// <summary>Set by Admission.</summary>
    public AdmittedPeer? Peer { get; set; }

    /// <summary>Set by Inspection.</summary>
    public ModelRequest? Request { get; set; }

    /// <summary>Set by Inspection; byte for byte what the caller sent.</summary>
    public RequestBody Body { get; set; }

    /// <summary>Set by Inspection where the call is about batches.</summary>
    public BatchTarget? Batch { get; set; }

    /// <summary>Set by Authorization where the call names a batch: the caller's own.</summary>
    public RegisteredBatch? RegisteredBatch { get; set; }

    /// <summary>Set by Metering: what results that were read for the first time used and cost; they have rows of their own.</summary>
    public (TokenUsage Tokens, NanoUsd Cost) Results { get; set; }

    /// <summary>Set by Authorization.</summary>
    public Candidate? Charged { get; set; }

    /// <summary>Set by Authorization.</summary>
    public ProviderRoute? Provider { get; set; }

    /// <summary>A reservation is held and must be settled.</summary>
    public bool Reserved { get; set; }

    /// <summary>Set by Credentials.</summary>
    public ProviderKey? Key { get; set; }

    /// <summary>Set by Metering when it opened: the request may have cost something from then on.</summary>
    public bool Opened { get; set; }

    /// <summary>Set by Forwarding once an answer that is metered has begun.</summary>
    public UsageMeter? Meter { get; set; }

    /// <summary>The meter met what it does not bear; its figures are not taken.</summary>
    public bool MeterFailed { get; set; }

    /// <summary>Bytes of the body are on their way to the provider: there is a connection, and it may begin to work.</summary>
    public bool BodySent { get; set; }

    /// <summary>The provider was sent the request, so that it may be billed even when no answer came.</summary>
    public bool Sent { get; set; }

    /// <summary>The provider's answer began: what it costs is the meter's to say, and an error costs nothing however it ends.</summary>
    public bool Answered { get; set; }

    /// <summary>Either side ended the answer early.</summary>
    public bool Broken { get; set; }

    /// <summary>HTTP status the caller got; 0 before any.</summary>
    public int StatusCode { get; set; }

    public string? ProviderRequestId { get; set; }

    public TimeSpan? TimeToFirstByte { get; set; }

    public long ResponseBytes { get; set; }

    public Refusal? Refusal { get; set; }

    /// <summary>The gateway's own pages are no use of a provider and leave no row.</summary>
    public bool AnsweredByUs { get; set; }

    /// <summary>The caller closed its connection.</summary>
    public bool CallerLeft { get; private set; }

    /// <summary>The provider was given up on.</summary>
    public bool TimedOut { get; private set; }

    /// <summary>Carries the answer, once there is one.</summary>
    public AnswerPump? Pump { get; set; }

    /// <summary>Why we ended the answer ourselves, or null.</summary>
    public DenyReason? CutReason { get; private set; }

    /// <summary>Ends the work at the provider.</summary>
    public CancellationToken Stop => _stop.Token;

    public TimeSpan Elapsed => _time.GetElapsedTime(_startTimestamp);

    /// <summary>The person is no longer admitted: the answer ends now.</summary>
    public void Cut(DenyReason reason)
    {
        CutReason = reason;
        Cancel();
    }

    /// <summary>The provider took too long.</summary>
    public void TimeOut()
    {
        TimedOut = true;
        Cancel();
    }

    /// <summary>What the provider already sent is still read for the meter, for a moment; then it is cancelled.</summary>
    public void OnCallerLeft(TimeSpan grace)
    {
        CallerLeft = true;
        _graceTimer = _time.CreateTimer(
            static state => ((GatewayCall)state!).Cancel(), this, grace, Timeout.InfiniteTimeSpan);
    }

    /// <summary>What hangs on it (connections that close) runs by itself: it can neither hold up nor fail whoever cancels, a timer or a loop over all calls.</summary>
    private void Cancel() => _ = _stop.CancelAsync();

    public void Dispose()
    {
        // The source is not disposed: a cut may race with the end, and an unused source holds nothing.
        _graceTimer?.Dispose();
        Body.Dispose();
    }
}
