using Microsoft.Extensions.Logging.Abstractions;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Policies;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Usage;
using NetBird.ControlPlane.Usage.Warnings;
using NetBird.ControlPlane.Webhooks.LiteDb;
using NetBird.Gateway.Authorization;
using NetBird.Policy;
using NetBird.Policy.Limits;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tests.Usage;

public sealed class LimitWatchTests : IAsyncLifetime
{
    private static readonly Cap Cap = new(
        new("p", CapScope.User, "ann", CapUnit.Tokens), CapUnit.Tokens, 1_000, TimeSpan.FromHours(1), false, "Engineering", Soft: true);

    private readonly TemporaryState _state = new();
    private LiteDbWebhookOutbox _outbox = null!; // set by InitializeAsync
    private WatchedReservations _reservations = null!; // set by InitializeAsync
    private ConfigurationStore _store = null!; // set by InitializeAsync
    private InMemoryReservations _book = null!; // set by InitializeAsync
    private LimitWatch _watch = null!; // set by InitializeAsync

    public async Task InitializeAsync()
    {
        _store = await _state.OpenAsync();
        await _store.CommitAsync(
            Actor.System,
            draft =>
            {
                draft.Webhooks.Put(new() { Id = new("hook"), Name = "Ops", Url = "http://127.0.0.1:9/" });
                draft.Webhooks.Put(new() { Id = new("off"), Name = "Off", Url = "http://127.0.0.1:9/", Enabled = false });
                return true;
            },
            default);
        _outbox = LiteDbWebhookOutbox.Open(Path.Combine(_state.Path, "webhooks.db"));
        _book = new(new RequestPricing(() => PriceTable.Default, new()), (_, _) => [], new LimitMetrics(), new PolicySource(), _state.Time);
        _reservations = new(_book);
        _watch = NewWatch();
    }

    public async Task DisposeAsync()
    {
        _book.Dispose();
        _outbox.Dispose();
        await _store.DisposeAsync();
        _state.Dispose();
    }

    [Fact]
    public async Task Thresholds_PassedOneByOne_AreEachToldOnce()
    {
        Assert.Equal("", await UseAsync(499));
        Assert.Equal("50", await UseAsync(1));
        Assert.Equal("50", await UseAsync(200));
        Assert.Equal("50 80", await UseAsync(100));
        Assert.Equal("50 80 95", await UseAsync(200));
        Assert.Equal("50 80 95", await UseAsync(5_000));
    }

    [Fact]
    public async Task Thresholds_PassedAtOnce_TellTheHighest_AndAgainOnlyAfterTheWindow()
    {
        Assert.Equal("80", await UseAsync(900));
        _watch = NewWatch();
        Assert.Equal("80", await UseAsync(1));
        _state.Time.Advance(TimeSpan.FromHours(2));
        Assert.Equal("80", await UseAsync(100));
        Assert.Equal("80 50", await UseAsync(450));
    }

    /// <summary>What rolled out of the window while no process ran, or nobody asked, makes the next time news, also where it comes in one jump.</summary>
    [Theory]
    [InlineData(true, "80 80")]
    [InlineData(false, "80")]
    public async Task Restart_UsageRolledOutMeanwhile_IsToldAgain_AndNotWhereItIsStillThere(bool rolledOut, string expected)
    {
        await _store.CommitAsync(
            Actor.System,
            draft =>
            {
                draft.Policies.Put(new()
                {
                    Id = new("p"), Name = "Engineering", Limits = new(new(true, 0, 1_000, 3_600, false, Soft: true), LimitSetting.Off),
                });
                return true;
            },
            default);
        Assert.Equal("80", await UseAsync(900));
        _watch = NewWatch();
        _state.Time.Advance(rolledOut ? TimeSpan.FromHours(2) : TimeSpan.FromMinutes(1));

        await _watch.RunOnceAsync(default);

        Assert.Equal(expected, await UseAsync(rolledOut ? 900 : 1));
    }

    /// <summary>Two processes over one outbox that both see every threshold: each is told once.</summary>
    [Fact]
    public async Task TwoWatches_OverOneOutbox_TellOnce()
    {
        var other = new WatchedReservations(_book);
        var second = new LimitWatch(other, _outbox, _store, _state.Time, NullLogger<LimitWatch>.Instance);
        var told = "";
        foreach (var tokens in (long[])[600, 150, 50, 60, 100])
        {
            told = await UseAsync(tokens);
            await ChargeAsync(other, 1);
            await second.RunOnceAsync(default);
        }

        Assert.Equal("50 80 95", told);
        Assert.Equal(3, (await _outbox.ListAsync(new("hook"), 100, default)).Length);
    }

    [Fact]
    public async Task Warning_SaysWhoAndHowMuch()
    {
        await UseAsync(900);

        var body = (await _outbox.ListAsync(new("hook"), 1, default))[0].Body;
        Assert.Contains("\"threshold\":80,\"percent\":90", body, StringComparison.Ordinal);
        Assert.Contains("\"source_name\":\"Engineering\",\"source_kind\":\"policy\",\"scope\":\"user\",\"subject_id\":\"ann\"", body, StringComparison.Ordinal);
        Assert.Contains("\"used\":900,\"cap\":1000,\"window_seconds\":3600,\"strict\":false,\"soft\":true", body, StringComparison.Ordinal);
        Assert.Empty(await _outbox.ListAsync(new("off"), 1, default));
    }

    private LimitWatch NewWatch() => new(_reservations, _outbox, _store, _state.Time, NullLogger<LimitWatch>.Instance);

    /// <summary>Uses so many tokens, looks, and gives the thresholds told so far, oldest first.</summary>
    private async Task<string> UseAsync(long tokens)
    {
        await ChargeAsync(_reservations, tokens);
        await _watch.RunOnceAsync(default);
        _state.Time.Advance(TimeSpan.FromMilliseconds(1));
        return string.Join(' ', (await _outbox.ListAsync(new("hook"), 100, default)).Reverse()
            .Select(delivery => System.Text.Json.Nodes.JsonNode.Parse(delivery.Body)!["data"]!["threshold"]!.GetValue<int>()));
    }

    private static async Task ChargeAsync(IReservations reservations, long tokens)
    {
        var id = RequestId.New();
        var caller = new Caller(new("ann"), "ann@example.com", new("peer"), [new GroupId("eng")]);
        var request = new ModelRequest(RequestKind.Messages, "claude-opus-5-5", false, 100, 400);
        Assert.IsType<ReserveOutcome.Granted>(await reservations.ReserveAsync(
            new(id, caller, request, [new(new("p"), "Engineering", new("eng"), new("a"), [Cap])]), default));
        await reservations.SettleAsync(id, new(new TokenUsage(tokens, 0)), default);
    }
}
