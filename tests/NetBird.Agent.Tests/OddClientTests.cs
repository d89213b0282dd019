using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using NetBird.Agent.Tests.TestSupport;

namespace NetBird.Agent.Tests;

/// <summary>
/// Clients that speak HTTP as few do, byte by byte to the real executable: each is answered rightly or refused with a clear
/// status, none hangs it, and none gets a second request past it.
/// </summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed partial class OddClientTests(OddClientTests.Endpoint endpoint) : IClassFixture<OddClientTests.Endpoint>
{
    private AgentWorld World => endpoint.World;

    [SkippableTheory]
    [InlineData("http10", "GET /v1/models HTTP/1.0\r\nHost: localhost\r\n\r\n", "GET /v1/models 0")]
    [InlineData("absolute-form", "GET http://localhost/v1/models?limit=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "GET /v1/models?limit=1 0")]
    [InlineData("chunked with trailers", "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5;ext=1\r\nhello\r\n0\r\nX-Sum: 9\r\n\r\n", "POST /v1/messages 5")]
    [InlineData("upgrade that nobody takes", "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\nSec-WebSocket-Version: 13\r\n\r\n", "GET /v1/models 0")]
    [InlineData("empty lines before", "\r\n\r\nGET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "GET /v1/models 0")]
    public async Task Odd_IsAnswered(string what, string request, string seen)
    {
        var said = await TalkAsync(request);

        Assert.True(said.StartsWith("HTTP/1.1 200 ", StringComparison.Ordinal), what + ": " + said);
        Assert.EndsWith(seen, said, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Pipelined_EachIsAnswered_InOrder()
    {
        var one = "POST /v1/messages?one HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc";
        var said = await TalkAsync(one + "GET /two HTTP/1.1\r\nHost: localhost\r\n\r\n" + "GET /three HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");

        Assert.Equal(3, StatusLine().Count(said));
        var answers = new[] { "POST /v1/messages?one 3", "GET /two 0", "GET /three 0" }.Select(answer => said.IndexOf(answer, StringComparison.Ordinal)).ToList();
        Assert.DoesNotContain(-1, answers);
        Assert.Equal(answers.Order(), answers);
    }

    [SkippableFact]
    public async Task ExpectsToBeTold_IsTold_AndAnswered()
    {
        using var client = await ConnectAsync();
        await client.SendAsync("POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"u8.ToArray());
        var told = await ReadUntilAsync(client, "\r\n\r\n");
        await client.SendAsync("hello"u8.ToArray());
        var said = await ReadUntilAsync(client, null);

        Assert.StartsWith("HTTP/1.1 100 ", told, StringComparison.Ordinal);
        Assert.Contains("POST /v1/messages 5", said, StringComparison.Ordinal);
    }

    /// <summary>A byte at a time, headers and body, over more seconds than a silence is looked into after.</summary>
    [SkippableFact]
    public async Task Drips_IsAnswered()
    {
        using var client = await ConnectAsync();
        foreach (var value in "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 12\r\n\r\nslow as tar!"u8.ToArray())
        {
            await client.SendAsync(new[] { value });
            await Task.Delay(60);
        }

        Assert.Contains("POST /v1/messages 12", await ReadUntilAsync(client, null), StringComparison.Ordinal);
    }

    /// <summary>Says that no more comes from it, and waits for the answer, which takes a while.</summary>
    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ClosesItsHalf_IsAnswered(bool bySocket)
    {
        using var client = await ConnectAsync(bySocket);
        await client.SendAsync("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray());
        client.Shutdown(SocketShutdown.Send);

        var said = await ReadUntilAsync(client, null);

        Assert.Contains("GET /slow 0", said, StringComparison.Ordinal);
    }

    /// <summary>It closed its half and leaves while the model thinks: nobody pays for what nobody reads.</summary>
    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ClosesItsHalf_ThenLeaves_IsCancelled(bool bySocket)
    {
        var (cancelled, seen) = (endpoint.Cancelled, Asked());
        using (var client = await ConnectAsync(bySocket))
        {
            await client.SendAsync("GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray());
            client.Shutdown(SocketShutdown.Send);
            await UntilAsync(() => Asked() > seen, "not passed on");
            await Task.Delay(700);
        }

        await UntilAsync(() => endpoint.Cancelled > cancelled, "not cancelled");

        int Asked() => endpoint.Seen.Count(target => target == "/never");
    }

    [SkippableFact]
    public async Task HundredMegabytes_ArriveWhole_AndAreNotKept()
    {
        const int Chunk = 1024 * 1024;
        var before = ResidentKib();
        using var client = await ConnectAsync();
        await client.SendAsync(Encoding.ASCII.GetBytes(string.Create(
            CultureInfo.InvariantCulture, $"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {100 * Chunk}\r\n\r\n")));
        var most = before;
        var bytes = new byte[Chunk];
        for (var i = 0; i < 100; i++)
        {
            await client.SendAsync(bytes);
            most = Math.Max(most, ResidentKib());
        }

        var said = await ReadUntilAsync(client, null);

        FaultTable.Say("a body of 100 MB, resident at most", string.Create(CultureInfo.InvariantCulture, $"{before / 1024.0:0} -> {most / 1024.0:0} MiB"));
        Assert.Contains("POST /v1/messages 104857600", said, StringComparison.Ordinal);
        Assert.True(most - before < 64 * 1024, $"{before} -> {most} KiB");
    }

    [SkippableFact]
    public async Task TwoThousandIdleConnections_DoNotStandInAnyonesWay()
    {
        var before = ResidentKib();
        var idle = new List<Socket>();
        try
        {
            for (var i = 0; i < 2000; i++)
            {
                idle.Add(await ConnectAsync());
            }

            var said = await TalkAsync("GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            var status = await World.Agent.RunAsync("status");
            FaultTable.Say("2000 idle connections, resident", string.Create(CultureInfo.InvariantCulture, $"{before / 1024.0:0} -> {ResidentKib() / 1024.0:0} MiB"));

            Assert.Contains("GET /v1/models 0", said, StringComparison.Ordinal);
            Assert.True(status.ExitCode == 0, status.ToString());
            Assert.True(ResidentKib() - before < 64 * 1024);
        }
        finally
        {
            idle.ForEach(socket => socket.Dispose());
        }

        // In a crowd nobody looks whether one who closed its half is there: the tests after this one are not in it.
        await UntilAsync(() => Directory.GetFiles($"/proc/{endpoint.Daemon}/fd").Length < 250, "not let go");
    }

    [SkippableTheory]
    [InlineData("two lengths", "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello")]
    [InlineData("a length twice", "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5, 5\r\n\r\nhello")]
    [InlineData("length and chunks", "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("chunks and another coding", "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n")]
    [InlineData("a coding that is none", "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n")]
    [InlineData("chunks in HTTP/1.0", "POST /v1/messages HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n")]
    [InlineData("blank before the colon", "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n")]
    [InlineData("bare line feeds", "POST /v1/messages HTTP/1.1\nHost: localhost\nContent-Length: 0\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("a bare return", "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nX: a\rContent-Length: 9\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("a folded line", "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nX: a\r\n Content-Length: 9\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("a chunk's size that overflows", "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n\r\n0\r\n\r\n")]
    [InlineData("a chunk's end in bare line feeds", "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1;\nx\r\na\r\n0\r\n\r\n")]
    [InlineData("two hosts", "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n")]
    [InlineData("no host", "GET /v1/models HTTP/1.1\r\n\r\n")]
    [InlineData("another host in the target", "GET http://api.anthropic.com/v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n")]
    [InlineData("a nought in a header", "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n")]
    [InlineData("a tunnel", "CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("no HTTP at all", "\u0016\u0003\u0001\u0002\0\u0001\0\u0001\r\n\r\n")]
    public async Task Ambiguous_IsRefused_AndCarriesNoSecondRequest(string what, string request)
    {
        var smuggled = "/smuggled-" + Guid.NewGuid().ToString("N");
        var said = await TalkAsync($"{request}GET {smuggled} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        var after = await TalkAsync("GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");

        Assert.True(Refused().IsMatch(said), what + ": " + said);
        Assert.DoesNotContain(smuggled, endpoint.Seen);
        Assert.Contains("GET /v1/models 0", after, StringComparison.Ordinal);
    }

    private async Task<string> TalkAsync(string request)
    {
        using var client = await ConnectAsync();
        await client.SendAsync(Encoding.Latin1.GetBytes(request));
        return await ReadUntilAsync(client, null);
    }

    private async Task<Socket> ConnectAsync(bool bySocket = false)
    {
        var client = bySocket
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(bySocket
            ? new UnixDomainSocketEndPoint(Path.Combine(World.Agent.StateDir, "endpoint.sock"))
            : new IPEndPoint(IPAddress.Loopback, World.Agent.EndpointPort));
        return client;
    }

    /// <summary>What comes until a text or the end of the connection, a reset too.</summary>
    private static async Task<string> ReadUntilAsync(Socket client, string? text)
    {
        var said = new StringBuilder();
        var buffer = new byte[4096];
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(45));
        try
        {
            while (text is null || !said.ToString().Contains(text, StringComparison.Ordinal))
            {
                var read = await client.ReceiveAsync(buffer, patience.Token);
                if (read == 0)
                {
                    break;
                }

                said.Append(Encoding.Latin1.GetString(buffer.AsSpan(0, read)));
            }
        }
        catch (SocketException)
        {
            // A refusal that was said, and bytes of ours that nobody read.
        }
        catch (OperationCanceledException)
        {
            said.Append("\n[hangs]");
        }

        return said.ToString();
    }

    private static async Task UntilAsync(Func<bool> isSo, string otherwise)
    {
        for (var i = 0; !isSo(); i++)
        {
            Assert.True(i < 300, otherwise);
            await Task.Delay(100);
        }
    }

    private long ResidentKib()
        => File.ReadAllLines($"/proc/{endpoint.Daemon}/status").Where(line => line.StartsWith("VmRSS:", StringComparison.Ordinal))
            .Select(line => long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture)).Single();

    [GeneratedRegex("HTTP/1\\.1 \\d")]
    private static partial Regex StatusLine();

    /// <summary>One answer, and the connection is at its end.</summary>
    [GeneratedRegex(@"\AHTTP/1\.1 (400|405|411|414|431|501|505) (?!.*HTTP/1\.1 \d)(?!.*\[hangs\])", RegexOptions.Singleline)]
    private static partial Regex Refused();

    /// <summary>One agent for all of them, whose gateway says what it was asked: method, target and the bytes of the body.</summary>
    public sealed class Endpoint : IAsyncLifetime
    {
        private AgentWorld? _world;
        private int _cancelled;

        internal AgentWorld World => _world ?? throw new SkipException("needs root and /dev/net/tun");

        internal ConcurrentQueue<string> Seen { get; } = [];

        internal int Daemon { get; private set; }

        internal int Cancelled => Volatile.Read(ref _cancelled);

        public async Task InitializeAsync()
        {
            if (!Environment.IsPrivilegedProcess || !File.Exists("/dev/net/tun"))
            {
                return;
            }

            _world = await AgentWorld.StartAsync();
            _world.Gateway.Answer = AnswerAsync;
            await _world.UpAsync();
            Daemon = _world.Agent.DaemonId;
        }

        public async Task DisposeAsync()
        {
            if (_world is not null)
            {
                await _world.DisposeAsync();
            }
        }

        private async Task AnswerAsync(HttpContext context)
        {
            var target = context.Request.Path + context.Request.QueryString;
            Seen.Enqueue(target);
            try
            {
                await Task.Delay(target == "/never" ? Timeout.InfiniteTimeSpan : TimeSpan.FromSeconds(target == "/slow" ? 2 : 0), context.RequestAborted);
            }
            catch (OperationCanceledException)
            {
                Interlocked.Increment(ref _cancelled);
                throw;
            }

            var bytes = 0L;
            var buffer = new byte[64 * 1024];
            for (int read; (read = await context.Request.Body.ReadAsync(buffer, context.RequestAborted)) > 0;)
            {
                bytes += read;
            }

            var answer = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{context.Request.Method} {target} {bytes}"));
            context.Response.ContentLength = answer.Length;
            await context.Response.Body.WriteAsync(answer);
        }
    }
}
