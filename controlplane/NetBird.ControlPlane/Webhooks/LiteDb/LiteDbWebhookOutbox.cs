using System.Collections.Immutable;
using LiteDB;
using NetBird.ControlPlane.Store.LiteDb;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Webhooks.LiteDb;

/// <summary>The outbox of a control plane that is one process, in <c>webhooks.db</c>.</summary>
internal sealed class LiteDbWebhookOutbox : IWebhookOutbox, IDisposable
{
    private readonly GuardedLiteDb _file;

    private LiteDbWebhookOutbox(GuardedLiteDb file)
    {
        _file = file;
        Deliveries.EnsureIndex("state");
        Deliveries.EnsureIndex("webhook");
    }

    private ILiteCollection<BsonDocument> Levels => _file.Database.GetCollection("levels");

    private ILiteCollection<BsonDocument> Deliveries => _file.Database.GetCollection("deliveries");

    /// <exception cref="IOException">Another process holds the file, or it is damaged.</exception>
    public static LiteDbWebhookOutbox Open(string path) => new(GuardedLiteDb.Open(path));

    public ValueTask<ImmutableDictionary<string, int>> LevelsAsync(CancellationToken cancellationToken)
        => Locked(() => Levels.FindAll().ToImmutableDictionary(level => level["_id"].AsString, level => level["level"].AsInt32));

    public ValueTask<bool> RaiseAsync(
        string counter, int level, IReadOnlyList<WebhookDelivery> deliveries, CancellationToken cancellationToken)
        => Locked(() =>
        {
            if (Levels.FindById(counter) is { } known && known["level"].AsInt32 >= level)
            {
                return false;
            }

            _file.Database.BeginTrans();
            try
            {
                Levels.Upsert(new BsonDocument { ["_id"] = counter, ["level"] = level });
                foreach (var delivery in deliveries)
                {
                    Deliveries.Upsert(ToDocument(delivery));
                }

                _file.Database.Commit();
                return true;
            }
            catch
            {
                _file.Database.Rollback();
                throw;
            }
        });

    public async ValueTask LowerAsync(string counter, int level, CancellationToken cancellationToken)
        => await Locked(() => level == 0 ? Levels.Delete(counter) : Levels.Upsert(new BsonDocument { ["_id"] = counter, ["level"] = level }));

    public async ValueTask SaveAsync(WebhookDelivery delivery, CancellationToken cancellationToken)
        => await Locked(() => Deliveries.Upsert(ToDocument(delivery)));

    public ValueTask<ImmutableArray<WebhookDelivery>> ClaimAsync(
        DateTimeOffset now, TimeSpan lease, int most, CancellationToken cancellationToken)
        => Locked(() =>
        {
            var due = Deliveries.Find(Query.EQ("state", (int)DeliveryState.Pending))
                .Where(delivery => delivery["next"].AsInt64 <= now.UtcTicks)
                .GroupBy(delivery => delivery["webhook"].AsString)
                .SelectMany(hook => hook.OrderBy(delivery => delivery["next"].AsInt64).Take(most).Select((delivery, turn) => (Turn: turn, Delivery: delivery)))
                .OrderBy(item => item.Turn).ThenBy(item => item.Delivery["next"].AsInt64).Take(most).Select(item => FromDocument(item.Delivery)).ToImmutableArray();
            foreach (var delivery in due)
            {
                Deliveries.Upsert(ToDocument(delivery with { NextAt = now + lease }));
            }

            return due;
        });

    public ValueTask<ImmutableArray<WebhookDelivery>> ListAsync(WebhookId webhook, int most, CancellationToken cancellationToken)
        => Locked(() => Deliveries.Find(Query.EQ("webhook", webhook.Value)).Select(FromDocument)
            .OrderByDescending(delivery => delivery.CreatedAt).Take(most).ToImmutableArray());

    public async ValueTask DropAsync(DateTimeOffset before, CancellationToken cancellationToken)
        => await Locked(() => Deliveries.DeleteMany(Query.And(
            Query.Not("state", (int)DeliveryState.Pending), Query.LT("created", before.UtcTicks))));

    public void Dispose() => _file.Dispose();

    private static BsonDocument ToDocument(WebhookDelivery delivery) => new()
    {
        ["_id"] = delivery.Id,
        ["webhook"] = delivery.Webhook.Value,
        ["type"] = delivery.Type,
        ["body"] = delivery.Body,
        ["created"] = delivery.CreatedAt.UtcTicks,
        ["state"] = (int)delivery.State,
        ["attempts"] = delivery.Attempts,
        ["next"] = delivery.NextAt.UtcTicks,
        ["status"] = delivery.Status,
        ["fault"] = delivery.Fault,
        ["ended"] = delivery.EndedAt?.UtcTicks ?? 0L,
    };

    private static WebhookDelivery FromDocument(BsonDocument document) => new()
    {
        Id = document["_id"].AsString,
        Webhook = new(document["webhook"].AsString),
        Type = document["type"].AsString,
        Body = document["body"].AsString,
        CreatedAt = new(document["created"].AsInt64, TimeSpan.Zero),
        State = (DeliveryState)document["state"].AsInt32,
        Attempts = document["attempts"].AsInt32,
        NextAt = new(document["next"].AsInt64, TimeSpan.Zero),
        Status = document["status"].AsInt32,
        Fault = document["fault"].AsString,
        EndedAt = document["ended"].AsInt64 is > 0 and var ended ? new DateTimeOffset(ended, TimeSpan.Zero) : null,
    };

    private ValueTask<T> Locked<T>(Func<T> work) => new(_file.Run(work));
}
