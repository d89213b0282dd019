using LiteDB;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Store.LiteDb;
using NetBird.ControlPlane.Store.Postgres;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tests.Store;

/// <summary>A process that changes the configuration until it is killed, and says of every change that it was acknowledged.</summary>
internal static class ConfigurationWriter
{
    /// <summary>A migration of every document, slow enough to be killed in.</summary>
    public static readonly IReadOnlyList<Action<LiteDatabase>> LiteDbSteps = [.. LiteDbDocumentStore.Migrations, Rewrite, Rewrite];

    /// <inheritdoc cref="LiteDbSteps"/>
    public static readonly IReadOnlyList<string> PostgresSteps =
    [
        .. PostgresSchema.Steps,
        "UPDATE netbird_documents SET content = replace(content, '\"name\":\"', '\"name\":\"+'); SELECT pg_sleep(0.3);",
        "UPDATE netbird_documents SET content = replace(content, '\"name\":\"', '\"name\":\"+'); SELECT pg_sleep(0.3);",
    ];

    public static Task<AccountState> OpenAsync(string directory, string database)
        => database.Length == 0
            ? AccountState.OpenAsync(directory, null, TimeProvider.System, NullLoggerFactory.Instance, default)
            : AccountState.OpenPostgresAsync(directory, database, null, TimeProvider.System, NullLoggerFactory.Instance, default);

    public static async Task RunAsync(string directory, string database)
    {
        await using var state = await OpenAsync(directory, database);
        var next = state.Configuration.Current.Groups.Keys.Select(Number).DefaultIfEmpty(0).Max() + 1;
        while (true)
        {
            var number = next++;
            await state.Configuration.CommitAsync(Actor.System, draft =>
            {
                draft.Groups.Put(new() { Id = new($"n{number}"), Name = $"Group {number}" });
                draft.Users.Put(new() { Id = new("counter"), Name = $"{number}", IsServiceUser = true });
                return true;
            }, default);
            await Console.Out.WriteLineAsync($"{number}");
            await Console.Out.FlushAsync();
        }
    }

    /// <summary>Opens a store with migrations that take their time.</summary>
    public static async Task MigrateAsync(string place)
    {
        await Console.Out.WriteLineAsync("begun");
        await Console.Out.FlushAsync();
        await using IDocumentStore store = place.Contains("Host=", StringComparison.Ordinal)
            ? new PostgresDocumentStore(place, PostgresSteps) : new LiteDbDocumentStore(place, LiteDbSteps);
        await store.OpenAsync(default);
        await Console.Out.WriteLineAsync("done");
    }

    public static int Number(GroupId id) => int.TryParse(id.Value.AsSpan(1), out var number) ? number : 0;

    private static void Rewrite(LiteDatabase database)
    {
        var documents = database.GetCollection("documents");
        foreach (var document in documents.FindAll().ToList())
        {
            document["json"] = document["json"].AsString.Replace("\"name\":\"", "\"name\":\"+", StringComparison.Ordinal);
            documents.Update(document);
            Thread.SpinWait(20_000);
        }
    }
}
