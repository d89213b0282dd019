using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Logging;
using NetBird.Agent.Enrolment;
using NetBird.Agent.Lifecycle;
using NetBird.Agent.Listening;
using NetBird.Agent.Store;
using NetBird.Agent.Tunnel;

namespace NetBird.Agent.Endpoint.Https;

/// <summary>
/// The documented https form: the same endpoint over TLS, under the account's name, on a loopback address of its own.
/// Follows the name, gets and renews the certificate, and needs nobody for it.
/// </summary>
internal sealed partial class HttpsEndpoint(
    StateDirectory state, AgentStore store, EndpointHandler handler, EndpointOwner endpointOwner, AgentSupervisor supervisor,
    TunnelSupervisor tunnel, IdleMemory memory, TimeProvider time, ILoggerFactory logging) : IAsyncDisposable
{
    /// <summary>Ours: where 443 is for root alone, the same address with this port.</summary>
    private const int UnprivilegedPort = 8743;

    private static readonly TimeSpan AfterFailure = TimeSpan.FromSeconds(30);

    /// <summary>Ours: the longest sleep between two looks, so that a clock that jumps is noticed.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromHours(1);

    private readonly ILogger<HttpsEndpoint> _logger = logging.CreateLogger<HttpsEndpoint>();
    private volatile EndpointCertificate? _certificate;
    private SleepingServer? _listener;
    private IPEndPoint? _address;
    private string _wanted = "";

    /// <summary>The name that the listener takes for its own.</summary>
    private string _served = "";
    private long _notBefore;

    /// <summary>https://NAME, with the port where it is not 443; empty while it does not listen.</summary>
    public string Url => _address is { } address && _certificate is { } certificate
        ? "https://" + certificate.Name + (address.Port == 443 ? "" : ":" + address.Port)
        : "";

    /// <summary>Why it does not listen though the account has a name; empty otherwise.</summary>
    public string Problem { get; private set; } = "";

    /// <summary>What the name must resolve to on this machine.</summary>
    public string Address => _address?.Address.ToString() ?? "";

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        _certificate = EndpointCertificate.TryLoad(state);
        try
        {
            while (true)
            {
                var change = supervisor.NextChangeAsync(cancellationToken);
                var wait = await ConsiderAsync(cancellationToken).ConfigureAwait(false);
                using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
                await Task.WhenAny(change, Task.Delay(wait, time, end.Token)).ConfigureAwait(false);
                await end.CancelAsync().ConfigureAwait(false);
                cancellationToken.ThrowIfCancellationRequested();
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Shutdown.
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync().ConfigureAwait(false);
        _certificate?.Dispose();
    }

    /// <summary>Fits certificate and listener to the facts; how long until the next look unless something changes.</summary>
    private async Task<TimeSpan> ConsiderAsync(CancellationToken cancellationToken)
    {
        var facts = supervisor.Snapshot.Facts;
        if (facts.Login == LoginStanding.None || facts.Map is { EndpointName: "" })
        {
            await StopAsync().ConfigureAwait(false);
            if (_certificate is { } old)
            {
                _certificate = null;
                old.Dispose();
                EndpointCertificate.Forget(state);
            }

            Problem = "";
            return LongestWait;
        }

        await RenewAsync(facts, cancellationToken).ConfigureAwait(false);
        await ListenAsync().ConfigureAwait(false);
        var now = time.GetUtcNow();
        return _certificate is null || Problem.Length != 0 || _certificate.RenewAt <= now ? AfterFailure
            : _certificate.RenewAt - now < LongestWait ? _certificate.RenewAt - now
            : LongestWait;
    }

    private async Task RenewAsync(AgentFacts facts, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (facts.Map is not { } map || !facts.SyncConnected || facts.Login != LoginStanding.Valid
            || supervisor.ControlPlane is not { } controlPlane || time.GetTimestamp() < _notBefore
            || (_certificate is { } current && current.Name == map.EndpointName && current.IsValid(now) && now < current.RenewAt
                && File.Exists(state.AuthorityFile)))
        {
            return;
        }

        try
        {
            var (key, request) = EndpointCertificate.Prepare();
            using (key)
            {
                var reply = await controlPlane.IssueEndpointCertificateAsync(request, cancellationToken).ConfigureAwait(false);

                // The one before is not disposed: handshakes may be under way with it.
                _certificate = EndpointCertificate.Keep(state, key, reply.Certificate.Span, reply.Authority.Span);
            }

            Problem = "";
            _notBefore = 0;
            Log.Renewed(_logger, _certificate.Name, _certificate.RenewAt);
        }
        catch (Exception e) when (e is ControlPlaneException or CryptographicException
            || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            _notBefore = time.GetTimestamp() + (long)(AfterFailure.TotalSeconds * time.TimestampFrequency);
            Problem = $"The control plane gave no certificate for {map.EndpointName}: {e.Message}";
            Log.NotRenewed(_logger, e.Message);
        }
    }

    private async Task ListenAsync()
    {
        var wanted = store.Settings.HttpsEndpoint;
        if (_certificate is null || (_listener is not null && _wanted == wanted && _served == _certificate.Name))
        {
            return;
        }

        await StopAsync().ConfigureAwait(false);
        if (!IPEndPoint.TryParse(wanted, out var address) || !IPAddress.IsLoopback(address.Address))
        {
            Problem = $"The https endpoint '{wanted}' is not a loopback address with a port. Example: --https-endpoint 127.0.87.88:443";
            return;
        }

        foreach (var candidate in address.Port == 443 ? new[] { address, new IPEndPoint(address.Address, UnprivilegedPort) } : [address])
        {
            try
            {
                _listener = EndpointWeb.Serve([Door.Open(candidate, Secure)], _certificate.Name, handler, tunnel, memory, time, logging);
                (_address, _wanted, _served, Problem) = (candidate, wanted, _certificate.Name, "");
                Log.Listening(_logger, Url, candidate);
                return;
            }
            catch (SocketException e)
            {
                Problem = $"The https endpoint cannot listen on {candidate}: {e.Message.TrimEnd('.')}. Choose another: netbird-agent up --https-endpoint 127.0.87.88:8744";
                if (e.SocketErrorCode != SocketError.AccessDenied)
                {
                    break;
                }
            }
        }

        Log.NotListening(_logger, Problem);
    }

    private void Secure(ListenOptions listen)
    {
        listen.Protocols = HttpProtocols.Http1;
        listen.Use(endpointOwner.Guard.Mark);
        listen.UseHttps(new TlsHandshakeCallbackOptions
        {
            OnConnection = _ => ValueTask.FromResult(new SslServerAuthenticationOptions
            {
                ServerCertificateContext = (_certificate ?? throw new AuthenticationException("There is no certificate any more.")).Context,
                EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                ApplicationProtocols = [SslApplicationProtocol.Http11],
            }),
        });
    }

    private async Task StopAsync()
    {
        if (_listener is { } listener)
        {
            (_listener, _address) = (null, null);
            await listener.DisposeAsync().ConfigureAwait(false);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Endpoint + 21, LogLevel.Information, "The endpoint listens as {Url} on {Address}")]
        public static partial void Listening(ILogger logger, string url, IPEndPoint address);

        [LoggerMessage(EventIds.Endpoint + 22, LogLevel.Warning, "{Reason}")]
        public static partial void NotListening(ILogger logger, string reason);

        [LoggerMessage(EventIds.Endpoint + 23, LogLevel.Information, "The certificate for {Name} is new; the next one is due at {RenewAt}")]
        public static partial void Renewed(ILogger logger, string name, DateTimeOffset renewAt);

        [LoggerMessage(EventIds.Endpoint + 24, LogLevel.Warning, "The endpoint's certificate is not renewed: {Reason}")]
        public static partial void NotRenewed(ILogger logger, string reason);
    }
}
