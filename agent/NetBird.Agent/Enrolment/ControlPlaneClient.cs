using System.Net;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Net.Client.Web;
using NetBird.Protocol.Agent.V1;
using NetBird.WireGuard;
using PublicKey = NetBird.Primitives.PublicKey;

namespace NetBird.Agent.Enrolment;

/// <summary>
/// The calls of agent.proto, as gRPC-Web over HTTP/1.1 so that any reverse proxy passes them. Every failure leaves as
/// a <see cref="ControlPlaneException"/>; every call but the sync stream has a deadline.
/// </summary>
internal sealed class ControlPlaneClient : IDisposable
{
    /// <summary>Ours: far above a slow link's round trips, far below what a person waits for.</summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);

    private readonly PrivateKey _key;
    private readonly TimeProvider _time;
    private readonly GrpcChannel _calls;
    private readonly GrpcChannel _stream;
    private readonly AgentService.AgentServiceClient _client;
    private readonly AgentService.AgentServiceClient _streaming;
    private PublicKey? _controlPlaneKey;

    public ControlPlaneClient(Uri url, PrivateKey key, TimeProvider time)
    {
        Url = url;
        _key = key;
        _time = time;
        _calls = Open(url, TimeSpan.FromMinutes(1));

        // A pool that keeps connections looks through them every quarter of that time, for as long as one is in use: the
        // stream has its own, which keeps none, so that a connected agent sleeps between heartbeats.
        _stream = Open(url, TimeSpan.Zero);
        _client = new AgentService.AgentServiceClient(_calls);
        _streaming = new AgentService.AgentServiceClient(_stream);
    }

    public Uri Url { get; }

    /// <summary>As the control plane last said; empty before it did.</summary>
    public string ControlPlaneVersion { get; private set; } = "";

    public async Task<GetLoginInfoReply> GetLoginInfoAsync(CancellationToken cancellationToken)
    {
        var info = await CallAsync(() => _client.GetLoginInfoAsync(
            new GetLoginInfoRequest { AgentVersion = MachineFacts.AgentVersion }, Plain(cancellationToken))).ConfigureAwait(false);
        if (!PublicKey.TryParse(info.ControlPlanePublicKey, out var key))
        {
            throw new ControlPlaneException(ControlPlaneProblem.Misunderstood, $"{Url} names no tunnel key. Check the versions of both ends.");
        }

        _controlPlaneKey = key;
        ControlPlaneVersion = info.ControlPlaneVersion;
        return info;
    }

    public async Task<EnrolReply> EnrolAsync(LoginIdentity identity, Machine machine, CancellationToken cancellationToken)
    {
        var nonce = await NonceAsync(cancellationToken).ConfigureAwait(false);
        var digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(identity.Secret)));
        var request = new EnrolRequest
        {
            PublicKey = Google.Protobuf.ByteString.CopyFrom(_key.PublicKey.ToArray()),
            Nonce = nonce,
            Proof = Google.Protobuf.ByteString.CopyFrom(await ProveAsync($"enrol|{nonce}|{digest}", cancellationToken).ConfigureAwait(false)),
            Machine = machine,
        };
        switch (identity)
        {
            case LoginIdentity.IdToken token:
                request.IdToken = token.Token;
                break;
            case LoginIdentity.SetupKey key:
                request.SetupKey = key.Key;
                break;
        }

        return await CallAsync(() => _client.EnrolAsync(request, Plain(cancellationToken))).ConfigureAwait(false);
    }

    public async Task<RenewLoginReply> RenewLoginAsync(string idToken, CancellationToken cancellationToken)
    {
        var options = await ProvedAsync("RenewLogin", cancellationToken).ConfigureAwait(false);
        return await CallAsync(() => _client.RenewLoginAsync(new RenewLoginRequest { IdToken = idToken }, options)).ConfigureAwait(false);
    }

    public async Task LeaveAsync(CancellationToken cancellationToken)
    {
        var options = await ProvedAsync("Leave", cancellationToken).ConfigureAwait(false);
        await CallAsync(() => _client.LeaveAsync(new LeaveRequest(), options)).ConfigureAwait(false);
    }

    public async Task<GetBudgetReply> GetBudgetAsync(CancellationToken cancellationToken)
    {
        var options = await ProvedAsync("GetBudget", cancellationToken).ConfigureAwait(false);
        return await CallAsync(() => _client.GetBudgetAsync(new GetBudgetRequest(), options)).ConfigureAwait(false);
    }

    /// <summary>A certificate for the account's endpoint name.</summary>
    /// <param name="request">PKCS#10, DER.</param>
    public async Task<IssueEndpointCertificateReply> IssueEndpointCertificateAsync(byte[] request, CancellationToken cancellationToken)
    {
        var options = await ProvedAsync("IssueEndpointCertificate", cancellationToken).ConfigureAwait(false);
        return await CallAsync(() => _client.IssueEndpointCertificateAsync(
            new IssueEndpointCertificateRequest { CertificateRequest = Google.Protobuf.ByteString.CopyFrom(request) }, options)).ConfigureAwait(false);
    }

    /// <summary>Updates until the stream ends or nothing came for <paramref name="silence"/>.</summary>
    public async IAsyncEnumerable<SyncUpdate> SyncAsync(
        Machine machine, TimeSpan silence, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var options = await ProvedAsync("Sync", cancellationToken).ConfigureAwait(false);
        using var quiet = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var alarm = _time.CreateTimer(static source => ((CancellationTokenSource)source!).Cancel(), quiet, silence, Timeout.InfiniteTimeSpan);
        using var call = _streaming.Sync(new SyncRequest { Machine = machine, StaysWhileBlocked = true }, options.WithDeadline(DateTime.MaxValue).WithCancellationToken(quiet.Token));
        while (true)
        {
            bool more;
            try
            {
                more = await call.ResponseStream.MoveNext(quiet.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (e is RpcException or OperationCanceledException)
            {
                cancellationToken.ThrowIfCancellationRequested();
                throw e is RpcException { StatusCode: not StatusCode.Cancelled } refused
                    ? ControlPlaneException.From(refused, Url)
                    : new ControlPlaneException(ControlPlaneProblem.Unreachable, $"The control plane at {Url} fell silent.", e);
            }

            if (!more)
            {
                yield break;
            }

            alarm.Change(silence, Timeout.InfiniteTimeSpan);
            yield return call.ResponseStream.Current;
        }
    }

    public void Dispose()
    {
        _calls.Dispose();
        _stream.Dispose();
    }

    private static GrpcChannel Open(Uri url, TimeSpan keptIdle)
    {
        var sockets = new SocketsHttpHandler
        {
            ConnectTimeout = TimeSpan.FromSeconds(5),
            PooledConnectionIdleTimeout = keptIdle,
            UseProxy = url.Scheme == Uri.UriSchemeHttps,
            ActivityHeadersPropagator = null,
        };
        return GrpcChannel.ForAddress(url, new GrpcChannelOptions
        {
            HttpHandler = new GrpcWebHandler(GrpcWebMode.GrpcWeb, sockets),
            HttpVersion = HttpVersion.Version11,
            HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact,
            DisposeHttpClient = true,

            // SyncLoop has a back-off of its own; the channel's, up to two minutes, would come on top.
            InitialReconnectBackoff = TimeSpan.FromMilliseconds(100),
            MaxReconnectBackoff = TimeSpan.FromMilliseconds(500),
            MaxReceiveMessageSize = 4 * 1024 * 1024,
        });
    }

    private async Task<string> NonceAsync(CancellationToken cancellationToken)
        => (await CallAsync(() => _client.GetChallengeAsync(new GetChallengeRequest(), Plain(cancellationToken))).ConfigureAwait(false)).Nonce;

    private async Task<byte[]> ProveAsync(string message, CancellationToken cancellationToken)
    {
        if (_controlPlaneKey is null)
        {
            await GetLoginInfoAsync(cancellationToken).ConfigureAwait(false);
        }

        return KeyProof.Create(_key, _controlPlaneKey!.Value, Encoding.UTF8.GetBytes(message))
            ?? throw new ControlPlaneException(ControlPlaneProblem.Misunderstood, $"{Url} offers a key that no honest end would use.");
    }

    /// <summary>Call options with the metadata of agent.proto that proves our key for one method.</summary>
    private async Task<CallOptions> ProvedAsync(string method, CancellationToken cancellationToken)
    {
        var nonce = await NonceAsync(cancellationToken).ConfigureAwait(false);
        var proof = await ProveAsync($"/netbird.agent.v1.AgentService/{method}|{nonce}", cancellationToken).ConfigureAwait(false);
        var metadata = new Metadata
        {
            { "netbird-peer-key", _key.PublicKey.ToString() },
            { "netbird-nonce", nonce },
            { "netbird-proof-bin", proof },
        };
        return Plain(cancellationToken).WithHeaders(metadata);
    }

    private CallOptions Plain(CancellationToken cancellationToken)
        => new(deadline: (_time.GetUtcNow() + Deadline).UtcDateTime, cancellationToken: cancellationToken);

    private async Task<T> CallAsync<T>(Func<AsyncUnaryCall<T>> start)
    {
        try
        {
            using var call = start();
            return await call.ResponseAsync.ConfigureAwait(false);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Cancelled)
        {
            throw new OperationCanceledException("The call was cancelled.", e);
        }
        catch (RpcException e)
        {
            if (e.StatusCode == StatusCode.Unauthenticated)
            {
                // Perhaps the control plane was set up anew and has another key: ask again next time.
                _controlPlaneKey = null;
            }

            throw ControlPlaneException.From(e, Url);
        }
    }
}
