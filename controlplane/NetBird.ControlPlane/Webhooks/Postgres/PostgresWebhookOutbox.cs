using System.Collections.Immutable;
using NetBird.ControlPlane.Store.Postgres;
using NetBird.ControlPlane.Usage.Postgres;
using NetBird.Primitives;
using Npgsql;

namespace NetBird.ControlPlane.Webhooks.Postgres;

/// <summary>The outbox that several nodes share; its tables are in <c>usage.sql</c>.</summary>
internal sealed class PostgresWebhookOutbox(PostgresUsage database) : IWebhookOutbox
{
    private const string Columns = "id, webhook, type, body, created, state, attempts, next, status, fault, ended";

    private const string Upsert =
        $"""
        insert into webhook_deliveries ({Columns}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        on conflict (id) do update set state = excluded.state, attempts = excluded.attempts, next = excluded.next,
            status = excluded.status, fault = excluded.fault, ended = excluded.ended
        """;

    public ValueTask<ImmutableDictionary<string, int>> LevelsAsync(CancellationToken cancellationToken)
        => PostgresGuard.RunAsync(async () =>
        {
            var levels = ImmutableDictionary.CreateBuilder<string, int>();
            await using var command = database.Source.CreateCommand("select counter, level from usage_warnings where level > 0");
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                levels[reader.GetString(0)] = reader.GetInt32(1);
            }

            return levels.ToImmutable();
        });

    public ValueTask<bool> RaiseAsync(
        string counter, int level, IReadOnlyList<WebhookDelivery> deliveries, CancellationToken cancellationToken)
        => PostgresGuard.RunAsync(async () =>
        {
            await using var connection = await database.Source.OpenConnectionAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await using var raise = new NpgsqlCommand(
                "insert into usage_warnings as w values ($1, $2) on conflict (counter) do update set level = excluded.level where w.level < excluded.level",
                connection);
            raise.Parameters.AddWithValue(counter);
            raise.Parameters.AddWithValue(level);
            if (await raise.ExecuteNonQueryAsync(cancellationToken) == 0)
            {
                return false;
            }

            foreach (var delivery in deliveries)
            {
                await using var add = new NpgsqlCommand(Upsert, connection);
                Bind(add, delivery);
                await add.ExecuteNonQueryAsync(cancellationToken);
            }

            await transaction.CommitAsync(cancellationToken);
            return true;
        });

    public async ValueTask LowerAsync(string counter, int level, CancellationToken cancellationToken)
        => await RunAsync("update usage_warnings set level = $2 where counter = $1 and level > $2", cancellationToken, counter, level);

    public async ValueTask SaveAsync(WebhookDelivery delivery, CancellationToken cancellationToken)
        => await PostgresGuard.RunAsync(async () =>
        {
            await using var command = database.Source.CreateCommand(Upsert);
            Bind(command, delivery);
            return await command.ExecuteNonQueryAsync(cancellationToken);
        });

    public ValueTask<ImmutableArray<WebhookDelivery>> ClaimAsync(
        DateTimeOffset now, TimeSpan lease, int most, CancellationToken cancellationToken)
        => ReadAsync(
            $"""
            with due as (
                select id as due_id from webhook_deliveries where state = 1 and next <= $1 and id = any(array(
                    select id from (
                        select id, next, row_number() over (partition by webhook order by next) as turn from webhook_deliveries where state = 1 and next <= $1) w
                    order by turn, next limit $2))
                for update skip locked
            )
            update webhook_deliveries d set next = $3 from due where d.id = due.due_id returning {Columns}
            """,
            cancellationToken,
            now.UtcTicks,
            most,
            (now + lease).UtcTicks);

    public ValueTask<ImmutableArray<WebhookDelivery>> ListAsync(WebhookId webhook, int most, CancellationToken cancellationToken)
        => ReadAsync(
            $"select {Columns} from webhook_deliveries where webhook = $1 order by created desc, id desc limit $2", cancellationToken, webhook.Value, most);

    public async ValueTask DropAsync(DateTimeOffset before, CancellationToken cancellationToken)
        => await RunAsync("delete from webhook_deliveries where state <> 1 and created < $1", cancellationToken, before.UtcTicks);

    private static void Bind(NpgsqlCommand command, WebhookDelivery delivery)
    {
        foreach (var value in (object[])[
            delivery.Id, delivery.Webhook.Value, delivery.Type, delivery.Body, delivery.CreatedAt.UtcTicks, (short)delivery.State, delivery.Attempts,
            delivery.NextAt.UtcTicks, delivery.Status, delivery.Fault, delivery.EndedAt?.UtcTicks ?? 0L])
        {
            command.Parameters.AddWithValue(value);
        }
    }

    private ValueTask<ImmutableArray<WebhookDelivery>> ReadAsync(string text, CancellationToken cancellationToken, params object[] values)
        => PostgresGuard.RunAsync(async () =>
        {
            await using var command = database.Source.CreateCommand(text);
            foreach (var value in values)
            {
                command.Parameters.AddWithValue(value);
            }

            var rows = ImmutableArray.CreateBuilder<WebhookDelivery>();
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                rows.Add(new()
                {
                    Id = reader.GetString(0),
                    Webhook = new(reader.GetString(1)),
                    Type = reader.GetString(2),
                    Body = reader.GetString(3),
                    CreatedAt = new(reader.GetInt64(4), TimeSpan.Zero),
                    State = (DeliveryState)reader.GetInt16(5),
                    Attempts = reader.GetInt32(6),
                    NextAt = new(reader.GetInt64(7), TimeSpan.Zero),
                    Status = reader.GetInt32(8),
                    Fault = reader.GetString(9),
                    EndedAt = reader.GetInt64(10) is > 0 and var ended ? new DateTimeOffset(ended, TimeSpan.Zero) : null,
                });
            }

            return rows.DrainToImmutable();
        });

    private async ValueTask RunAsync(string text, CancellationToken cancellationToken, params object[] values)
        => await PostgresGuard.RunAsync(async () =>
        {
            await using var command = database.Source.CreateCommand(text);
            foreach (var value in values)
            {
                command.Parameters.AddWithValue(value);
            }

            return await command.ExecuteNonQueryAsync(cancellationToken);
        });
}
