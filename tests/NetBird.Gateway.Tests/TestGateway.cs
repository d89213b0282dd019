using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using FakeAnthropic;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using NetBird.Gateway.Authorization;
using NetBird.Gateway.Batches;
using NetBird.Gateway.Capture;
using NetBird.Gateway.Credentials;
using NetBird.Gateway.Metering;
using NetBird.Gateway.OwnAnswers;

namespace NetBird.Gateway.Tests;

/// <summary>The gateway on a real Kestrel, with a real upstream behind it. A caller's loopback address stands for an overlay one.</summary>
internal sealed class TestGateway : IAsyncDisposable
{
    public const string SecretKey = "sk-ant-api03-the-real-key";

    private readonly WebApplication _app;

    private TestGateway(WebApplication app, FakeUpstream upstream, TestAccount account, TestKeys keys)
    {
        _app = app;
        Upstream = upstream;
        Account = account;
        Keys = keys;
        Url = new(app.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.Single()
            .Replace("[::]", "127.0.0.1", StringComparison.Ordinal).Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal));
    }

    public Uri Url { get; }

    public FakeUpstream Upstream { get; }

    public TestAccount Account { get; }

    public TestKeys Keys { get; }

    public TestJournal Journal => (TestJournal)_app.Services.GetRequiredService<IUsageJournal>();

    public TestReservations Reservations => (TestReservations)_app.Services.GetRequiredService<IReservations>();

    public TestBatches Batches => (TestBatches)_app.Services.GetRequiredService<IBatchRegister>();

    public TestVault Vault => (TestVault)_app.Services.GetRequiredService<IPromptVault>();

    public LogLines Log => _app.Services.GetRequiredService<LogLines>();

    public static async Task<TestGateway> StartAsync(
        GatewayOptions? options = null, TimeProvider? time = null, TestKeys? keys = null, Uri? upstreamUrl = null)
    {
        var upstream = await FakeUpstream.StartAsync(new() { Keys = { SecretKey } });
        var account = new TestAccount(upstreamUrl ?? upstream.Url);
        account.Publish();
        keys ??= new(SecretKey);

        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders().SetMinimumLevel(LogLevel.Trace);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.UseGatewayLimits();
            kestrel.Listen(IPAddress.Any, 0);
        });
        var log = new LogLines();
        builder.Services.AddSingleton(log).AddSingleton<ILoggerProvider>(log)
            .AddSingleton<IGatewaySnapshots>(account).AddSingleton<IProviderKeys>(keys)
            .AddSingleton<IPersonSpend>(new TestSpend()).AddSingleton<IReservations, TestReservations>().AddSingleton<IUsageJournal, TestJournal>().AddSingleton<IBatchRegister, TestBatches>().AddSingleton<IPromptVault, TestVault>()
            .AddSingleton(options ?? new()).AddSingleton(time ?? TimeProvider.System)
            .AddGateway();
        var app = builder.Build();
        app.UseGateway();
        await app.StartAsync();
        return new(app, upstream, account, keys);
    }

    /// <summary>A client at a person's address.</summary>
    public HttpClient Client(IPAddress? from = null) => new(new SocketsHttpHandler
    {
        AutomaticDecompression = DecompressionMethods.None,
        AllowAutoRedirect = false,
        UseCookies = false,
        RequestHeaderEncodingSelector = (_, _) => Encoding.Latin1,
        ResponseHeaderEncodingSelector = (_, _) => Encoding.Latin1,
        ConnectCallback = async (context, cancellationToken) =>
            new NetworkStream(await ConnectAsync(from, cancellationToken), ownsSocket: true),
    })
    {
        BaseAddress = Url,
        Timeout = TimeSpan.FromSeconds(60),
    };

    public async Task<Socket> ConnectAsync(IPAddress? from, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Bind(new IPEndPoint(from ?? TestAccount.Alice, 0));
        await socket.ConnectAsync(IPAddress.Loopback, Url.Port, cancellationToken);
        return socket;
    }

    public async Task<Answered> AskAsync(
        string text, bool stream = true, IPAddress? from = null, string model = "claude-opus-5-5", string? more = null, Action<HttpRequestMessage>? change = null)
    {
        using var client = Client(from);
        using var request = Message(text, stream, model, more);
        change?.Invoke(request);
        using var response = await client.SendAsync(request);
        return await Answered.ReadAsync(response);
    }

    public static HttpRequestMessage Message(string text, bool stream = true, string model = "claude-opus-5-5", string? more = null)
        => new(HttpMethod.Post, "/v1/messages?beta=true")
        {
            Headers = { { "anthropic-version", "2023-06-01" }, { "x-api-key", "-" }, { "Authorization", "Bearer -" } },
            Content = new StringContent(Body(text, stream, model, more), Encoding.UTF8, "application/json"),
        };

    public static string Body(string text, bool stream = true, string model = "claude-opus-5-5", string? more = null)
        => $$"""{"model":"{{model}}","max_tokens":2000000,"stream":{{(stream ? "true" : "false")}},"messages":[{"role":"user","content":[{"type":"text","text":{{JsonSerializer.Serialize(text)}}}]}]{{more}}}""";

    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        await _app.StopAsync(limit.Token);
        await _app.DisposeAsync();
        await Upstream.DisposeAsync();
    }
}

/// <summary>A whole answer.</summary>
internal sealed record Answered(int Status, IReadOnlyDictionary<string, string> Headers, byte[] Body)
{
    public string Text => Encoding.UTF8.GetString(Body);

    public JsonElement Error => JsonDocument.Parse(Body).RootElement.GetProperty("error");

    public string ErrorType => Error.GetProperty("type").GetString()!;

    public string Message => Error.GetProperty("message").GetString()!;

    public string? Header(string name) => Headers.GetValueOrDefault(name);

    public static async Task<Answered> ReadAsync(HttpResponseMessage response)
        => new(
            (int)response.StatusCode,
            response.Headers.Concat(response.Content.Headers).ToDictionary(
                header => header.Key, header => string.Join(", ", header.Value), StringComparer.OrdinalIgnoreCase),
            await response.Content.ReadAsByteArrayAsync());
}

/// <summary>Everything that was logged.</summary>
internal sealed class LogLines : ILoggerProvider, ILogger
{
    private readonly ConcurrentQueue<string> _lines = new();

    public IReadOnlyCollection<string> Lines => [.. _lines];

    public ILogger CreateLogger(string categoryName) => this;

    public void Dispose()
    {
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        => _lines.Enqueue($"{logLevel}: {formatter(state, exception)} {exception}");
}
