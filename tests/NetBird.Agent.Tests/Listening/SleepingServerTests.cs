using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using NetBird.Agent.Listening;

namespace NetBird.Agent.Tests.Listening;

public sealed class SleepingServerTests : IAsyncLifetime
{
    /// <summary>Longer than a server stays awake with nobody connected.</summary>
    private static readonly TimeSpan LongEnough = TimeSpan.FromSeconds(30);

    private readonly FakeTimeProvider _time = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("nbs").FullName;
    private readonly SleepingServer _server;
    private readonly TaskCompletionSource _answersGoOn = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _wakings;
    private int _sleeps;
    private bool _disposed;

    public SleepingServerTests()
    {
        var door = Door.Open(Path, listen => listen.Protocols = Microsoft.AspNetCore.Server.Kestrel.Core.HttpProtocols.Http1);
        _server = new SleepingServer([door], Build, TimeSpan.FromSeconds(2), () => { }, _time, NullLoggerFactory.Instance);
    }

    private string Path => System.IO.Path.Combine(_folder, "door.sock");

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        if (!_disposed)
        {
            await _server.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Server_NobodyConnected_SleepsAndWakesForTheNext()
    {
        Assert.EndsWith("hello", await AskAsync(), StringComparison.Ordinal);
        await UntilAsleepAsync(1);

        Assert.EndsWith("hello", await AskAsync(), StringComparison.Ordinal);

        Assert.Equal(2, Volatile.Read(ref _wakings));
    }

    [Fact]
    public async Task Server_AnswerUnderWay_StaysAwake()
    {
        using var slow = await ConnectAsync();
        await SendAsync(slow, "/slow");
        await ReadUntilAsync(slow, "begun");
        for (var i = 0; i < 20; i++)
        {
            _time.Advance(LongEnough);
            await Task.Delay(5);
        }

        _answersGoOn.SetResult();

        Assert.EndsWith("and ended", await ReadToEndAsync(slow), StringComparison.Ordinal);
        Assert.Equal(0, Volatile.Read(ref _sleeps));
    }

    /// <summary>The clock runs so fast that the server goes to sleep between any two requests, or while one comes.</summary>
    [Fact]
    public async Task Server_FallingAsleepAllTheTime_LosesNoConnection()
    {
        using var enough = new CancellationTokenSource();
        var clock = Task.Run(async () =>
        {
            while (!enough.IsCancellationRequested)
            {
                _time.Advance(LongEnough);
                await Task.Yield();
            }
        });

        var answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            var answered = 0;
            for (var i = 0; i < 100; i++)
            {
                answered += (await AskAsync()).EndsWith("hello", StringComparison.Ordinal) ? 1 : 0;
            }

            return answered;
        }));

        await enough.CancelAsync();
        await clock;
        Assert.Equal([100, 100, 100, 100], answers);
        Assert.True(Volatile.Read(ref _sleeps) > 0, "It never slept.");
    }

    [Fact]
    public async Task Server_ConnectionsThatAreGoneAtOnce_DoNotKeepItAwake()
    {
        for (var i = 0; i < 50; i++)
        {
            var gone = await ConnectAsync();
            gone.LingerState = new LingerOption(true, 0);
            gone.Dispose();
        }

        Assert.EndsWith("hello", await AskAsync(), StringComparison.Ordinal);
        await UntilAsleepAsync(1);
    }

    [Fact]
    public async Task Dispose_WhileAsleep_ClosesTheDoor()
    {
        Assert.EndsWith("hello", await AskAsync(), StringComparison.Ordinal);
        await UntilAsleepAsync(1);

        await _server.DisposeAsync();
        _disposed = true;

        await Assert.ThrowsAsync<SocketException>(ConnectAsync);
        Assert.False(File.Exists(Path));
    }

    [Fact]
    public void Open_PortThatIsTaken_SaysSo()
    {
        using var holder = Door.Open(new IPEndPoint(IPAddress.Loopback, 0), _ => { });
        using var other = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        other.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        other.Listen();

        var failure = Assert.Throws<SocketException>(() => Door.Open((IPEndPoint)other.LocalEndPoint!, _ => { }));

        Assert.Equal(SocketError.AddressAlreadyInUse, failure.SocketErrorCode);
    }

    private WebApplication Build(WebApplicationBuilder builder)
    {
        Interlocked.Increment(ref _wakings);
        var web = builder.Build();
        web.Lifetime.ApplicationStopped.Register(() => Interlocked.Increment(ref _sleeps));
        web.Run(async context =>
        {
            if (context.Request.Path == "/slow")
            {
                await context.Response.WriteAsync("begun ");
                await context.Response.Body.FlushAsync();
                await _answersGoOn.Task;
                await context.Response.WriteAsync("and ended");
                return;
            }

            await context.Response.WriteAsync("hello");
        });
        return web;
    }

    private async Task UntilAsleepAsync(int times)
    {
        while (Volatile.Read(ref _sleeps) < times)
        {
            _time.Advance(LongEnough);
            await Task.Delay(5);
        }
    }

    private async Task<Socket> ConnectAsync()
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(Path));
        return socket;
    }

    private async Task<string> AskAsync()
    {
        using var socket = await ConnectAsync();
        await SendAsync(socket, "/");
        return await ReadToEndAsync(socket);
    }

    /// <summary>As HTTP/1.0 is, so that the answer comes as it is and the connection ends with it.</summary>
    private static async Task SendAsync(Socket socket, string path)
        => await socket.SendAsync(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"GET {path} HTTP/1.0\r\n\r\n")));

    private static async Task ReadUntilAsync(Socket socket, string words)
    {
        var text = "";
        var buffer = new byte[1024];
        while (!text.Contains(words, StringComparison.Ordinal))
        {
            var read = await socket.ReceiveAsync(buffer);
            Assert.NotEqual(0, read);
            text += Encoding.ASCII.GetString(buffer, 0, read);
        }
    }

    private static async Task<string> ReadToEndAsync(Socket socket)
    {
        await using var stream = new NetworkStream(socket);
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync();
    }
}
