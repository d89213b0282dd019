using System.Security.Cryptography;
using System.Text;

namespace NetBird.Gateway.Tests.Forwarding;

public sealed class ForwardingTests
{
    [Fact]
    public async Task Request_Forwarded_ArrivesByteForByte_WithOurKeyAndNoneOfTheCallers()
    {
        await using var gateway = await TestGateway.StartAsync();
        var body = "  " + TestGateway.Body("h\u00fc\u4f60\ud83d\ude00 \\u0041", more: ",\"future\": [1e3, 1.50, -0,\t{\"a\":\"\\/\"} ]") + "\r\n";

        var answer = await gateway.AskAsync("", change: request =>
        {
            request.RequestUri = new(
                gateway.Url.ToString().TrimEnd('/') + "/v1/messages?beta=true&x=%7e%2F..%2f&&y=a+b",
                new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json; odd=\"1\"");
            request.Headers.TryAddWithoutValidation("Proxy-Authorization", "Basic eDp5");
            request.Headers.TryAddWithoutValidation("Cookie", "session=stolen");
            request.Headers.TryAddWithoutValidation("X-Forwarded-For", "1.2.3.4");
            request.Headers.TryAddWithoutValidation("x-netbird-user", "admin");
            request.Headers.TryAddWithoutValidation("anthropic-beta", "a-1,  b-2 ,c;d=\"\u00e9\"");
            request.Headers.TryAddWithoutValidation("User-Agent", "claude-cli/2.1.331 (external, sdk-cli)");
            request.Headers.TryAddWithoutValidation("X-Empty", "");
            request.Headers.TryAddWithoutValidation("Accept-Encoding", "gzip, deflate, br, zstd");
            request.Headers.TryAddWithoutValidation("X-Stainless-Retry-Count", "0");
        });

        Assert.Equal(200, answer.Status);
        Assert.Empty(gateway.Upstream.Requests.Violations);
        var arrived = Assert.Single(gateway.Upstream.Requests.All);
        Assert.Equal("POST", arrived.Method);
        Assert.Equal("/v1/messages?beta=true&x=%7e%2F..%2f&&y=a+b", arrived.Target);
        Assert.Equal(body, Encoding.UTF8.GetString(arrived.Body));
        Assert.Equal([TestGateway.SecretKey], arrived.HeaderValues("x-api-key"));
        foreach (var gone in (string[])["Authorization", "Proxy-Authorization", "Cookie", "x-netbird-user", "Transfer-Encoding"])
        {
            Assert.Empty(arrived.HeaderValues(gone));
        }

        Assert.Equal(["a-1,  b-2 ,c;d=\"\u00e9\""], arrived.HeaderValues("anthropic-beta"));
        Assert.Equal(["claude-cli/2.1.331 (external, sdk-cli)"], arrived.HeaderValues("User-Agent"));
        Assert.Equal(["application/json; odd=\"1\""], arrived.HeaderValues("Content-Type"));
        Assert.Equal(["1.2.3.4"], arrived.HeaderValues("X-Forwarded-For"));
        Assert.Equal([""], arrived.HeaderValues("X-Empty"));
        Assert.Equal(["0"], arrived.HeaderValues("X-Stainless-Retry-Count"));
        Assert.Equal(["gzip, deflate, br, zstd"], arrived.HeaderValues("Accept-Encoding"));
        Assert.Equal([Encoding.UTF8.GetByteCount(body).ToString(System.Globalization.CultureInfo.InvariantCulture)], arrived.HeaderValues("Content-Length"));
    }

    [Fact]
    public async Task Answer_Returned_KeepsTheProvidersHeaders_ButItsQuota()
    {
        await using var gateway = await TestGateway.StartAsync();

        var answer = await gateway.AskAsync("hi", stream: false);

        var row = await gateway.Journal.SingleAsync();
        Assert.StartsWith("req_", answer.Header("request-id"), StringComparison.Ordinal);
        Assert.Equal(answer.Header("request-id"), row.ProviderRequestId);
        Assert.Equal(row.Id.Value, answer.Header("x-netbird-request-id"));
        Assert.Equal("4000", answer.Header("anthropic-ratelimit-requests-limit"));
        Assert.Equal("cloudflare", answer.Header("server"));
        Assert.Equal("00000000-0000-4000-8000-000000000001", answer.Header("anthropic-organization-id"));
        Assert.DoesNotContain(answer.Headers.Keys, name => name.StartsWith("anthropic-ratelimit-unified", StringComparison.OrdinalIgnoreCase));
    }

    [Theory]
    [InlineData("error:400-prompt-too-long", 400)]
    [InlineData("error:413", 413)]
    [InlineData("error:404", 404)]
    [InlineData("error:429", 429)]
    [InlineData("error:500", 500)]
    [InlineData("error:529", 529)]
    public async Task ProvidersError_Passes_WordForWord_AndCostsNothing(string scenario, int status)
    {
        await using var gateway = await TestGateway.StartAsync();

        var answer = await gateway.AskAsync($"[[scenario:{scenario}]]");

        var row = await gateway.Journal.SingleAsync();
        Assert.Equal(status, answer.Status);
        Assert.Equal(status, row.StatusCode);
        Assert.Contains("\"request_id\":\"req_", answer.Text, StringComparison.Ordinal);
        Assert.Equal(default, row.Usage);
        Assert.Equal(0, row.Cost.Value);
        Assert.Equal(NetBird.Gateway.Metering.Completeness.Complete, row.Completeness);
        if (status is 429 or 529)
        {
            Assert.Equal("2", answer.Header("retry-after"));
            Assert.Equal("true", answer.Header("x-should-retry"));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task LargeAnswer_Passes_Whole(bool stream)
    {
        await using var gateway = await TestGateway.StartAsync();
        var answer = await gateway.AskAsync("[[scenario:big:3000000]]", stream);

        Assert.Equal(200, answer.Status);
        Assert.True(answer.Body.Length > 3_000_000);
        var row = await gateway.Journal.SingleAsync();
        Assert.Equal(answer.Body.Length, row.ResponseBytes);
        Assert.Equal(750_000, row.Usage.Tokens.Output);
    }

    [Fact]
    public async Task Body_OfManySizes_ArrivesByteForByte()
    {
        await using var gateway = await TestGateway.StartAsync();
        foreach (var size in (int[])[0, 1, 4_095, 16_384, 70_000, 1_000_000, 31_000_000])
        {
            gateway.Upstream.Requests.Clear();
            var body = TestGateway.Body("x", more: $",\"pad\":\"{new string('p', size)}\"");
            var answer = await gateway.AskAsync("", change: request => request.Content = new StringContent(body, Encoding.UTF8, "application/json"));

            Assert.Equal(200, answer.Status);
            var arrived = Assert.Single(gateway.Upstream.Requests.All);
            Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(body))), arrived.BodySha256);
        }
    }

    [Fact]
    public async Task ChunkedRequest_Forwarded_WithALength()
    {
        await using var gateway = await TestGateway.StartAsync();

        var answer = await gateway.AskAsync("hi", change: request => request.Headers.TransferEncodingChunked = true);

        Assert.Equal(200, answer.Status);
        Assert.Single(Assert.Single(gateway.Upstream.Requests.All).HeaderValues("Content-Length"));
    }

    [Fact]
    public async Task FreeCalls_Pass_AndAreNotReserved()
    {
        await using var gateway = await TestGateway.StartAsync();
        using var client = gateway.Client();
        client.DefaultRequestHeaders.Add("anthropic-version", "2023-06-01");
        client.DefaultRequestHeaders.Add("x-api-key", "none");

        using var models = await client.GetAsync("/v1/models?limit=1000");
        using var model = await client.GetAsync("/v1/models/claude-opus-5-5");
        using var count = await client.PostAsync(
            "/v1/messages/count_tokens", new StringContent(TestGateway.Body("hi"), Encoding.UTF8, "application/json"));
        using var hello = await client.SendAsync(new(HttpMethod.Head, "/api/hello"));
        using var root = await client.SendAsync(new(HttpMethod.Head, "/"));

        Assert.All([models, model, count, hello, root], answer => Assert.Equal(200, (int)answer.StatusCode));
        Assert.Contains("claude-opus-5-5", await models.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Contains("input_tokens", await count.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        var rows = await gateway.Journal.CountAsync(3);
        Assert.All(rows, row => Assert.Equal(default, row.Usage));
        Assert.Empty(gateway.Reservations.Held);
        Assert.Equal(3, gateway.Upstream.Requests.All.Count);
        Assert.Empty(gateway.Upstream.Requests.Violations);
    }
}
