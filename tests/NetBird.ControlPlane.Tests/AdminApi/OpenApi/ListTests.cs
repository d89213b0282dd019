using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace NetBird.ControlPlane.Tests.AdminApi.OpenApi;

/// <summary>Every list of the document: a page of it, what it is filtered by, and a parameter that is not there.</summary>
public sealed class ListTests : IAsyncLifetime
{
    private RunningControlPlane _plane = null!; // set by InitializeAsync
    private HttpClient _http = null!;
    private JsonNode _document = null!;
    private string _webhook = "";

    public async Task InitializeAsync()
    {
        _plane = await RunningControlPlane.StartAsync();
        _http = await PlaneCalls.ClientAsync(_plane);
        _document = (await _http.GetFromJsonAsync<JsonNode>("/openapi/v1.json"))!;
        string[] groups = [];
        for (var i = 0; i < 5; i++)
        {
            groups = [.. groups, await MakeAsync("/api/groups", new() { ["name"] = $"Listed {i}" })];
            await MakeAsync("/api/users", new() { ["email"] = $"listed{i}@example.com", ["name"] = $"Listed {i}", ["password"] = "a long enough sentence" });
            await MakeAsync("/api/setup-keys", new() { ["name"] = $"Listed {i}" });
            await MakeAsync("/api/users/administrator/tokens", new() { ["name"] = $"Listed {i}" });
            await MakeAsync("/api/agent-network/providers", new() { ["name"] = $"Listed {i}", ["provider_id"] = "sample" });
            await MakeAsync("/api/agent-network/guardrails", new() { ["name"] = $"Listed {i}" });
            await MakeAsync("/api/agent-network/webhooks", new() { ["name"] = $"Listed {i}", ["url"] = $"https://hooks.example.com/{i}" });
            await MakeAsync("/api/agent-network/budget-rules", new() { ["name"] = $"Listed {i}" });
            await MakeAsync("/api/agent-network/policies", new() { ["name"] = $"Listed {i}", ["source_groups"] = new JsonArray(groups[0]) });
        }
    }

    public async Task DisposeAsync()
    {
        _http.Dispose();
        await _plane.DisposeAsync();
    }

    [Fact]
    public async Task Lists_OfTheDocument_AreAllPagedAndFiltered()
    {
        var lists = Lists().ToList();
        Assert.True(lists.Count >= 17, string.Join('\n', lists.Select(list => list.Path)));
        foreach (var (path, parameters) in lists)
        {
            Assert.True(parameters.Contains("page") && parameters.Contains("page_size"), path + " is not paged.");
            Assert.True(parameters.Count > 2, path + " has no filter.");
            var one = await GetAsync($"{path}?page=1&page_size=1");
            Assert.True(one.Rows.Count <= 1, path);
            Assert.True(one.Total >= one.Rows.Count, path);
            var beyond = await GetAsync($"{path}?page=1000&page_size=1000");
            Assert.True(beyond.Rows.Count == 0 && beyond.Total == one.Total, $"{path}: {beyond.Total} and {one.Total}");
            using var refused = await _http.GetAsync($"{path}?page=0");
            Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        }
    }

    [Fact]
    public async Task Pages_OneAfterTheOther_HaveEachRowOnce()
    {
        foreach (var (path, parameters) in Lists().Where(list => list.Parameters.Contains("name")))
        {
            var whole = await GetAsync(path);
            var rows = new List<string>();
            for (var page = 1; rows.Count < whole.Total; page++)
            {
                var some = await GetAsync($"{path}?page={page}&page_size=2");
                Assert.True(some.Rows.Count > 0, path);
                rows.AddRange(some.Rows.Select(row => (string)row!["id"]!));
            }

            Assert.Equal(whole.Rows.Select(row => (string)row!["id"]!), rows);
            if (path.Contains("catalog", StringComparison.Ordinal) || path == "/api/peers")
            {
                continue; // nothing of ours is in there
            }

            // A setup key has a service user of its name.
            var people = path == "/api/users" ? "&service_user=false" : "";
            var named = await GetAsync($"{path}?name=lISTED%203{people}");
            Assert.Equal("Listed 3", (string)Assert.Single(named.Rows)!["name"]!);
            var found = await GetAsync($"{path}?search=isted{people}");
            Assert.Equal(5, found.Total);
            var none = await GetAsync($"{path}?search=no-such-thing");
            Assert.Empty(none.Rows);
        }
    }

    [Fact]
    public async Task Parameter_ThatIsMisspelt_IsRefusedWithWhatWasMeant()
    {
        foreach (var (path, _) in Lists())
        {
            using var refused = await _http.GetAsync($"{path}?pagesize=1");
            var text = await refused.Content.ReadAsStringAsync();
            Assert.True(refused.StatusCode == HttpStatusCode.BadRequest, path + text);
            Assert.Contains("'page_size'", JsonNode.Parse(text)!["errors"]!["pagesize"]![0]!.ToString(), StringComparison.Ordinal);
        }
    }

    /// <summary>Answers that are a list, or an object with one, of calls whose other ids can be filled in.</summary>
    private IEnumerable<(string Path, HashSet<string> Parameters)> Lists()
        => from path in _document["paths"]!.AsObject()
           let get = path.Value!["get"]
           where get is not null
           let schema = get["responses"]?["200"]?["content"]?["application/json"]?["schema"]
           where (string?)schema?["type"] == "array" || ((string?)schema?["$ref"])?.Contains("PageAnswer", StringComparison.Ordinal) == true
           let parameters = (get["parameters"]?.AsArray() ?? []).Where(parameter => (string?)parameter!["in"] == "query").Select(parameter => (string)parameter!["name"]!)
           select (path.Key.Replace("/users/{id}", "/users/administrator", StringComparison.Ordinal).Replace("/webhooks/{id}", "/webhooks/" + _webhook, StringComparison.Ordinal), parameters.ToHashSet(StringComparer.Ordinal));

    private async Task<string> MakeAsync(string path, JsonObject body)
    {
        var made = await PlaneCalls.SendAsync(_http, HttpMethod.Post, path, body);
        var id = (string?)made["id"] ?? "";
        _webhook = path.EndsWith("webhooks", StringComparison.Ordinal) ? id : _webhook;
        return id;
    }

    private async Task<Answered> GetAsync(string path)
    {
        using var answer = await _http.GetAsync(path);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, $"{path}: {(int)answer.StatusCode} {text}");
        var body = JsonNode.Parse(text)!;
        return body is JsonArray rows
            ? new(rows, int.Parse(answer.Headers.GetValues("X-Total-Count").Single(), System.Globalization.CultureInfo.InvariantCulture))
            : new(body["data"]!.AsArray(), (int)body["total_records"]!);
    }

    private sealed record Answered(JsonArray Rows, int Total);
}
