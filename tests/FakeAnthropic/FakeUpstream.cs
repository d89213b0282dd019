using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;

namespace FakeAnthropic;

/// <summary>
/// An upstream that behaves as the Anthropic API does and forgives nothing: a wrong key, a leftover credential of the caller or
/// a missing header is answered as the real one would, and kept as a violation. For tests only.
/// </summary>
public sealed class FakeUpstream : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly int _seed;
    private readonly ConcurrentDictionary<string, bool> _keys = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool> _limited = new(StringComparer.Ordinal);
    private int _requestNumber;

    private FakeUpstream(FakeUpstreamOptions options, WebApplication app)
    {
        _app = app;
        _seed = options.Seed;
        Key = options.Keys.FirstOrDefault() ?? "sk-ant-fake-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12));
        foreach (var key in options.Keys.Append(Key))
        {
            _keys[key] = true;
        }

        Ledger = new(options.LedgerFile);
    }

    /// <summary>Where it listens.</summary>
    public Uri Url { get; private set; } = new("http://127.0.0.1");

    /// <summary>The key it accepts.</summary>
    public string Key { get; }

    /// <summary>Reads reports and nothing else.</summary>
    public string AdminKey { get; } = "sk-ant-admin01-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12));

    /// <summary>What it would put on the bill.</summary>
    public Ledger Ledger { get; }

    internal Batches Batches { get; } = new();

    /// <summary>What it was sent.</summary>
    public RequestLog Requests { get; } = new();

    public static async Task<FakeUpstream> StartAsync(FakeUpstreamOptions? options = null)
    {
        options ??= new();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.RequestHeaderEncodingSelector = _ => Encoding.Latin1;
            kestrel.ResponseHeaderEncodingSelector = _ => Encoding.Latin1;
            kestrel.Listen(options.Address, options.Port);
        });

        var app = builder.Build();
        var upstream = new FakeUpstream(options, app);
        app.Run(upstream.AnswerAsync);
        await app.StartAsync().ConfigureAwait(false);
        upstream.Url = new(app.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>()
            .Addresses.Single());
        return upstream;
    }

    /// <summary>From now on this key is answered with 401, as a revoked one is.</summary>
    public void Revoke(string key) => _keys.TryRemove(key, out _);

    /// <summary>From now on this key is accepted.</summary>
    public void Accept(string key) => _keys[key] = true;

    /// <summary>From now on this key is answered with 429, as one that has used up its rate is.</summary>
    public void Limit(string key) => _limited[key] = true;

    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await _app.StopAsync(limit.Token).ConfigureAwait(false);
        await _app.DisposeAsync().ConfigureAwait(false);
        Ledger.Dispose();
    }

    private async Task AnswerAsync(HttpContext http)
    {
        var target = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        if (target.StartsWith("/__", StringComparison.Ordinal))
        {
            await ControlPaths.AnswerAsync(this, http, target).ConfigureAwait(false);
            return;
        }

        var number = Interlocked.Increment(ref _requestNumber);
        var requestId = RequestIdOf(number);
        var body = await ReadBodyAsync(http).ConfigureAwait(false);
        var path = target.Split('?')[0];
        var violations = Credentials.Check(http, AdminApi.Is(path) ? [AdminKey] : _keys.Keys, Url);
        Requests.Add(new(number, requestId, http.Request.Method, target, HeadersOf(http), body, [.. violations.Select(v => v.What)]));

        StandardHeaders.Add(http.Response, requestId, number);
        if (HttpMethods.IsHead(http.Request.Method))
        {
            http.Response.StatusCode = target is "/" or "/api/hello" ? 200 : 404;
            return;
        }

        if (violations is [var first, ..])
        {
            await ApiError.WriteAsync(http, requestId, first.Status, first.ErrorType, first.What).ConfigureAwait(false);
            return;
        }

        if (http.Request.Headers["x-api-key"] is [{ } key] && _limited.ContainsKey(key))
        {
            http.Response.Headers.RetryAfter = "30";
            await ApiError.WriteAsync(http, requestId, 429, "rate_limit_error", "This key has used up its rate.").ConfigureAwait(false);
            return;
        }

        var call = new Call(this, http, requestId, number, _seed, target, body);
        await (AdminApi.Is(path) ? AdminApi.AnswerAsync(call, path, _keys.Keys) : Routes.AnswerAsync(call)).ConfigureAwait(false);
    }

    private string RequestIdOf(int number)
        => "req_" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{_seed}/{number}/{Url.Port}")))[..24];

    private static async Task<byte[]> ReadBodyAsync(HttpContext http)
    {
        using var buffer = new MemoryStream();
        await http.Request.Body.CopyToAsync(buffer).ConfigureAwait(false);
        return buffer.ToArray();
    }

    private static List<KeyValuePair<string, string>> HeadersOf(HttpContext http)
        => [.. from header in http.Request.Headers from value in header.Value select KeyValuePair.Create(header.Key, value ?? "")];
}
