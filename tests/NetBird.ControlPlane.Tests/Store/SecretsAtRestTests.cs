using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Tests.Identity;
using NetBird.ControlPlane.Tokens;
using Npgsql;

namespace NetBird.ControlPlane.Tests.Store;

/// <summary>
/// Secrets planted on every way in are then looked for in every file of the state directory, every row of every table and
/// every answer of the API: they are nowhere in clear. The first start's token is in its file, as documented, and there alone.
/// </summary>
public sealed class SecretsAtRestTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>
{
    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Planted_Secrets_AreNowhereInClear(bool postgres)
    {
        await using var server = postgres ? await RunningControlPlane.StartOnAsync(cluster) : await RunningControlPlane.StartAsync();
        var owner = (await File.ReadAllTextAsync(Path.Combine(server.Options.StateDirectory, FirstToken.FileName))).Trim();
        using var http = new HttpClient { BaseAddress = server.Url };
        http.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", "Token " + owner);
        var planted = await PlantAsync(server, http);

        var places = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var path in (string[])[
            "/api/users", "/api/groups", "/api/peers", "/api/setup-keys", "/api/events/audit?page_size=1000", "/api/agent-network/providers",
            "/api/agent-network/settings", "/api/agent-network/configuration", "/api/agent-network/webhooks", "/api/users/administrator/tokens", "/openapi/v1.json"])
        {
            using var answer = await http.GetAsync(path);
            Assert.True(answer.IsSuccessStatusCode, path);
            places[path] = await answer.Content.ReadAsByteArrayAsync();
        }

        await server.StopAsync();
        foreach (var file in Directory.EnumerateFiles(server.Options.StateDirectory, "*", SearchOption.AllDirectories).Where(file => Path.GetFileName(file) != FirstToken.FileName))
        {
            places[file] = await File.ReadAllBytesAsync(file);
        }

        if (server.Options.Postgres is { } database)
        {
            await DumpAsync(database, places);
        }

        await server.StartAgainAsync(options => options);
        foreach (var (what, secret) in planted.Append(("the first token", owner)))
        {
            foreach (var form in (byte[][])[Encoding.UTF8.GetBytes(secret), Encoding.ASCII.GetBytes(Convert.ToBase64String(Encoding.UTF8.GetBytes(secret)).TrimEnd('='))])
            {
                Assert.DoesNotContain(places, place => place.Value.AsSpan().IndexOf(form) >= 0 && Fail(what, place.Key));
            }
        }

        Assert.True(places.Count > 14, "The search looked at too little.");
    }

    private static bool Fail(string what, string place) => throw new InvalidOperationException($"{what} is in {place} in clear.");

    private static async Task<List<(string What, string Secret)>> PlantAsync(RunningControlPlane server, HttpClient http)
    {
        var planted = new List<(string, string)>
        {
            ("a provider key", "sk-ant-planted-0123456789abcdef"), ("a password", RunningControlPlane.Password), ("a password by REST", "planted horse battery staple"),
        };
        await PostAsync(http, "/api/agent-network/providers", new { name = "P", provider_id = "anthropic_api", upstream_url = "http://127.0.0.1:9", api_key = planted[0].Item2 });
        await PostAsync(http, "/api/users", new { email = "rest@example.com", password = planted[2].Item2 });
        await server.AddPersonAsync("ana@example.com");
        planted.Add(("a token", (await PostAsync(http, "/api/users/administrator/tokens", new { name = "t" })).GetProperty("plain_token").GetString()!));
        planted.Add(("a setup key", (await PostAsync(http, "/api/setup-keys", new { name = "k", expires_in = 86400 })).GetProperty("key").GetString()!));
        planted.Add(("a webhook's secret", (await PostAsync(http, "/api/agent-network/webhooks", new { name = "w", url = "http://127.0.0.1:9/" })).GetProperty("secret").GetString()!));
        using var browser = new Browser(server.Url);
        using var client = new NativeClient(server.Url);
        await browser.OpenAsync(client.AuthorizeUrl());
        await browser.LogInAsync("ana@example.com");
        var tokens = await client.RedeemAsync(browser.Returned("code")!);
        foreach (var name in (string[])["id_token", "access_token", "refresh_token"])
        {
            planted.Add((name, tokens.GetProperty(name).GetString()!));
        }

        return planted;
    }

    private static async Task<JsonElement> PostAsync(HttpClient http, string path, object body)
    {
        using var answer = await http.PostAsJsonAsync(path, body);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, $"{path}: {text}");
        return JsonDocument.Parse(text).RootElement;
    }

    private static async Task DumpAsync(string database, Dictionary<string, byte[]> places)
    {
        await using var source = NpgsqlDataSource.Create(database);
        var tables = new List<string>();
        await using (var names = source.CreateCommand("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        await using (var reader = await names.ExecuteReaderAsync())
        {
            while (await reader.ReadAsync())
            {
                tables.Add(reader.GetString(0));
            }
        }

        await using var connection = await source.OpenConnectionAsync();
        foreach (var table in tables)
        {
            using var text = await connection.BeginTextExportAsync($"COPY \"{table}\" TO STDOUT");
            places["table " + table] = Encoding.UTF8.GetBytes(await text.ReadToEndAsync());
        }
    }
}
