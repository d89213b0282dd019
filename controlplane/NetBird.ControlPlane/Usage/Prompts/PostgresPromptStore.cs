using System.Collections.Immutable;
using NetBird.ControlPlane.Store.Postgres;
using NetBird.ControlPlane.Usage.Postgres;
using NetBird.Primitives;
using Npgsql;

namespace NetBird.ControlPlane.Usage.Prompts;

/// <summary>Prompts that several nodes share.</summary>
internal sealed class PostgresPromptStore(PostgresUsage database) : IPromptStore
{
    public async ValueTask AddAsync(SealedPrompt prompt, CancellationToken cancellationToken)
        => await RunAsync(
            "insert into usage_prompts (id, at, user_id, sealed) values ($1, $2, $3, $4) on conflict (id) do nothing",
            command => command.ExecuteNonQueryAsync(cancellationToken),
            prompt.Request.Value, prompt.At.UtcTicks, prompt.User.Value, prompt.Sealed);

    public async ValueTask<SealedPrompt?> FindAsync(RequestId request, CancellationToken cancellationToken)
        => (await ReadAsync("select id, at, user_id, sealed from usage_prompts where id = $1", cancellationToken, request.Value)).FirstOrDefault();

    public async ValueTask<ImmutableArray<SealedPrompt>> ListAsync(UserId? user, int most, CancellationToken cancellationToken)
        => [.. user is { } one
            ? await ReadAsync(
                "select id, at, user_id, ''::bytea from usage_prompts where user_id = $2 order by at desc limit $1", cancellationToken, most, one.Value)
            : await ReadAsync("select id, at, user_id, ''::bytea from usage_prompts order by at desc limit $1", cancellationToken, most)];

    public async ValueTask<long> DropAsync(DateTimeOffset before, CancellationToken cancellationToken)
        => await RunAsync(
            "delete from usage_prompts where at < $1", command => command.ExecuteNonQueryAsync(cancellationToken), before.UtcTicks);

    private ValueTask<List<SealedPrompt>> ReadAsync(string text, CancellationToken cancellationToken, params object[] values)
        => RunAsync(
            text,
            async command =>
            {
                var prompts = new List<SealedPrompt>();
                await using var reader = await command.ExecuteReaderAsync(cancellationToken);
                while (await reader.ReadAsync(cancellationToken))
                {
                    prompts.Add(new(
                        new(reader.GetString(0)), new(reader.GetInt64(1), TimeSpan.Zero), new(reader.GetString(2)), reader.GetFieldValue<byte[]>(3)));
                }

                return prompts;
            },
            values);

    private ValueTask<T> RunAsync<T>(string text, Func<NpgsqlCommand, Task<T>> run, params object[] values)
        => PostgresGuard.RunAsync(async () =>
        {
            await using var command = database.Source.CreateCommand(text);
            foreach (var value in values)
            {
                command.Parameters.AddWithValue(value);
            }

            return await run(command);
        });
}
