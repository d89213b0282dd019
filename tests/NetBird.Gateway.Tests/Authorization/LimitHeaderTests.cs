using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using NetBird.Gateway.Authorization;
using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Policy.Limits;
using NetBird.Primitives;

namespace NetBird.Gateway.Tests.Authorization;

public sealed class LimitHeaderTests
{
    private const string Prefix = "anthropic-ratelimit-unified-";
    /// <summary>Noon and three days, by date(1).</summary>
    private const string Resets = "1795780800";

    private static readonly DateTimeOffset Noon = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(0, "allowed", "0.00", null)]
    [InlineData(74, "allowed", "0.74", null)]
    [InlineData(75, "allowed_warning", "0.75", "0.75")]
    [InlineData(95, "allowed_warning", "0.95", "0.95")]
    [InlineData(250, "allowed_warning", "0.99", "0.95")]
    public async Task Served_UnderACap_SaysHowFullItIs(long percent, string status, string utilization, string? threshold)
    {
        var time = new FakeTimeProvider(Noon);
        await using var gateway = await TestGateway.StartAsync(time: time);
        gateway.Account.Limits = new(null, new(0, 500 * NanoUsd.PerUsd, TimeSpan.FromDays(7), Strict: false));
        gateway.Account.Publish();
        var cap = TestAccount.Dollars(500);
        gateway.Reservations.Readings =
        [
            new(cap, percent * 5 * NanoUsd.PerUsd, 0, Noon.AddDays(3)),
            new(cap with { Limit = long.MaxValue }, 0, 0, null),
        ];

        var answer = await gateway.AskAsync("hi");

        Assert.Equal(200, answer.Status);
        Assert.Equal(status, answer.Header(Prefix + "status"));
        Assert.Equal(status, answer.Header(Prefix + "overage-status"));
        Assert.Equal("overage", answer.Header(Prefix + "representative-claim"));
        Assert.Equal(utilization, answer.Header(Prefix + "overage-utilization"));
        Assert.Equal(threshold, answer.Header(Prefix + "overage-surpassed-threshold"));
        Assert.Equal(Resets, answer.Header(Prefix + "reset"));
        Assert.Equal(Resets, answer.Header(Prefix + "overage-reset"));
    }

    /// <summary>A raise has ended for good: a wall clock that is set back to when it held brings nothing of it back.</summary>
    [Fact]
    public async Task Raise_ThatEnded_IsNotBroughtBackByAClockSetBack()
    {
        var time = new SetBackTime(Noon.AddHours(2));
        await using var gateway = await TestGateway.StartAsync(time: time);
        gateway.Account.Limits = new(null, new(0, 500 * NanoUsd.PerUsd, TimeSpan.FromDays(7), Strict: false));
        gateway.Account.Raises =
        [
            new(TestAccount.Dollars(500).Counter.Source, false, CapScope.User, "", CapUnit.NanoUsd, 100 * NanoUsd.PerUsd, Noon, Noon.AddHours(1)),
        ];
        gateway.Account.Publish();

        await gateway.AskAsync("hi");
        time.Wall = Noon.AddMinutes(1);
        await gateway.AskAsync("hi");

        Assert.Equal(2, gateway.Reservations.Asked.Count);
        Assert.All(gateway.Reservations.Asked, asked => Assert.Equal(500 * NanoUsd.PerUsd, Assert.Single(Assert.Single(asked.Candidates).Caps).Limit));
    }

    /// <summary>The store goes, or no longer answers, while the provider answers: it was paid for, so it is passed on and metered.</summary>
    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public async Task Served_CountersCannotBeReadAnyMore_PassesTheAnswerAndMetersIt(bool stream, bool hanging)
    {
        await using var gateway = await TestGateway.StartAsync();
        gateway.Account.Limits = new(null, new(0, 500 * NanoUsd.PerUsd, TimeSpan.FromDays(7), Strict: true));
        gateway.Account.Publish();
        (gateway.Reservations.Unreadable, gateway.Reservations.Hanging) = (!hanging, hanging);

        var answer = await gateway.AskAsync("hi", stream);

        Assert.Equal(200, answer.Status);
        Assert.DoesNotContain(answer.Headers.Keys, name => name.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase));
        var row = await gateway.Journal.SingleAsync();
        var billed = Assert.Single(gateway.Upstream.Ledger.Entries);
        Assert.Equal((Completeness.Complete, billed.OutputTokens), (row.Completeness, row.Usage.Tokens.Output));
    }

    /// <summary>Never early: at the second that is named there is room.</summary>
    [Fact]
    public async Task Reset_InTheMiddleOfASecond_IsNamedByTheNextOne_InHeadersAndOnTheUsagePage()
    {
        var time = new FakeTimeProvider(Noon);
        await using var gateway = await TestGateway.StartAsync(time: time);
        gateway.Account.Limits = new(null, new(0, 500 * NanoUsd.PerUsd, TimeSpan.FromDays(7), Strict: false));
        gateway.Account.Publish();
        var frees = Noon.AddDays(3).AddTicks(1 - TimeSpan.TicksPerSecond);
        gateway.Reservations.Readings = [new(TestAccount.Dollars(500), 410 * NanoUsd.PerUsd, 0, frees)];
        using var client = gateway.Client();

        using var usage = JsonDocument.Parse(await client.GetStringAsync("/api/oauth/usage"));
        var served = await gateway.AskAsync("hi");
        gateway.Reservations.Answer = _ => new ReserveOutcome.Full(new(TestAccount.Dollars(500), 500 * NanoUsd.PerUsd, 0, frees), 1, frees);
        var refused = await gateway.AskAsync("hi");

        Assert.Equal(Noon.AddDays(3), usage.RootElement.GetProperty("limits")[0].GetProperty("resets_at").GetDateTimeOffset());
        Assert.Equal((Resets, Resets), (served.Header(Prefix + "reset"), served.Header(Prefix + "overage-reset")));
        Assert.Equal((429, Resets, "259200"), (refused.Status, refused.Header(Prefix + "reset"), refused.Header("retry-after")));
    }

    /// <summary>Refused because nobody knows what is used: the header that clients have for it and no other of the family.</summary>
    [Fact]
    public async Task Refused_CountersCannotBeRead_SaysSo_OnTheUsagePageToo()
    {
        await using var gateway = await TestGateway.StartAsync();
        gateway.Account.Limits = new(null, new(0, 500 * NanoUsd.PerUsd, TimeSpan.FromDays(7), Strict: false));
        gateway.Account.Publish();
        gateway.Reservations.Unreadable = true;
        gateway.Reservations.Answer = _ => throw new IOException("The database is away.");
        using var client = gateway.Client();

        using var page = await client.GetAsync("/api/oauth/usage");
        foreach (var answer in new[] { await gateway.AskAsync("hi"), await Answered.ReadAsync(page) })
        {
            Assert.Equal((503, "api_error", "5"), (answer.Status, answer.ErrorType, answer.Header("retry-after")));
            Assert.Equal("fetch_error", answer.Header(Prefix + "overage-disabled-reason"));
            Assert.Single(answer.Headers.Keys, name => name.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase));
            Assert.Contains("counters cannot be read", answer.Message, StringComparison.Ordinal);
        }

        Assert.Empty(gateway.Upstream.Requests.All);
    }

    [Fact]
    public async Task Served_WithoutACap_SaysNothing()
    {
        await using var gateway = await TestGateway.StartAsync();

        var answer = await gateway.AskAsync("hi");

        Assert.DoesNotContain(answer.Headers.Keys, name => name.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task UsagePage_ShowsDollars_AndLeavesNoRow()
    {
        var time = new FakeTimeProvider(Noon);
        await using var gateway = await TestGateway.StartAsync(time: time);
        gateway.Account.Limits = new(null, new(0, 500 * NanoUsd.PerUsd, TimeSpan.FromDays(7), Strict: false));
        gateway.Account.Publish();
        gateway.Reservations.Readings = [new(TestAccount.Dollars(500), 410 * NanoUsd.PerUsd, 0, Noon.AddDays(3))];
        using var client = gateway.Client();

        using var usage = JsonDocument.Parse(await client.GetStringAsync("/api/oauth/usage"));

        var extra = usage.RootElement.GetProperty("extra_usage");
        Assert.Equal(50_000m, extra.GetProperty("monthly_limit").GetDecimal());
        Assert.Equal(41_000m, extra.GetProperty("used_credits").GetDecimal());
        Assert.Equal(82, extra.GetProperty("utilization").GetInt32());
        var limit = Assert.Single(usage.RootElement.GetProperty("limits").EnumerateArray());
        Assert.Equal("weekly", limit.GetProperty("group").GetString());
        Assert.Equal(82, limit.GetProperty("percent").GetInt32());
        Assert.Equal(Noon.AddDays(3), limit.GetProperty("resets_at").GetDateTimeOffset());
        Assert.Empty(gateway.Journal.Completed);
        Assert.Empty(gateway.Upstream.Requests.All);
    }

    /// <summary>Every money limit that the person may meet: of each policy and group, and of budget rules; no token limit.</summary>
    [Fact]
    public async Task UsagePage_AsksForEveryLimitOfThePerson()
    {
        await using var gateway = await TestGateway.StartAsync();
        var limit = new Limit(0, 500 * NanoUsd.PerUsd, TimeSpan.FromDays(7), Strict: false);
        gateway.Account.Limits = new(limit, limit);
        gateway.Account.Rules.Add(new(new("all"), "All", true, [], [], new(null, limit with { GroupCap = 900 * NanoUsd.PerUsd, UserCap = 0 })));
        gateway.Account.Rules.Add(new(new("others"), "Others", true, [new GroupId("sales")], [], new(null, limit)));
        gateway.Account.Publish();
        using var client = gateway.Client();

        await client.GetStringAsync("/api/oauth/usage");

        Assert.Equal(
            [("all", CapScope.Account, ""), (TestAccount.Policy.Value, CapScope.User, "alice")],
            gateway.Reservations.ReadLast.Select(cap => (cap.Counter.Source, cap.Counter.Scope, cap.Counter.Subject)).Order());
        Assert.All(gateway.Reservations.ReadLast, cap => Assert.Equal(CapUnit.NanoUsd, cap.Unit));
    }

    [Fact]
    public async Task UsagePage_WithoutALimit_SaysWhatWasSpent()
    {
        await using var gateway = await TestGateway.StartAsync();
        using var client = gateway.Client();

        using var usage = JsonDocument.Parse(await client.GetStringAsync("/api/oauth/usage"));

        foreach (var (name, cents) in new[] { ("extra_usage", 3_000m), ("daily", 100m), ("weekly", 700m) })
        {
            var spend = usage.RootElement.GetProperty(name);
            Assert.Equal(cents, spend.GetProperty("used_credits").GetDecimal());
            Assert.Equal(JsonValueKind.Null, spend.GetProperty("monthly_limit").ValueKind);
            Assert.Equal("USD", spend.GetProperty("currency").GetString());
        }

        Assert.Empty(usage.RootElement.GetProperty("limits").EnumerateArray());
    }

    [Fact]
    public async Task UsagePage_IsForPeers()
    {
        await using var gateway = await TestGateway.StartAsync();
        using var client = gateway.Client(TestAccount.Nobody);

        using var answer = await client.GetAsync("/api/oauth/usage");

        Assert.Equal(400, (int)answer.StatusCode);
    }

    private sealed class SetBackTime(DateTimeOffset wall) : TimeProvider
    {
        public DateTimeOffset Wall { get; set; } = wall;

        public override DateTimeOffset GetUtcNow() => Wall;
    }
}
