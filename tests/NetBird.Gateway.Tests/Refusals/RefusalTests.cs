using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using NetBird.Gateway.Admission;
using NetBird.Gateway.Authorization;
using NetBird.Policy;
using NetBird.Policy.Limits;
using NetBird.Primitives;

namespace NetBird.Gateway.Tests.Refusals;

public sealed class RefusalTests
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task UnknownAddress_IsNotEnrolled()
    {
        await using var gateway = await TestGateway.StartAsync();

        var answer = await gateway.AskAsync("hi", from: TestAccount.Nobody);

        await AssertRefusedAsync(gateway, answer, 400, "policy_blocked", DenyReason.NotEnrolled, "netbird-agent up", "it@acme.example");
        Assert.Null((await gateway.Journal.SingleAsync()).User);
    }

    [Fact]
    public async Task LoginThatExpired_SaysWhenAndWhatToRun()
    {
        var time = new FakeTimeProvider(Noon);
        await using var gateway = await TestGateway.StartAsync(time: time);
        gateway.Account.Peers[TestAccount.Alice] = TestAccount.Person("alice", TestAccount.Engineering, loginExpiresAt: Noon.AddHours(1));
        gateway.Account.Publish();

        var before = await gateway.AskAsync("hi");
        time.Advance(TimeSpan.FromHours(1));
        var after = await gateway.AskAsync("hi");

        Assert.Equal(200, before.Status);
        Assert.Equal(400, after.Status);
        Assert.Equal("policy_blocked", after.ErrorType);
        Assert.Equal("Your login ended at 2026-11-24 13:00 UTC. Run \"netbird-agent login\". Ask it@acme.example.", after.Message);
    }

    [Theory]
    [InlineData(PeerStanding.Blocked, "blocked")]
    [InlineData(PeerStanding.UserDisabled, "disabled")]
    public async Task Disabled_IsSaid(PeerStanding standing, string says)
    {
        await using var gateway = await TestGateway.StartAsync();
        gateway.Account.Peers[TestAccount.Alice] = TestAccount.Person("alice", TestAccount.Engineering, standing);
        gateway.Account.Publish();

        var answer = await gateway.AskAsync("hi");

        await AssertRefusedAsync(gateway, answer, 400, "policy_blocked", DenyReason.Disabled, says, "it@acme.example");
    }

    [Fact]
    public async Task GroupTakenAway_IsRefusedOnTheNextRequest()
    {
        await using var gateway = await TestGateway.StartAsync();
        Assert.Equal(200, (await gateway.AskAsync("hi")).Status);
        gateway.Account.Peers[TestAccount.Alice] = TestAccount.Person("alice", new("sales"));
        gateway.Account.Publish();

        var answer = await gateway.AskAsync("hi");

        Assert.Equal(400, answer.Status);
        Assert.Equal("policy_blocked", answer.ErrorType);
        Assert.Equal("false", answer.Header("x-should-retry"));
        Assert.Equal(DenyReason.NoMatchingPolicy, (await gateway.Journal.CountAsync(2))[1].DenyReason);
        Assert.Single(gateway.Upstream.Requests.All);
    }

    [Fact]
    public async Task ModelNotAllowed_NamesThoseThatAre()
    {
        await using var gateway = await TestGateway.StartAsync();
        gateway.Account.Guardrails.Add(new(new("g"), "Small models", ["claude-haiku-*"], null, null));
        gateway.Account.Publish();

        var answer = await gateway.AskAsync("hi", model: "claude-opus-5-5");

        await AssertRefusedAsync(gateway, answer, 400, "policy_blocked", DenyReason.ModelNotAllowed, "claude-opus-5-5", "claude-haiku-*");
    }

    [Fact]
    public async Task ProviderThatIsOff_IsNotSentAnything_AndNothingIsHeld()
    {
        await using var gateway = await TestGateway.StartAsync();
        gateway.Account.ProviderIsOff = true;
        gateway.Account.Publish();

        var answer = await gateway.AskAsync("hi");

        await AssertRefusedAsync(gateway, answer, 400, "policy_blocked", DenyReason.NoMatchingPolicy, "Engineering", "no enabled provider");
        Assert.Equal(default, Assert.Single(gateway.Reservations.Held).Value!.Value.Used);
    }

    [Fact]
    public async Task LimitReached_CarriesWhatTheClientShowsAndActsOn()
    {
        var time = new FakeTimeProvider(Noon);
        await using var gateway = await TestGateway.StartAsync(time: time);
        var cap = TestAccount.Dollars(500);
        var resets = Noon.AddDays(3).AddSeconds(30);
        gateway.Reservations.Answer = _ => new ReserveOutcome.Full(
            new(cap, Used: 499_990_000_000, Reserved: 0, resets), Needed: 50_000_000, resets);

        var answer = await gateway.AskAsync("hi");

        await AssertRefusedAsync(gateway, answer, 429, "billing_error", DenyReason.LimitReached, "$500.00", "$499.99", "$0.05", "2026-11-27 12:01 UTC");
        Assert.Equal("259230", answer.Header("retry-after"));
        Assert.Equal("rejected", answer.Header("anthropic-ratelimit-unified-status"));
        var unix = resets.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        Assert.Equal(unix, answer.Header("anthropic-ratelimit-unified-reset"));
        Assert.Equal(unix, answer.Header("anthropic-ratelimit-unified-overage-reset"));
        Assert.Equal("1", answer.Header("anthropic-ratelimit-unified-overage-utilization"));
        Assert.Equal("1", answer.Header("anthropic-ratelimit-unified-overage-surpassed-threshold"));
        Assert.Equal("weekly", answer.Header("anthropic-ratelimit-unified-overage-period"));
        Assert.Equal("org_spend_cap_reached", answer.Header("anthropic-ratelimit-unified-overage-disabled-reason"));
        Assert.Null(answer.Header("anthropic-ratelimit-unified-overage-scope"));
        Assert.Null(answer.Header("anthropic-ratelimit-unified-representative-claim"));
        Assert.Null(answer.Header("anthropic-ratelimit-unified-overage-status"));
        Assert.Empty(gateway.Upstream.Requests.All);
    }

    [Fact]
    public async Task LimitOfTheGroup_IsNamedAsShared_AndOneThatNeverFits_HasNoRetryAfter()
    {
        await using var gateway = await TestGateway.StartAsync();
        var cap = TestAccount.Dollars(1, CapScope.Group, TimeSpan.FromHours(3));
        gateway.Reservations.Answer = _ => new ReserveOutcome.Full(new(cap, 0, 0, null), Needed: 5 * NanoUsd.PerUsd, RetryAt: null);

        var answer = await gateway.AskAsync("hi");

        await AssertRefusedAsync(gateway, answer, 429, "billing_error", DenyReason.LimitReached, "group's shared limit", "in any 3 hours", "too small", "$5.00");
        Assert.Equal("group_pool", answer.Header("anthropic-ratelimit-unified-overage-scope"));
        Assert.Null(answer.Header("retry-after"));
        Assert.Null(answer.Header("anthropic-ratelimit-unified-overage-period"));
    }

    [Fact]
    public async Task Counters_ThatCannotBeRead_RefuseForNow()
    {
        await using var gateway = await TestGateway.StartAsync();
        gateway.Reservations.Answer = _ => throw new IOException("connection to the store is lost: Password=hunter2");

        var answer = await gateway.AskAsync("hi");

        Assert.Equal(503, answer.Status);
        Assert.Equal("api_error", answer.ErrorType);
        Assert.Equal("5", answer.Header("retry-after"));
        Assert.Null(answer.Header("x-should-retry"));
        Assert.DoesNotContain("hunter2", answer.Text, StringComparison.Ordinal);
        Assert.Empty(gateway.Upstream.Requests.All);
    }

    [Fact]
    public async Task BeforeTheFirstSnapshot_NobodyIsLetIn()
    {
        await using var gateway = await TestGateway.StartAsync();
        gateway.Account.Forget();

        var answer = await gateway.AskAsync("hi");

        Assert.Equal(503, answer.Status);
        Assert.Equal("api_error", answer.ErrorType);
    }

    [Fact]
    public async Task KeyThatTheProviderRefuses_IsReported_AndTheNextOneTaken()
    {
        var keys = new TestKeys("sk-ant-revoked", TestGateway.SecretKey);
        await using var gateway = await TestGateway.StartAsync(keys: keys);

        var answer = await gateway.AskAsync("hi");

        Assert.Equal(200, answer.Status);
        Assert.Equal([("key-0", 401)], keys.Refused);
        Assert.Equal(2, gateway.Upstream.Requests.All.Count);
        Assert.Equal(NetBird.Gateway.Metering.Completeness.Complete, (await gateway.Journal.SingleAsync()).Completeness);
    }

    [Theory]
    [InlineData("sk-ant-revoked-secret")]
    [InlineData(TestGateway.SecretKey)]
    public async Task NoKeyThatWorks_Is502_OnceAndWithoutAnySecret(string secret)
    {
        await using var gateway = await TestGateway.StartAsync(keys: new(secret));

        var answer = await gateway.AskAsync("hi [[scenario:error:403]]");

        await AssertRefusedAsync(gateway, answer, 502, "api_error", DenyReason.ProviderKeyRefused, "Anthropic", "it@acme.example");
        Assert.Equal(0, (await gateway.Journal.SingleAsync()).Cost.Value);
        Assert.DoesNotContain(secret, answer.Text + string.Join('\n', answer.Headers.Values), StringComparison.Ordinal);
        Assert.DoesNotContain(gateway.Log.Lines, line => line.Contains(secret, StringComparison.Ordinal));
        Assert.Single(gateway.Keys.Refused);
    }

    [Fact]
    public async Task NoKeyAtAll_Is502()
    {
        await using var gateway = await TestGateway.StartAsync(keys: new());

        var answer = await gateway.AskAsync("hi");

        Assert.Equal(502, answer.Status);
        Assert.Equal("false", answer.Header("x-should-retry"));
    }

    [Fact]
    public async Task RateLimitedKey_GivesWayToTheNext_AndWithoutOne_TheProvidersAnswerPasses()
    {
        await using var gateway = await TestGateway.StartAsync(keys: new(TestGateway.SecretKey, TestGateway.SecretKey));

        var answer = await gateway.AskAsync("hi [[scenario:error:429]]");

        Assert.Equal(429, answer.Status);
        Assert.Equal("rate_limit_error", answer.ErrorType);
        Assert.Equal("2", answer.Header("retry-after"));
        Assert.Equal([("key-0", 429), ("key-1", 429)], gateway.Keys.Refused);
    }

    [Fact]
    public async Task ProviderThatIsDown_Is502_AndCostsNothing()
    {
        using var closed = new TcpListener(System.Net.IPAddress.Loopback, 0);
        closed.Start();
        var port = ((System.Net.IPEndPoint)closed.LocalEndpoint).Port;
        closed.Stop();
        await using var gateway = await TestGateway.StartAsync(upstreamUrl: new($"http://127.0.0.1:{port}"));

        var answer = await gateway.AskAsync("hi");

        Assert.Equal(502, answer.Status);
        Assert.Equal("api_error", answer.ErrorType);
        Assert.Contains("cannot be reached", answer.Message, StringComparison.Ordinal);
        Assert.Equal(default, (await gateway.Journal.SingleAsync()).Usage);
    }

    [Fact]
    public async Task Redirect_IsNeitherFollowedNorPassedOn()
    {
        await using var gateway = await TestGateway.StartAsync();

        var answer = await gateway.AskAsync("hi [[scenario:redirect]]");

        Assert.Equal(502, answer.Status);
        Assert.Null(answer.Header("location"));
        Assert.Single(gateway.Upstream.Requests.All);
    }

    [Theory]
    [InlineData("GET", "/v1/messages/batches/msgbatch_1/results")]
    [InlineData("POST", "/v1/files")]
    [InlineData("GET", "/v1/organizations/usage_report/messages")]
    [InlineData("POST", "/v1/complete")]
    [InlineData("GET", "/v1/messages")]
    [InlineData("PUT", "/v1/messages")]
    [InlineData("POST", "/v1/messages/")]
    [InlineData("POST", "/v1//messages")]
    [InlineData("POST", "/v1/./messages")]
    [InlineData("POST", "/v1/messages/../messages")]
    [InlineData("POST", "/v1/%6dessages")]
    [InlineData("POST", "/V1/messages")]
    [InlineData("POST", "/v1/messages;x=1")]
    [InlineData("GET", "/v1/models/../organizations/api_keys")]
    [InlineData("GET", "/v1/models/x%2f..%2f..")]
    [InlineData("GET", "/")]
    public async Task CallsThatAreNotOffered_NeverReachTheProvider(string method, string target)
    {
        await using var gateway = await TestGateway.StartAsync();

        var answer = await gateway.AskAsync("hi", change: request =>
        {
            request.Method = new(method);
            request.RequestUri = new(
                gateway.Url.ToString().TrimEnd('/') + target, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        });

        await AssertRefusedAsync(gateway, answer, 400, "policy_blocked", DenyReason.CallNotOffered, "offered");
        Assert.Empty(gateway.Upstream.Requests.All);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("{}")]
    [InlineData("{\"model\":\"a\"} x")]
    [InlineData("{\"model\":\"a\"}{\"model\":\"b\"}")]
    [InlineData("{\"model\":\"a\",\"model\":\"b\"}")]
    [InlineData("{\"model\":\"a\",\"mod\\u0065l\":\"b\"}")]
    [InlineData("{\"model\":\"a\",\"stream\":true,\"stream\":false}")]
    [InlineData("{\"model\":\"a\",\"max_tokens\":1,\"max_tokens\":100000}")]
    [InlineData("{\"model\":\"a\",\"max_tokens\":1.5}")]
    [InlineData("{\"model\":\"a\",\"max_tokens\":\"1\"}")]
    [InlineData("{\"model\":\"a\",\"max_tokens\":99999999999999999999}")]
    [InlineData("{\"model\":[\"a\"]}")]
    [InlineData("{\"model\":null}")]
    [InlineData("{\"model\":\"\"}")]
    [InlineData("{\"model\":\"a\",\"stream\":\"true\"}")]
    [InlineData("{\"model\":\"a\",\"x\":01}")]
    [InlineData("{\"model\":\"a\",/**/\"x\":1}")]
    [InlineData("{\"model\":\"a\",\"x\":1,}")]
    [InlineData("{\"model\":\"\\ud800\"}")]
    [InlineData("\u0000{\"model\":\"a\"}")]
    public async Task BodyThatCouldBeReadInTwoWays_IsRefused(string body)
    {
        await using var gateway = await TestGateway.StartAsync();

        var answer = await gateway.AskAsync("", change: request => request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body)));

        await AssertRefusedAsync(gateway, answer, 400, "policy_blocked", DenyReason.Malformed, ".");
        Assert.Empty(gateway.Upstream.Requests.All);
    }

    [Fact]
    public async Task DeepBody_IsRefused_AndAModeratelyDeepOne_Passes()
    {
        await using var gateway = await TestGateway.StartAsync();
        static string Deep(int levels) => ",\"x\":" + new string('[', levels) + new string(']', levels);

        var deep = await gateway.AskAsync("hi", more: Deep(100_000));
        var moderate = await gateway.AskAsync("hi", more: Deep(200));

        Assert.Equal(400, deep.Status);
        Assert.Equal(200, moderate.Status);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task BodyOf33Megabytes_Is413_InTheProvidersEnvelope(bool withLength)
    {
        await using var gateway = await TestGateway.StartAsync();

        var answer = await gateway.AskAsync(
            "hi", more: $",\"pad\":\"{new string('x', 33 * 1024 * 1024)}\"",
            change: request => request.Headers.TransferEncodingChunked = !withLength);

        Assert.Equal(413, answer.Status);
        Assert.Equal("request_too_large", answer.ErrorType);
        Assert.Contains("\"request_id\":\"", answer.Text, StringComparison.Ordinal);
        Assert.Empty(gateway.Upstream.Requests.All);
        Assert.Equal(200, (await gateway.AskAsync("next")).Status);
    }

    [Fact]
    public async Task CompressedBody_IsRefused()
    {
        await using var gateway = await TestGateway.StartAsync();

        var answer = await gateway.AskAsync("hi", change: request => request.Content!.Headers.ContentEncoding.Add("gzip"));

        await AssertRefusedAsync(gateway, answer, 400, "policy_blocked", DenyReason.Malformed, "compressed");
    }

    [Fact]
    public async Task Refusal_IsInTheProvidersEnvelope_WithOneRequestId()
    {
        await using var gateway = await TestGateway.StartAsync();
        gateway.Account.Contact = "";
        gateway.Account.Publish();

        var answer = await gateway.AskAsync("hi", from: TestAccount.Nobody);

        var id = answer.Header("request-id");
        Assert.Equal(id, answer.Header("x-netbird-request-id"));
        Assert.Equal("application/json", answer.Header("content-type"));
        Assert.Equal(
            "{\"type\":\"error\",\"error\":{\"type\":\"policy_blocked\",\"message\":\"This machine is not enrolled with ACME. "
            + "Run \\\"netbird-agent up\\\". Ask your administrator.\"},\"request_id\":\"" + id + "\"}",
            answer.Text);
    }

    private static async Task AssertRefusedAsync(
        TestGateway gateway, Answered answer, int status, string type, DenyReason reason, params string[] says)
    {
        Assert.Equal(status, answer.Status);
        Assert.Equal(type, answer.ErrorType);
        Assert.Equal("false", answer.Header("x-should-retry"));
        Assert.All(says, part => Assert.Contains(part, answer.Message, StringComparison.Ordinal));
        var row = await gateway.Journal.SingleAsync();
        Assert.Equal(reason, row.DenyReason);
        Assert.Equal(answer.Message, row.DenyText);
        Assert.Equal(status, row.StatusCode);
        Assert.Equal(default, row.Usage);
        Assert.All(gateway.Reservations.Held.Values, held => Assert.Equal(default, held!.Value.Used));
    }
}
