using Microsoft.Extensions.Logging.Abstractions;
using NetBird.ControlPlane.Usage;
using NetBird.ControlPlane.Usage.Batches;
using NetBird.ControlPlane.Usage.LiteDb;
using NetBird.ControlPlane.Usage.Postgres;
using NetBird.ControlPlane.Usage.Prompts;
using NetBird.ControlPlane.Usage.Sums;
using NetBird.ControlPlane.Webhooks.LiteDb;
using NetBird.ControlPlane.Webhooks.Postgres;
using NetBird.Primitives;
using Npgsql;

namespace NetBird.ControlPlane.Migration;

/// <summary>Moves metered requests: rows first, which are known by their ids, then the hourly sums, which reach further back than rows.</summary>
internal sealed class UsageMigration(string stateDirectory, string connectionString, TimeProvider time, Action<string> progress)
{
    private const int Batch = 2000;
    private const int Told = 50_000;

    public async Task RunAsync(NpgsqlDataSource source, IReadOnlyList<WebhookId> webhooks, CancellationToken cancellationToken)
    {
        // Opened once as the product opens it: what a killed process left in the journal becomes rows.
        await using (await UsageStore.OpenAsync(stateDirectory, time, NullLoggerFactory.Instance, cancellationToken))
        {
        }

        var sums = new HourlySums();
        using var ledger = LiteDbUsageLedger.Open(Path.Combine(stateDirectory, "usage.db"), sums);
        await using var database = await PostgresUsage.OpenAsync(connectionString, stateDirectory, time, NullLoggerFactory.Instance, cancellationToken);
        var target = new PostgresUsageLedger(database, new(), new(), time);
        var last = await ledger.LastSequenceAsync(cancellationToken);
        var (rows, oldest) = await CopyRowsAsync(ledger, target, last, cancellationToken);
        var hours = await CopySumsAsync(source, sums, oldest, cancellationToken);
        await CopyBatchesAsync(source, ledger, new PostgresBatchRegister(database), new PostgresPromptStore(database), cancellationToken);
        await CopyOutboxAsync(new PostgresWebhookOutbox(database), webhooks, cancellationToken);
        progress($"{rows} metered requests and {hours} hourly sums moved.");
    }

    /// <summary>Prompts as they are sealed, whose batches there are, and which results were recorded: also those whose rows are gone.</summary>
    private async Task CopyBatchesAsync(
        NpgsqlDataSource source, LiteDbUsageLedger ledger, PostgresBatchRegister to, PostgresPromptStore prompts, CancellationToken cancellationToken)
    {
        using (var from = LiteDbBatchRegister.Open(Path.Combine(stateDirectory, LiteDbBatchRegister.FileName)))
        {
            foreach (var batch in from.All())
            {
                await to.AddAsync(batch, cancellationToken);
            }
        }

        using (var from = LiteDbPromptStore.Open(Path.Combine(stateDirectory, LiteDbPromptStore.FileName)))
        {
            foreach (var prompt in from.All())
            {
                await prompts.AddAsync(prompt, cancellationToken);
            }
        }

        foreach (var results in ledger.AllResults().Chunk(10_000))
        {
            await using var command = source.CreateCommand("insert into usage_results (id, at) select * from unnest($1, $2) on conflict (id) do nothing");
            command.Parameters.AddWithValue(results.Select(result => result.Id).ToArray());
            command.Parameters.AddWithValue(results.Select(result => result.At).ToArray());
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
    }

    private async Task CopyOutboxAsync(PostgresWebhookOutbox to, IReadOnlyList<WebhookId> webhooks, CancellationToken cancellationToken)
    {
        using var from = LiteDbWebhookOutbox.Open(Path.Combine(stateDirectory, "webhooks.db"));
        foreach (var (counter, level) in await from.LevelsAsync(cancellationToken))
        {
            await to.RaiseAsync(counter, level, [], cancellationToken);
        }

        foreach (var webhook in webhooks)
        {
            foreach (var delivery in await from.ListAsync(webhook, int.MaxValue, cancellationToken))
            {
                await to.SaveAsync(delivery, cancellationToken);
            }
        }
    }

    private async Task<(long Rows, long OldestHour)> CopyRowsAsync(
        LiteDbUsageLedger from, PostgresUsageLedger to, long last, CancellationToken cancellationToken)
    {
        var (rows, oldest, batch) = (0L, HourlySums.HourOf(time.GetUtcNow()), new List<JournalledRecord>(Batch));
        await foreach (var row in from.EnumerateAsync(new(), cancellationToken))
        {
            // One sequence for all: it says where this node's journal goes on.
            batch.Add(new(last, row));
            oldest = Math.Min(oldest, HourlySums.HourOf(row.Timestamp));
            if (++rows % Told == 0)
            {
                progress($"{rows} metered requests moved so far ...");
            }

            if (batch.Count == Batch)
            {
                await to.AppendAsync(batch, cancellationToken);
                batch.Clear();
            }
        }

        if (batch.Count > 0)
        {
            await to.AppendAsync(batch, cancellationToken);
        }

        return (rows, oldest);
    }

    private static async Task<long> CopySumsAsync(NpgsqlDataSource source, HourlySums sums, long oldest, CancellationToken cancellationToken)
    {
        var entries = new List<(long Hour, string[] Words, bool Denied, UsageTotals Totals)>();
        sums.Visit(0, long.MaxValue / 2, new UsageQuery(), null, (hour, key, totals, words) => entries.Add((
            hour, [words[key.User], words[key.Charged], words[key.Groups], words[key.Policy], words[key.Provider], words[key.Model]], key.Denied, totals)));
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using (var command = new NpgsqlCommand("CREATE TEMP TABLE moved_hours (LIKE usage_hours) ON COMMIT DROP", connection))
        {
            await command.ExecuteNonQueryAsync(cancellationToken);
        }

        await using (var copy = await connection.BeginBinaryImportAsync(
            "COPY moved_hours (hour, user_id, charged_group, groups, policy_id, provider_id, model, denied, requests, interrupted, price_unknown, "
            + "input, output, cache_read, cache_write_5m, cache_write_1h, web_searches, cost, failed, parts) FROM STDIN (FORMAT binary)", cancellationToken))
        {
            foreach (var (hour, words, denied, totals) in entries)
            {
                await copy.WriteRowAsync(
                    cancellationToken, hour, words[0], words[1], words[2], words[3], words[4], words[5], denied, totals.Rows, totals.Interrupted,
                    totals.PriceUnknown, totals.Tokens.Input, totals.Tokens.Output, totals.Tokens.CacheRead, totals.Tokens.CacheWrite5m,
                    totals.Tokens.CacheWrite1h, totals.WebSearches, totals.Cost.Value, totals.Failed, totals.Parts);
            }

            await copy.CompleteAsync(cancellationToken);
        }

        // The source's sums are the truth: they hold what rows no longer do.
        await using var fold = new NpgsqlCommand(
            """
            DELETE FROM usage_hours h USING moved_hours m WHERE h.hour = m.hour;
            INSERT INTO usage_hours SELECT * FROM moved_hours;
            DELETE FROM usage_rollups;
            """,
            connection);
        await fold.ExecuteNonQueryAsync(cancellationToken);
        if (entries.Any(entry => entry.Hour < oldest))
        {
            // Rows of the oldest hour may be gone in part, so verification compares from the hour after it.
            await using var meta = new NpgsqlCommand(
                "INSERT INTO usage_meta VALUES ('rows_from', $1) ON CONFLICT (name) DO UPDATE SET value = greatest(usage_meta.value, excluded.value)", connection);
            meta.Parameters.AddWithValue((oldest + 1) * TimeSpan.TicksPerHour);
            await meta.ExecuteNonQueryAsync(cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);

        // The roll-ups are made anew from the hours wherever there are none.
        await PostgresUsage.CreateTablesAsync(source, cancellationToken);
        return entries.Count;
    }
}
