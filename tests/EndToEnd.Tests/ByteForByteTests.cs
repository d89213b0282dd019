using System.Net.Sockets;
using System.Text;

namespace EndToEnd.Tests;

/// <summary>Header lines, targets and answers as bytes, through agent, tunnel and gateway, between two ends that use no HTTP library.</summary>
public sealed class ByteForByteTests : IClassFixture<RawWorld>
{
    private const string Body = """{"model":"claude-opus-5-5","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}""";

    private readonly RawUpstream _upstream;

    public ByteForByteTests(RawWorld fixture)
    {
        (World, _upstream) = (fixture.World, fixture.Upstream);
        _upstream.Clear();
        _upstream.AnswerLines = "";
    }

    private World World { get; }

    [Fact]
    public async Task RequestLines_OfOneNameStaySeveral_InOrderAndUnchanged()
    {
        // Bytes that are Latin-1, that are UTF-8, and those of U+E000, which the gateway uses inside for itself.
        string[] lines =
        [
            "anthropic-beta: a-1,b-2", "X-A: 1", "anthropic-beta: c-3", "X-A:", "X-A: 2, 3", "X-Latin: caf\u00e9", "X-Utf8: \u00ee\u0080\u0080x",
            "X-Utf8: \u00c3\u00a9", "Accept: a/b", "Accept: c/d", "User-Agent: one/1 (x)", "Accept-Language: de", "Accept-Language: en;q=0.1",
            "X-Quoted: 'q', \"a, b\"", "Content-Language: de", "Content-Language: en",
        ];

        var answer = await SendAsync($"POST /v1/messages HTTP/1.1\r\n{Head()}{string.Concat(lines.Select(line => line + "\r\n"))}Content-Length: {Body.Length}\r\n\r\n{Body}");

        Assert.StartsWith("HTTP/1.1 200", answer, StringComparison.Ordinal);
        var sent = Assert.Single(_upstream.Heads).Split("\r\n");
        foreach (var name in lines.Select(NameOf).Distinct(StringComparer.OrdinalIgnoreCase))
        {
            Assert.Equal(Named(lines, name), Named(sent, name));
        }

        Assert.Equal(["x-api-key: " + World.Key], sent.Where(line => NameOf(line) is "x-api-key" or "authorization"));
    }

    [Theory]
    [InlineData("/v1/messages?")]
    [InlineData("/v1/messages?a=b&a=c&&=&d")]
    [InlineData("/v1/messages?x=%2F%2f%20+%zz%")]
    [InlineData("/v1/messages?p=/a//b/../c/./d;e|f^g`h{i}\\j'k\"l<m>")]
    [InlineData("/v1/messages?q=1?r=2??")]
    [InlineData("/v1/messages?%C3%A9=%E9&%00")]
    public async Task Target_ArrivesAsItWasWritten(string target)
    {
        var answer = await SendAsync($"POST {target} HTTP/1.1\r\n{Head()}Content-Length: {Body.Length}\r\n\r\n{Body}");

        Assert.StartsWith("HTTP/1.1 200", answer, StringComparison.Ordinal);
        Assert.StartsWith($"POST {target} HTTP/1.1\r\n", Assert.Single(_upstream.Heads), StringComparison.Ordinal);
    }

    /// <summary>Other spellings of a path are other paths: nothing is decoded or merged into one that policy allows.</summary>
    [Theory]
    [InlineData("/v1//messages")]
    [InlineData("//v1/messages")]
    [InlineData("/v1%2Fmessages")]
    [InlineData("/v1/x/../messages")]
    [InlineData("/v1/messages/")]
    [InlineData("/v1/messages;a")]
    [InlineData("/v1/messages%00")]
    [InlineData("http://elsewhere/v1/messages")]
    public async Task OtherSpellingsOfAPath_AreRefused_AndDoNotReachTheUpstreamAsAnotherPath(string target)
    {
        var answer = await SendAsync($"POST {target} HTTP/1.1\r\n{Head()}Content-Length: {Body.Length}\r\n\r\n{Body}");

        Assert.Matches("^HTTP/1.1 4", answer);
        Assert.Empty(_upstream.Heads);
    }

    [Fact]
    public async Task AnswerLines_ComeBackAsTheyWere()
    {
        string[] lines =
        [
            "request-id: req_1", "set-cookie: a=1; Path=/", "set-cookie: b=2, c", "retry-after: 7", "x-should-retry: true",
            "anthropic-ratelimit-requests-limit: 4000", "anthropic-ratelimit-requests-remaining: 3999",
            "anthropic-ratelimit-requests-reset: 2026-11-26T12:00:00Z", "anthropic-organization-id: o", "anthropic-note: 1", "anthropic-note: 2",
            "x-latin: caf\u00e9", "x-utf8: \u00ee\u0080\u0080", "x-empty:", "server: cloudflare", "cf-ray: 1-FRA", "via: 1.1 google", "www-authenticate: Basic",
            "vary: a", "vary: b", "content-language: de", "content-language: en",
        ];
        _upstream.AnswerLines = string.Concat(lines.Select(line => line + "\r\n"));

        var answer = await SendAsync($"POST /v1/messages HTTP/1.1\r\n{Head()}Content-Length: {Body.Length}\r\n\r\n{Body}");

        Assert.StartsWith("HTTP/1.1 200", answer, StringComparison.Ordinal);
        var returned = answer[..answer.IndexOf("\r\n\r\n", StringComparison.Ordinal)].Split("\r\n");
        foreach (var name in lines.Select(NameOf).Distinct(StringComparer.OrdinalIgnoreCase))
        {
            Assert.Equal(Named(lines, name), Named(returned, name));
        }
    }

    /// <summary>
    /// Tries to make two ends see two different requests. Whatever is made of the bytes, the upstream sees only whole requests that
    /// the gateway decided on, each with our key and nothing that the bytes hid.
    /// </summary>
    [Theory]
    [InlineData("POST /v1/messages HTTP/1.1\r\n{H}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nX-Smuggled: 1\r\n\r\n")]
    [InlineData("POST /v1/messages HTTP/1.1\r\n{H}Transfer-Encoding: chunked\r\nContent-Length: 500\r\n\r\n{C}GET /evil HTTP/1.1\r\nX-Smuggled: 1\r\n\r\n")]
    [InlineData("POST /v1/messages HTTP/1.1\r\n{H}Transfer-Encoding: xchunked\r\nContent-Length: {N}\r\n\r\n{B}")]
    [InlineData("POST /v1/messages HTTP/1.1\r\n{H}Transfer-Encoding: chunked, identity\r\n\r\n{C}")]
    [InlineData("POST /v1/messages HTTP/1.1\r\n{H}Transfer-Encoding:\u000bchunked\r\nContent-Length: {N}\r\n\r\n{B}")]
    [InlineData("POST /v1/messages HTTP/1.1\r\n{H}Content-Length: {N}\r\nContent-Length: 5\r\n\r\n{B}")]
    [InlineData("POST /v1/messages HTTP/1.1\r\n{H}Content-Length: +{N}\r\n\r\n{B}")]
    [InlineData("POST /v1/messages HTTP/1.1\r\n{H}X-A: 1\nAuthorization: Bearer stolen\r\nContent-Length: {N}\r\n\r\n{B}")]
    [InlineData("POST /v1/messages HTTP/1.1\r\n{H}X-A: 1\rX-Smuggled: 1\r\nContent-Length: {N}\r\n\r\n{B}")]
    [InlineData("POST /v1/messages HTTP/1.1\r\n{H}X-A: 1\r\n X-Smuggled: 1\r\nContent-Length: {N}\r\n\r\n{B}")]
    [InlineData("POST /v1/messages HTTP/1.1\r\n{H}X-A: 1\0X-Smuggled: 1\r\nContent-Length: {N}\r\n\r\n{B}")]
    [InlineData("POST /v1/messages HTTP/1.1\r\n{H}X-A : 1\r\nX-Smuggled : 1\r\nContent-Length: {N}\r\n\r\n{B}")]
    [InlineData("POST /v1/messages HTTP/1.1\r\n{H}Content-Length : {N}\r\n\r\n{B}")]
    [InlineData("POST /v1/messages HTTP/1.1\r\n{H}X-A: 1\u00ee\u0080\u0080X-Smuggled: 1\r\nX-A: 2\u00ee\u0080\u0080X-Smuggled: 1\r\nContent-Length: {N}\r\n\r\n{B}")]
    [InlineData("POST /v1/messages?a=1%0d%0aX-Smuggled:%201 HTTP/1.1\r\n{H}Content-Length: {N}\r\n\r\n{B}")]
    [InlineData("POST /v1/messages HTTP/1.1\r\n{H}Connection: close, x-api-key, content-length, anthropic-version\r\nContent-Length: {N}\r\n\r\n{B}")]
    public async Task Smuggling_ReachesTheUpstreamAsNothingHarmful(string bytes)
    {
        var chunked = $"{Body.Length:x}\r\n{Body}\r\n0\r\n\r\n";
        var request = bytes.Replace("{H}", Head(), StringComparison.Ordinal).Replace("{N}", $"{Body.Length}", StringComparison.Ordinal)
            .Replace("{B}", Body, StringComparison.Ordinal).Replace("{C}", chunked, StringComparison.Ordinal);

        await SendAsync(request, patienceSeconds: 4);
        await SendAsync($"POST /v1/messages?after HTTP/1.1\r\n{Head()}Content-Length: {Body.Length}\r\n\r\n{Body}");

        var heads = _upstream.Heads;
        Assert.StartsWith("POST /v1/messages?after ", heads[^1], StringComparison.Ordinal);
        Assert.InRange(heads.Count, 1, 2);
        Assert.All(heads, head =>
        {
            var lines = head.Split("\r\n");
            Assert.Matches("^POST /v1/messages(\\?[!-~]*)? HTTP/1\\.1$", lines[0]);
            Assert.Equal(["x-api-key: " + World.Key], lines.Where(line => NameOf(line) is "x-api-key" or "authorization"));
            Assert.Single(lines, line => NameOf(line) is "content-length");
            Assert.DoesNotContain(lines, line => NameOf(line).Trim() is "x-smuggled" or "transfer-encoding");
            Assert.DoesNotContain(lines, line => line.AsSpan().ContainsAny('\r', '\n', '\0'));
        });
        // A row is written when its request has ended, which may be a moment after its answer.
        for (var i = 0; await AllowedRowsAsync() != _upstream.Total; i++)
        {
            Assert.True(i < 50, $"{_upstream.Total} requests reached the upstream, {await AllowedRowsAsync()} were decided on");
            await Task.Delay(100);
        }
    }

    private async Task<int> AllowedRowsAsync()
        => (await World.GetAsync("/api/agent-network/access-logs?decision=allowed&page_size=1")).GetProperty("total_records").GetInt32();

    private string Head() => $"Host: {World.Endpoint.Authority}\r\nanthropic-version: 2023-06-01\r\nContent-Type: application/json\r\nx-api-key: -\r\nConnection: close\r\n";

    private static string NameOf(string line) => line.Split(':')[0].ToLowerInvariant();

    private static string[] Named(IEnumerable<string> lines, string name)
        => [.. lines.Where(line => NameOf(line).Equals(name, StringComparison.OrdinalIgnoreCase)).Select(line => line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim(' '))];

    private async Task<string> SendAsync(string request, int patienceSeconds = 30)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(World.Endpoint.Host, World.Endpoint.Port);
        await using var stream = socket.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(request));
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(patienceSeconds));
        var answer = new MemoryStream();
        try
        {
            await stream.CopyToAsync(answer, limit.Token);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // Cut off, or left waiting for more, as bytes that are no request may be.
        }

        return Encoding.Latin1.GetString(answer.ToArray());
    }
}

/// <summary>One world before an upstream that speaks bytes, for the tests of a class.</summary>
public sealed class RawWorld : IAsyncLifetime
{
    private World? _world;

    internal RawUpstream Upstream { get; } = new();

    internal World World => _world ?? throw new InvalidOperationException("The world is not up.");

    public async Task InitializeAsync() => _world = await EndToEnd.Tests.World.StartAsync(EndToEnd.Tests.World.NoLimits, upstream: Upstream.Url);

    public async Task DisposeAsync()
    {
        if (_world is not null)
        {
            await _world.DisposeAsync();
        }

        await Upstream.DisposeAsync();
    }
}
