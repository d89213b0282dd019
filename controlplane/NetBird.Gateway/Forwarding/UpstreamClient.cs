using System.Net;
using System.Text;
using Microsoft.AspNetCore.Http;
using NetBird.Policy;
using NetBird.Primitives;

namespace NetBird.Gateway.Forwarding;

/// <summary>
/// Connections to providers, pooled per host. Nothing clever happens on them: no redirects, proxies, cookies, decompression or
/// retries, so that what the provider gets is what the caller sent.
/// </summary>
internal sealed class UpstreamClient : IDisposable
{
    private readonly HttpMessageInvoker _invoker;

    // Nearly every call has the same target, and to parse it is worth a tenth of what the gateway does for a call.
    private volatile Whole? _last;

    public UpstreamClient(GatewayOptions options)
    {
        _invoker = new(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseProxy = false,
            UseCookies = false,
            ActivityHeadersPropagator = null,
            ConnectTimeout = options.ConnectTimeout,
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(2),
            PooledConnectionLifetime = TimeSpan.FromMinutes(15),
            MaxConnectionsPerServer = int.MaxValue,
            EnableMultipleHttp2Connections = false,
            RequestHeaderEncodingSelector = (_, _) => HeaderLines.Encoding,
            ResponseHeaderEncodingSelector = (_, _) => Encoding.Latin1,
        });
    }

    public Task<HttpResponseMessage> SendAsync(GatewayCall call, CancellationToken cancellationToken)
        => _invoker.SendAsync(RequestFor(call), cancellationToken);

    public void Dispose() => _invoker.Dispose();

    private HttpRequestMessage RequestFor(GatewayCall call)
    {
        var http = call.Http.Request;
        var request = new HttpRequestMessage(HttpMethod.Parse(http.Method), TargetOf(call))
        {
            Version = HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        if (call.Body.Length > 0 || HttpMethods.IsPost(http.Method))
        {
            request.Content = new Outgoing(call);
        }

        var connection = http.Headers.Connection;
        var isMetered = call.Request!.Kind is RequestKind.Messages;
        foreach (var (name, values) in http.Headers)
        {
            if (!HeaderRules.IsSent(name, connection) || (call.Batch is { IsRead: true } && HeaderRules.HidesBytes(name)))
            {
                continue;
            }

            // One line, nearly always; several stay several.
            var value = values.Count == 1 ? values[0] : HeaderLines.Join(name, values);
            if (isMetered && HeaderRules.HidesBytes(name))
            {
                if (HeaderRules.Readable(name, values) is not { } readable)
                {
                    continue;
                }

                value = readable;
            }

            if (!request.Headers.TryAddWithoutValidation(name, value))
            {
                request.Content?.Headers.TryAddWithoutValidation(name, value);
            }
        }

        request.Headers.TryAddWithoutValidation("x-api-key", call.Key!.Secret);
        return request;
    }

    /// <summary>The provider's base with the caller's target behind it, neither decoded nor normalised.</summary>
    private Uri TargetOf(GatewayCall call)
    {
        var upstream = call.Provider!.Upstream;
        if (_last is { } last && ReferenceEquals(last.Upstream, upstream) && last.Target == call.Target)
        {
            return last.Uri;
        }

        var uri = new Uri(
            string.Concat(upstream.GetLeftPart(UriPartial.Authority), upstream.AbsolutePath.TrimEnd('/'), call.Target),
            new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        _last = new(upstream, call.Target, uri);
        return uri;
    }

    /// <summary>The caller's body, which tells its call when the first of it goes out: until then nothing can be billed.</summary>
    private sealed class Outgoing(GatewayCall call) : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context)
            => SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            call.BodySent = true;
            return stream.WriteAsync(call.Body.Bytes, cancellationToken).AsTask();
        }

        protected override bool TryComputeLength(out long length)
        {
            length = call.Body.Length;
            return true;
        }
    }

    private sealed record Whole(Uri Upstream, string Target, Uri Uri);
}
