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

    private static readonly Caller Ann = new(new("ann"), "ann@example.com", new("peer"), [new GroupId("eng")]);

    private static readonly ModelRequest Request = new(RequestKind.Messages, "claude-opus-5-5", false, 100, 400);

    private readonly TemporaryState _state = new();
    private LiteDbWebhookOutbox _outbox = null!; // set by InitializeAsync
    private WatchedReservations _reservations = null!; // set by InitializeAsync
    private ConfigurationStore _store = null!; // set by InitializeAsync
    private InMemoryReservations _book = null!; // set by InitializeAsync
    private LimitWatch _watch = null!; // set by InitializeAsync
    private ChargedCounters _charged = new();

    public async Task InitializeAsync()
    {
        _store = await _state.OpenAsync();
        await _store.CommitAsync(
            Actor.System,
            draft =>
            {
                draft.Webhooks.Put(new() { Id = new("hook"), Name = "Ops", Url = "http://127.0.0.1:9/" });
                draft.Webhooks.Put(new() { Id = new("off"), Name = "Off", Url = "http://127.0.0.1:9/", Enabled = false });
                draft.Groups.Put(new() { Id = new("eng"), Name = "Engineering" });
                draft.Users.Put(new() { Id = new("ann"), Email = "ann@example.com", AutoGroups = [new("eng")] });
                draft.Policies.Put(Limited(1_000));
                return true;
            },
            default);
        _outbox = LiteDbWebhookOutbox.Open(Path.Combine(_state.Path, "webhooks.db"));
        _book = new(new RequestPricing(() => PriceTable.Default, new()), (_, _) => [], new LimitMetrics(), new PolicySource(), new(_state.Time), _state.Time);
        _reservations = new(_book, _charged);
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
        var charged = new ChargedCounters();
        var other = new WatchedReservations(_book, charged);
        var second = new LimitWatch(other, charged, _outbox, _store, _state.Time, NullLogger<LimitWatch>.Instance);
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

    /// <summary>Killed between a charge and the look at it: nobody may charge anything for long afterwards, since everybody is refused.</summary>
    [Fact]
    public async Task Restart_BeforeItLooked_TellsOfWhatWasCharged()
    {
        await ChargeAsync(_reservations, 990);
        _charged = new();
        _reservations = new(_book, _charged);
        _watch = NewWatch();

        Assert.Equal("95", await LookAsync());
    }

    /// <summary>What fills a counter may have been charged by another process that died; who is refused charges nothing.</summary>
    [Fact]
    public async Task Refusal_ByACounterThatNothingWasChargedToHere_IsLookedAt()
    {
        await LookAsync();
        await ChargeAsync(_book, 990);
        Assert.Equal("", await LookAsync());

        var id = RequestId.New();
        Assert.IsType<ReserveOutcome.Full>(await _reservations.ReserveAsync(
            new(id, Ann, Request, [new(new("p"), "Engineering", new("eng"), new("a"), [Cap with { Soft = false }])]), default));

        Assert.Equal("95", await LookAsync());
    }

    /// <summary>The same usage is another share of another cap.</summary>
    [Fact]
    public async Task Limit_LoweredUnderWhatIsUsed_IsTold_AndRaisedAgainMakesTheNextTimeNews()
    {
        Assert.Equal("50", await UseAsync(600));
        await PutAsync(draft => draft.Policies.Put(Limited(640)));
        Assert.Equal("50 80", await LookAsync());

        await PutAsync(draft => draft.Policies.Put(Limited(10_000)));
        Assert.Equal("50 80", await LookAsync());
        Assert.Equal("50 80 80", await UseAsync(8_000));
    }

    [Fact]
    public async Task Raise_ThatEnds_LeavesACapThatIsPassed_AndIsTold()
    {
        await PutAsync(draft => draft.LimitRaises.Put(new()
        {
            Id = LimitRaiseId.New(), Source = "p", Scope = CapScope.User, Unit = CapUnit.Tokens, Amount = 1_000,
            StartsAt = _state.Time.GetUtcNow(), EndsAt = _state.Time.GetUtcNow().AddMinutes(10),
        }));
        Assert.Equal("50", await UseAsync(1_200));
        _state.Time.Advance(TimeSpan.FromMinutes(11));

        Assert.Equal("50 95", await LookAsync());
    }

    [Fact]
    public async Task Limit_TakenAway_IsForgotten_AndToldOfWhenItIsThereAgain()
    {
        Assert.Equal("80", await UseAsync(900));
        await PutAsync(draft => draft.Policies.Put(Limited(0)));
        Assert.Equal("80", await LookAsync());
        Assert.Empty(await _outbox.LevelsAsync(default));

        await PutAsync(draft => draft.Policies.Put(Limited(1_000)));

        Assert.Equal("80 80", await LookAsync());
    }

    /// <summary>One node saw usage roll out of the window, the other was charged next: the threshold is passed again.</summary>
    [Fact]
    public async Task TwoWatches_OneSawItFall_TheOtherIsChargedNext_ItIsToldAgain()
    {
        var charged = new ChargedCounters();
        var other = new WatchedReservations(_book, charged);
        var second = new LimitWatch(other, charged, _outbox, _store, _state.Time, NullLogger<LimitWatch>.Instance);
        Assert.Equal("80", await UseAsync(900));
        await ChargeAsync(other, 1);
        await second.RunOnceAsync(default);
        _state.Time.Advance(TimeSpan.FromHours(2));
        await second.RunOnceAsync(default);

        Assert.Equal("80 80", await UseAsync(900));
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

    /// <summary>A policy of Ann's group with a soft limit of each person.</summary>
    private static PolicyRecord Limited(long tokens) => new()
    {
        Id = new("p"), Name = "Engineering", SourceGroups = [new("eng")],
        Limits = new(tokens == 0 ? LimitSetting.Off : new(true, 0, tokens, 3_600, false, Soft: true), LimitSetting.Off),
    };

    private Task PutAsync(Action<ConfigurationDraft> change) => _store.CommitAsync(
        Actor.System,
        draft =>
        {
            change(draft);
            return true;
        },
        default);

    private LimitWatch NewWatch() => new(_reservations, _charged, _outbox, _store, _state.Time, NullLogger<LimitWatch>.Instance);

    /// <summary>Uses so many tokens, looks, and gives the thresholds told so far, oldest first.</summary>
    private async Task<string> UseAsync(long tokens)
    {
        await ChargeAsync(_reservations, tokens);
        return await LookAsync();
    }

    private async Task<string> LookAsync()
    {
        await _watch.RunOnceAsync(default);
        _state.Time.Advance(TimeSpan.FromMilliseconds(1));
        return string.Join(' ', (await _outbox.ListAsync(new("hook"), 100, default)).Reverse()
            .Select(delivery => System.Text.Json.Nodes.JsonNode.Parse(delivery.Body)!["data"]!["threshold"]!.GetValue<int>()));
    }

    private static async Task ChargeAsync(IReservations reservations, long tokens)
    {
        var id = RequestId.New();
        Assert.IsType<ReserveOutcome.Granted>(await reservations.ReserveAsync(
            new(id, Ann, Request, [new(new("p"), "Engineering", new("eng"), new("a"), [Cap])]), default));
        await reservations.SettleAsync(id, new(new TokenUsage(tokens, 0)), default);
    }
}
