using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace EndToEnd.Tests;

/// <summary>What reaches the upstream and what comes back: everything as it was, but the credentials.</summary>
public sealed class PassingThroughTests(WorldFixture fixture) : IClassFixture<WorldFixture>
{
    private World World => fixture.World;

    [Fact]
    public async Task Request_ArrivesByteForByteButForCredentials()
    {
        World.Upstream.Requests.Clear();
        // Odd spacing, a duplicate key inside a message, unicode escapes: nothing may be written anew.
        var body = """{ "model":"claude-opus-5-5","max_tokens" : 64, "x_unknown":{"a":[1,2,{"b":null}]}, "messages":[{"role":"user","content":"h\u00e9llo"}]}""";

        var answer = await RawAsync($"""
            POST /v1/messages?beta=true&x=a%20b&y=%2F&&z HTTP/1.1
            Host: {World.Endpoint.Authority}
            x-api-key: -
            Authorization: Bearer -
            Proxy-Authorization: Basic Zm9v
            Cookie: session=1
            anthropic-version: 2023-06-01
            anthropic-beta: a-1,b-2
            Anthropic-Beta: c-3
            X-Claude-Code-Session-Id: 0f0e0d0c-1111-2222-3333-444455556666
            X-Odd: 'quoted', "comma, inside"
            User-Agent: claude-cli/2.1.331 (external, sdk-cli)
            Content-Type: application/json
            Content-Length: {Encoding.UTF8.GetByteCount(body)}
            Connection: close

            """, body);

        Assert.StartsWith("HTTP/1.1 200", answer, StringComparison.Ordinal);
        var request = Assert.Single(World.Upstream.Requests.All);
        Assert.Equal("/v1/messages?beta=true&x=a%20b&y=%2F&&z", request.Target);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(body))), request.BodySha256);
        Assert.Equal([World.Upstream.Key], request.HeaderValues("x-api-key"));
        Assert.Empty(request.HeaderValues("authorization"));
        Assert.Empty(request.HeaderValues("proxy-authorization"));
        Assert.Empty(request.HeaderValues("cookie"));
        // Lines of one name may be sent as one, in order (RFC 9110 section 5.3).
        Assert.Equal("a-1,b-2,c-3", string.Join(',', request.HeaderValues("anthropic-beta")).Replace(" ", "", StringComparison.Ordinal));
        Assert.Equal(["0f0e0d0c-1111-2222-3333-444455556666"], request.HeaderValues("x-claude-code-session-id"));
        Assert.Equal("'quoted', \"comma, inside\"", Assert.Single(request.HeaderValues("x-odd")));
        Assert.Equal("claude-cli/2.1.331 (external, sdk-cli)", Assert.Single(request.HeaderValues("user-agent")));
        Assert.DoesNotContain(request.Headers, header =>
            header.Key.StartsWith("x-forwarded", StringComparison.OrdinalIgnoreCase)
            || header.Key.Equals("via", StringComparison.OrdinalIgnoreCase)
            || header.Key.Equals("traceparent", StringComparison.OrdinalIgnoreCase)
            || header.Key.StartsWith("x-netbird", StringComparison.OrdinalIgnoreCase));
        Assert.Empty(request.Violations);
    }

    [Fact]
    public async Task ProvidersErrors_ComeBackWordForWord()
    {
        using var response = await World.MessageAsync("[[scenario:error:400-prompt-too-long]]");

        var text = await response.Content.ReadAsStringAsync();

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("prompt is too long", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ResponseHeaders_ComeBackButForTheOrganisationsQuota()
    {
        using var response = await World.MessageAsync("hello");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.StartsWith("req_", Assert.Single(response.Headers.GetValues("request-id")), StringComparison.Ordinal);
        Assert.Equal("4000", Assert.Single(response.Headers.GetValues("anthropic-ratelimit-requests-limit")));
        Assert.False(response.Headers.Contains("anthropic-ratelimit-unified-5h-utilization"));
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/api/hello")]
    public async Task Probes_AreAnswered(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Head, path);

        using var response = await World.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task LargeRequestsAndAnswers_ArriveWhole()
    {
        await using var world = await EndToEnd.Tests.World.StartAsync(EndToEnd.Tests.World.NoLimits);
        var text = new string('x', 24 * 1024 * 1024);

        using var response = await world.MessageAsync(text + " [[scenario:big:50000000]]", maxTokens: 20_000_000);
        var answer = await response.Content.ReadAsByteArrayAsync();

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.True(answer.Length >= 50_000_000, $"{answer.Length} bytes came back");
        Assert.True(Assert.Single(world.Upstream.Requests.All).Body.Length > 24 * 1024 * 1024);
    }

    [Fact]
    public async Task ABodyOver32Megabytes_IsRefusedInTheProvidersEnvelope()
    {
        using var response = await World.MessageAsync(new string('x', 33 * 1024 * 1024));

        var text = await response.Content.ReadAsStringAsync();

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
        Assert.Contains("request_too_large", text, StringComparison.Ordinal);
    }

    private async Task<string> RawAsync(string head, string body)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(World.Endpoint.Host, World.Endpoint.Port);
        await using var stream = socket.GetStream();
        await stream.WriteAsync(Encoding.UTF8.GetBytes(head.ReplaceLineEndings("\r\n") + "\r\n" + body));
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return await reader.ReadToEndAsync();
    }
}
