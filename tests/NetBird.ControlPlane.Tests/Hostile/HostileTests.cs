using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Grpc.Core;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Tests.AgentApi;
using NetBird.ControlPlane.Tests.Store;
using Xunit.Abstractions;

namespace NetBird.ControlPlane.Tests.Hostile;

/// <summary>
/// The executable on each store, and every call of three tables against it: each is refused with the right status and in
/// its surface's own form, and when all are through, what is stored is what was stored before.
/// </summary>
public sealed class HostileTests(PostgresCluster cluster, ITestOutputHelper output) : IClassFixture<PostgresCluster>
{
    // The log is read after so many calls: what changed something is one of them.
    private const int Together = 25;

    private readonly List<string> _faults = [];
    private readonly List<string> _lately = [];
    private int _calls;

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Calls_Hostile_AreRefusedAndLeaveNoTrace(bool postgres)
    {
        Skip.If(postgres && cluster.Missing is not null, cluster.Missing);
        string before;
        await using (var first = await HostileWorld.StartAsync(postgres ? await cluster.CreateDatabaseAsync() : ""))
        {
            before = Normal(await first.StoredAsync());
            await first.StartAgainAsync();
            await RestAsync(first);
            await ScimAsync(first);
            await AgentsAsync(first);
            await CheckTraceAsync(first);
            Assert.True(_faults.Count == 0, $"{_faults.Count} of {_calls}:\n" + string.Join('\n', _faults));
            Assert.Equal(before, Normal(await first.StoredAsync()));
        }

        output.WriteLine($"{_calls} hostile calls.");
        Assert.InRange(_calls, 700, 5000);
    }

    private async Task RestAsync(HostileWorld world)
    {
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = world.Plane.Url };
        var rows = RestRows.All();
        Assert.InRange(rows.Count, 200, 3000);
        foreach (var row in rows.Concat(await DocumentedAsync(world)))
        {
            using var answer = await PatientlyAsync(() => RestAsync(world, http, row));
            var text = await answer.Content.ReadAsStringAsync();
            var status = (int)answer.StatusCode;
            await CheckAsync(
                world,
                $"{row.Caller}: {row.Call} {Start(row.Body)}",
                row.Status == 0 ? status is 400 or 403 or 409 : status == row.Status,
                $"{status}, not {row.Status}: {text}",
                answer.Content.Headers.ContentType?.MediaType == "application/problem+json" && !text.Contains("planted", StringComparison.Ordinal) && !text.Contains("   at ", StringComparison.Ordinal));
        }
    }

    private static Task<HttpResponseMessage> RestAsync(HostileWorld world, HttpClient http, RestRow row)
    {
        var request = new HttpRequestMessage(new(row.Call[..row.Call.IndexOf(' ')]), world.Fill(row.Call[(row.Call.IndexOf(' ') + 1)..]));
        if (world.Authorization(row.Caller) is { } authorization)
        {
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
        }

        if (row.Body is not null)
        {
            request.Content = new ByteArrayContent(Encoding.Latin1.GetBytes(world.Fill(row.Body)));
            request.Content.Headers.TryAddWithoutValidation("Content-Type", row.Type);
        }

        return http.SendAsync(request);
    }

    /// <summary>Every call of the document, so that one that is new is closed too: to nobody, and where it changes something to whoever may not.</summary>
    private static async Task<List<RestRow>> DocumentedAsync(HostileWorld world)
    {
        var rows = new List<RestRow>();
        var document = JsonNode.Parse((await world.Plane.GetAsync("/openapi/v1.json")).GetRawText())!;
        foreach (var (path, operations) in document["paths"]!.AsObject())
        {
            foreach (var (method, operation) in operations!.AsObject())
            {
                var call = $"{method.ToUpperInvariant()} {path.Replace("{", "", StringComparison.Ordinal).Replace("}", "", StringComparison.Ordinal)}";
                var body = operation!["requestBody"] is null ? null : "{}";
                rows.Add(new(401, "nobody", call, body, body is null ? "" : "application/json"));
                if (method != "get" && !path.Contains("/tokens", StringComparison.Ordinal))
                {
                    rows.Add(new(403, "user", call, body, body is null ? "" : "application/json"));
                    rows.Add(new(403, "auditor", call, body, body is null ? "" : "application/json"));
                }
            }
        }

        Assert.True(rows.Count > 100, $"Only {rows.Count} documented calls.");
        return rows;
    }

    private async Task ScimAsync(HostileWorld world)
    {
        using var http = new HttpClient { BaseAddress = world.Plane.Url };
        string Fill(string text) => world.Fill(text.Replace("{user}", "{scimuser}", StringComparison.Ordinal).Replace("{group}", "{scimgroup}", StringComparison.Ordinal));
        foreach (var row in ScimRows.All())
        {
            using var answer = await PatientlyAsync(() =>
            {
                var request = new HttpRequestMessage(new(row.Method), "/scim/v2" + Fill(row.Path));
                request.Headers.TryAddWithoutValidation("Authorization", Fill(row.Authorization));
                if (row.Body is not null)
                {
                    request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(Fill(row.Body)));
                    request.Content.Headers.TryAddWithoutValidation("Content-Type", row.Type);
                }

                return http.SendAsync(request);
            });
            var text = await answer.Content.ReadAsStringAsync();
            var body = answer.Content.Headers.ContentType?.MediaType == "application/scim+json" ? JsonNode.Parse(text) : null;
            await CheckAsync(
                world,
                $"SCIM {row.Method} {Start(row.Path)} {Start(row.Body)}",
                (int)answer.StatusCode == row.Status,
                $"{(int)answer.StatusCode}, not {row.Status}: {text}",
                (string?)body?["status"] == row.Status.ToString(System.Globalization.CultureInfo.InvariantCulture) && (string?)body["scimType"] == row.ScimType);
        }
    }

    private async Task AgentsAsync(HostileWorld world)
    {
        foreach (var row in AgentRows.All())
        {
            using var agent = new TestAgent(world.Plane.Url);
            var (code, sentence) = (StatusCode.OK, "");
            try
            {
                await row.Call(world, agent);
            }
            catch (RpcException refusal)
            {
                (code, sentence) = (refusal.StatusCode, refusal.Status.Detail);
            }

            // What is too large is refused by the framework, in its words.
            await CheckAsync(
                world, row.What, code == row.Code, $"{code}, not {row.Code}: {sentence}",
                (sentence.EndsWith('.') || code == StatusCode.ResourceExhausted) && !sentence.Contains("   at ", StringComparison.Ordinal));
        }
    }

    private async Task CheckAsync(HostileWorld world, string what, bool refused, string instead, bool inForm)
    {
        _calls++;
        _lately.Add(what);
        if (!refused || !inForm)
        {
            _faults.Add($"{what}: {(!refused ? instead : "not in its form: " + instead)}");
        }

        if (_lately.Count >= Together)
        {
            await CheckTraceAsync(world);
        }
    }

    private async Task CheckTraceAsync(HostileWorld world)
    {
        if (!await world.IsUntouchedAsync())
        {
            _faults.Add("One of these changed something:\n    " + string.Join("\n    ", _lately));
        }

        _lately.Clear();
    }

    /// <summary>Too many calls a second are refused as well; that is not what is tried here.</summary>
    private static async Task<HttpResponseMessage> PatientlyAsync(Func<Task<HttpResponseMessage>> send)
    {
        while (true)
        {
            var answer = await send();
            if (answer.StatusCode != HttpStatusCode.TooManyRequests)
            {
                return answer;
            }

            answer.Dispose();
            await Task.Delay(1000);
        }
    }

    /// <summary>When a token was last used is written down, and is no trace of what it was refused.</summary>
    private static string Normal(Configuration configuration)
        => System.Text.RegularExpressions.Regex.Replace(Samples.Dump(configuration), "\"last_(used|seen)\":(\"[^\"]*\"|null)", "");

    private static string Start(string? text) => text is null ? "" : text.Length <= 80 ? text : text[..80] + "...";
}
