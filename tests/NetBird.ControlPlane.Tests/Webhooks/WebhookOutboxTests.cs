using Microsoft.Extensions.Logging.Abstractions;
using NetBird.ControlPlane.Tests.Usage;
using NetBird.ControlPlane.Tests.Usage.Postgres;
using NetBird.ControlPlane.Usage;
using NetBird.ControlPlane.Webhooks;
using NetBird.ControlPlane.Webhooks.LiteDb;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tests.Webhooks;

/// <summary>What both outboxes hold to.</summary>
public abstract class WebhookOutboxContract
{
    private static readonly WebhookId Hook = WebhookId.New();

    internal abstract IWebhookOutbox Outbox { get; }

    [SkippableFact]
    public async Task Raise_TwiceOrLower_TellsOnce()
    {
        var counter = RequestId.New().Value;
        var delivery = WebhookDelivery.New(Hook, "limit.threshold", "{\"a\":1}", Rows.Noon);

        Assert.True(await Outbox.RaiseAsync(counter, 80, [delivery], default));
        Assert.False(await Outbox.RaiseAsync(counter, 80, [delivery with { Id = "other" }], default));
        Assert.False(await Outbox.RaiseAsync(counter, 50, [delivery with { Id = "other" }], default));
        Assert.Equal(80, (await Outbox.LevelsAsync(default))[counter]);
        Assert.DoesNotContain(await Outbox.ListAsync(Hook, 1000, default), known => known.Id == "other");
        await Outbox.LowerAsync(counter, 0, default);
        Assert.False((await Outbox.LevelsAsync(default)).ContainsKey(counter));
        Assert.True(await Outbox.RaiseAsync(counter, 50, [], default));
    }

    /// <summary>A receiver that takes nothing has thousands overdue: another's first delivery is among the next ones tried.</summary>
    [SkippableFact]
    public async Task Claim_ManyOverdueOfOneWebhook_TakesTurnsWithOthers()
    {
        var (dead, other) = (WebhookId.New(), WebhookId.New());
        var at = Rows.Noon.AddYears(-2);
        for (var i = 0; i < 30; i++)
        {
            await Outbox.SaveAsync(WebhookDelivery.New(dead, "audit", "{}", at.AddSeconds(-i)), default);
        }

        var wanted = WebhookDelivery.New(other, "limit.threshold", "{}", at);
        await Outbox.SaveAsync(wanted, default);

        var claimed = await Outbox.ClaimAsync(at, TimeSpan.FromMinutes(1), 8, default);

        Assert.Equal(8, claimed.Length);
        Assert.Contains(claimed, held => held.Id == wanted.Id);
        Assert.DoesNotContain(await Outbox.ClaimAsync(at, TimeSpan.FromMinutes(1), 8, default), again => claimed.Any(held => held.Id == again.Id));
        await Outbox.ClaimAsync(at, TimeSpan.FromDays(9_000), 100, default);
    }

    [SkippableFact]
    public async Task Claim_Due_IsHeldForItsLease_ThenComesAgain()
    {
        var hook = WebhookId.New();
        var delivery = WebhookDelivery.New(hook, "t", "{}", Rows.Noon.AddYears(-1));
        await Outbox.SaveAsync(delivery, default);

        Assert.Contains(await Outbox.ClaimAsync(Rows.Noon.AddYears(-1), TimeSpan.FromMinutes(1), 32, default), held => held.Id == delivery.Id);
        Assert.DoesNotContain(await Outbox.ClaimAsync(Rows.Noon.AddYears(-1).AddSeconds(59), TimeSpan.FromMinutes(1), 32, default), held => held.Id == delivery.Id);
        Assert.Contains(await Outbox.ClaimAsync(Rows.Noon.AddYears(-1).AddSeconds(60), TimeSpan.FromMinutes(1), 32, default), held => held.Id == delivery.Id);
        var done = delivery with { State = DeliveryState.Delivered, Attempts = 2, Status = 200, EndedAt = Rows.Noon };
        await Outbox.SaveAsync(done, default);
        Assert.Equal(done, Assert.Single(await Outbox.ListAsync(hook, 10, default)));
        await Outbox.DropAsync(Rows.Noon, default);
        Assert.Empty(await Outbox.ListAsync(hook, 10, default));
    }
}

public sealed class LiteDbWebhookOutboxTests : WebhookOutboxContract, IDisposable
{
    private readonly Scratch _scratch = new();
    private readonly LiteDbWebhookOutbox _outbox;

    public LiteDbWebhookOutboxTests() => _outbox = LiteDbWebhookOutbox.Open(Path.Combine(_scratch.Path, "webhooks.db"));

    internal override IWebhookOutbox Outbox => _outbox;

    public void Dispose()
    {
        _outbox.Dispose();
        _scratch.Dispose();
    }
}

public sealed class PostgresWebhookOutboxTests(PostgresCluster cluster) : WebhookOutboxContract, IClassFixture<PostgresCluster>, IAsyncLifetime
{
    private readonly Scratch _scratch = new();
    private UsageStore? _store;

    internal override IWebhookOutbox Outbox
    {
        get
        {
            Skip.If(cluster.Missing is not null, cluster.Missing);
            return _store!.Outbox; // open where the cluster is there
        }
    }

    /// <summary>Several nodes see a threshold at one moment, again and again: it is told by one of them.</summary>
    [SkippableFact]
    public async Task Raise_ByThreeNodesAtOnce_TellsOnce()
    {
        _ = Outbox;
        using var others = new Scratch();
        var stores = new List<UsageStore> { _store! };
        foreach (var name in (string[])["b", "c"])
        {
            stores.Add(await UsageStore.OpenPostgresAsync(
                cluster.ConnectionString, Directory.CreateDirectory(Path.Combine(others.Path, name)).FullName, TimeProvider.System, NullLoggerFactory.Instance, default));
        }

        var hook = WebhookId.New();
        for (var round = 0; round < 20; round++)
        {
            var counter = RequestId.New().Value;
            foreach (var level in (int[])[50, 80, 95])
            {
                var told = await Task.WhenAll(stores.Select(store => Task.Run(async () => await store.Outbox.RaiseAsync(
                    counter, level, [WebhookDelivery.New(hook, "limit.threshold", "{}", Rows.Noon)], default))));
                Assert.Single(told, one => one);
            }
        }

        Assert.Equal(60, (await Outbox.ListAsync(hook, 1000, default)).Length);
        foreach (var store in stores.Skip(1))
        {
            await store.DisposeAsync();
        }
    }

    public async Task InitializeAsync()
    {
        if (cluster.Missing is null)
        {
            _store = await UsageStore.OpenPostgresAsync(cluster.ConnectionString, _scratch.Path, TimeProvider.System, NullLoggerFactory.Instance, default);
        }
    }

    public async Task DisposeAsync()
    {
        if (_store is not null)
        {
            await _store.DisposeAsync();
        }

        _scratch.Dispose();
    }
}
