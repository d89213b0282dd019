using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using NetBird.Agent.Tunnel;
using NetBird.Primitives;
using Yarp.ReverseProxy.Forwarder;

namespace NetBird.Agent.Endpoint;

/// <summary>Carries one request to the gateway and its answer back: every byte, nothing added, nothing waited for.</summary>
internal sealed class OverlayPipe : IDisposable
{
    /// <summary>Ours: three times the longest silence Claude Code allows (300 s), so this end never gives up first.</summary>
    private static readonly TimeSpan LongestSilence = TimeSpan.FromMinutes(15);

    private readonly IHttpForwarder _forwarder;
    private readonly TunnelSupervisor _tunnel;
    private readonly HttpMessageInvoker _client;

    public OverlayPipe(IHttpForwarder forwarder, TunnelSupervisor tunnel)
    {
        _forwarder = forwarder;
        _tunnel = tunnel;
        _client = new HttpMessageInvoker(new SocketsHttpHandler
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
            ActivityHeadersPropagator = null,
            ConnectTimeout = TimeSpan.FromSeconds(10),
            ResponseDrainTimeout = TimeSpan.Zero,
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(60),
            RequestHeaderEncodingSelector = static (_, _) => HeaderLines.Encoding,
            ResponseHeaderEncodingSelector = static (_, _) => Encoding.Latin1,
            ConnectCallback = (_, cancellationToken) => tunnel.ConnectAsync(cancellationToken),
        });
    }

    /// <summary>Forwards. Unless it is answered, nothing was said yet and the caller has to say why.</summary>
    public async Task<Forwarded> ForwardAsync(HttpContext context)
    {
        var config = new ForwarderRequestConfig
        {
            ActivityTimeout = LongestSilence,
            Version = HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            AllowResponseBuffering = false,
        };
        using var exchange = _tunnel.Begin();
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, exchange.GatewaySilent);
        context.Response.OnStarting(exchange.Answered);
        var error = await _forwarder.SendAsync(context, "http://gateway", _client, config, BytewiseTransformer.Instance, ends.Token)
            .ConfigureAwait(false);
        if (error == ForwarderError.None || context.Response.HasStarted || context.RequestAborted.IsCancellationRequested)
        {
            return Forwarded.Answered;
        }

        if (error == ForwarderError.RequestBodyClient)
        {
            return Forwarded.Malformed;
        }

        return exchange.GatewaySilent.IsCancellationRequested
            || context.GetForwarderErrorFeature()?.Exception is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError }
            ? Forwarded.Silent
            : Forwarded.CutOff;
    }

    public void Dispose() => _client.Dispose();

    /// <summary>Copies the request line and headers as they came, and ends a broken answer cleanly.</summary>
    private sealed class BytewiseTransformer : HttpTransformer
    {
        public static readonly BytewiseTransformer Instance = new();

        public override async ValueTask TransformRequestAsync(
            HttpContext httpContext, HttpRequestMessage proxyRequest, string destinationPrefix, CancellationToken cancellationToken)
        {
            await base.TransformRequestAsync(httpContext, proxyRequest, destinationPrefix, cancellationToken).ConfigureAwait(false);

            // The raw target, or the path would be decoded and encoded anew.
            var target = httpContext.Features.Get<IHttpRequestFeature>()!.RawTarget;
            if (target.StartsWith('/'))
            {
                proxyRequest.RequestUri = new Uri(
                    destinationPrefix + target, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
            }

            proxyRequest.Headers.Host = null;
            KeepLines(httpContext.Request.Headers, proxyRequest);
        }

        /// <summary>Headers that came in several lines leave in several lines.</summary>
        private static void KeepLines(IHeaderDictionary headers, HttpRequestMessage request)
        {
            foreach (var (name, values) in headers)
            {
                if (values.Count > 1)
                {
                    var sent = request.Headers.NonValidated.Contains(name) ? request.Headers
                        : request.Content?.Headers.NonValidated.Contains(name) == true ? request.Content.Headers
                        : (HttpHeaders?)null;
                    if (sent?.Remove(name) == true)
                    {
                        sent.TryAddWithoutValidation(name, HeaderLines.Join(name, values));
                    }
                }
            }
        }

        public override async ValueTask<bool> TransformResponseAsync(
            HttpContext httpContext, HttpResponseMessage? proxyResponse, CancellationToken cancellationToken)
        {
            var copies = await base.TransformResponseAsync(httpContext, proxyResponse, cancellationToken).ConfigureAwait(false);
            if (proxyResponse is { Content: { } content } && content.Headers.ContentLength is null)
            {
                var gentle = new CleanEndContent(content);
                foreach (var header in content.Headers)
                {
                    gentle.Headers.TryAddWithoutValidation(header.Key, header.Value);
                }

                proxyResponse.Content = gentle;
            }

            return copies;
        }
    }
}
