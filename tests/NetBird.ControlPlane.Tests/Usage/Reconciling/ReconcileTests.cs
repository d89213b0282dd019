using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using FakeAnthropic;
using Microsoft.Extensions.DependencyInjection;
using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tests.Usage.Reconciling;

/// <summary><c>reconcile</c> as it is run: our ledger beside the Admin API of an upstream that answers from its own.</summary>
public sealed class ReconcileTests : IAsyncLifetime
{
    private const string FirstKey = "sk-ant-api03-first-of-two-keys-0001";
    private const string SecondKey = "sk-ant-api03-second-of-two-keys-0002";

    private FakeUpstream _upstream = null!; // set by InitializeAsync
    private RunningControlPlane _plane = null!; // set by InitializeAsync
    private HttpClient _http = null!; // set by InitializeAsync
    private JsonNode _provider = null!; // set by InitializeAsync

    public async Task InitializeAsync()
    {
        _upstream = await FakeUpstream.StartAsync(new() { Keys = { FirstKey, SecondKey } });
        _plane = await RunningControlPlane.StartAsync();
        _http = await PlaneCalls.ClientAsync(_plane);
        _provider = await PlaneCalls.SendAsync(_http, HttpMethod.Post, "/api/agent-network/providers", new JsonObject
        {
            ["name"] = "Anthropic", ["provider_id"] = "anthropic_api", ["upstream_url"] = _upstream.Url.ToString().TrimEnd('/'), ["api_key"] = FirstKey,
        });
        _provider = await PlaneCalls.SendAsync(
            _http, HttpMethod.Post, $"/api/agent-network/providers/{_provider["id"]}/keys", new JsonObject { ["name"] = "second", ["api_key"] = SecondKey });
    }

    public async Task DisposeAsync()
    {
        _http.Dispose();
        await _plane.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    [Fact]
    public async Task Reconcile_BothLedgersAgree_ShowsNoDifferenceInTokensAndMoney()
    {
        await UseAsync(FirstKey, "hi");
        await UseAsync(FirstKey, "hi [[scenario:search]]");
        await UseAsync(SecondKey, "hi [[scenario:figures:in=10,out=20,read=30,w5=40,w1=50]]");
        await UseAsync(SecondKey, "hi", "claude-haiku-4-5");
        await MeterAllAsync();

        var run = await ReconcileAsync("--all", "--json");

        Assert.True(run.Code == 0, run.Error);
        var answer = JsonNode.Parse(run.Output)!;
        Assert.Equal((0, 0), ((int)answer["usage_differences"]!, (int)answer["cost_differences"]!));
        var rows = answer["data"]!.AsArray().ToList();
        Assert.Equal(3, rows.Count);
        Assert.Equal(["api_key", "second", "second"], rows.Select(row => (string)row!["key_name"]!).Order(StringComparer.Ordinal));
        Assert.Equal(
            _upstream.Ledger.Entries.Sum(entry => entry.OutputTokens), rows.Sum(row => (long)row!["ours"]!["output_tokens"]!));
        Assert.Contains("0 of 3 differ in tokens", run.Error, StringComparison.Ordinal);
        Assert.Equal(3, answer["costs"]!.AsArray().Count);
        Assert.DoesNotContain(_upstream.AdminKey, run.Output + run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reconcile_RowsMissingAndWrong_ShowsThoseAlone()
    {
        await UseAsync(FirstKey, "this one is not metered");
        await MeterAllAsync(skip: 1);
        await UseAsync(SecondKey, "metered", "claude-haiku-4-5");
        await MeterAllAsync(from: 1);

        var run = await ReconcileAsync("--csv");

        Assert.Equal(1, run.Code);
        var lines = run.Output.Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, lines.Length);
        var entry = _upstream.Ledger.Entries[0];
        Assert.Contains("api_key,claude-opus-5-5,0,0", lines[1], StringComparison.Ordinal);
        Assert.Contains($"0/{entry.OutputTokens}", lines[1], StringComparison.Ordinal);
        Assert.Contains("claude-opus-5-5: 0 USD here, ", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("haiku", run.Error, StringComparison.Ordinal);
    }

    /// <summary>Days are whole days of UTC on both sides, whatever the zone of either machine; five of them are three pages of the report.</summary>
    [Theory]
    [InlineData("Pacific/Kiritimati")]
    [InlineData("America/Los_Angeles")]
    public async Task Reconcile_AtTheEdgesOfDays_PutsEachRequestOnItsOwn(string zone)
    {
        var first = new DateTimeOffset(DateTimeOffset.UtcNow.UtcDateTime.Date, TimeSpan.Zero).AddDays(-5);
        await UseAsync(FirstKey, "hi");
        var entry = _upstream.Ledger.Entries.Single();
        _upstream.Ledger.Clear();
        for (var day = 0; day < 5; day++)
        {
            _upstream.Ledger.Add(entry with { At = first.AddDays(day), RequestId = $"morning-{day}", OutputTokens = 100 + day });
            _upstream.Ledger.Add(entry with { At = first.AddDays(day + 1).AddTicks(-1), RequestId = $"night-{day}", OutputTokens = 10 });
        }

        await MeterAllAsync();

        // A request of ours on the wrong side of a midnight: both of its days differ.
        var whole = await ReconcileInAsync(zone, "--from", Day(first), "--to", Day(first.AddDays(4)), "--all", "--json");
        await MeterAsync(entry with { At = first.AddDays(2).AddTicks(-1), OutputTokens = 7 });
        _upstream.Ledger.Add(entry with { At = first.AddDays(2), OutputTokens = 7, RequestId = "moved" });
        var moved = await ReconcileInAsync(zone, "--from", Day(first), "--to", Day(first.AddDays(4)), "--json");

        Assert.True(whole.Code == 0, whole.Error);
        var rows = JsonNode.Parse(whole.Output)!["data"]!.AsArray();
        Assert.Equal(
            Enumerable.Range(0, 5).Select(day => (Day(first.AddDays(day)), 110L + day)),
            rows.Select(row => ((string)row!["date"]!, (long)row["ours"]!["output_tokens"]!)));
        Assert.Equal(0, (int)JsonNode.Parse(whole.Output)!["cost_differences"]!);
        var answer = JsonNode.Parse(moved.Output)!;
        Assert.Equal((1, 2, 2), (moved.Code, (int)answer["usage_differences"]!, (int)answer["cost_differences"]!));
        Assert.Equal(
            [Day(first.AddDays(1)), Day(first.AddDays(2))],
            answer["data"]!.AsArray().Where(row => (bool)row!["differs"]!).Select(row => (string)row!["date"]!));
    }

    [Fact]
    public async Task Reconcile_OtherKeysOfTheOrganisation_AreNotComparedButTold()
    {
        _upstream.Accept("sk-ant-api03-somebody-elses-key-9999");
        await UseAsync("sk-ant-api03-somebody-elses-key-9999", "hi");

        var run = await ReconcileAsync();

        Assert.Equal(0, run.Code);
        Assert.Contains("Other keys of the organisation used", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reconcile_WithoutOrWithAWrongAdminKey_SaysWhatToDo()
    {
        var none = await PlaneCalls.RunAsync(_plane, "reconcile", "--provider", "Anthropic");
        Assert.Equal(1, none.Code);
        Assert.Contains("sk-ant-admin", none.Error, StringComparison.Ordinal);

        var wrong = await ReconcileAsync(FirstKey, []);
        Assert.Equal(1, wrong.Code);
        Assert.Contains("refuses the admin key", wrong.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(FirstKey, wrong.Error, StringComparison.Ordinal);

        var days = await PlaneCalls.RunAsync(_plane, "reconcile", "--provider", "Anthropic", "--from", "2026-01-01", "--to", "2026-12-01");
        Assert.Contains("at most 92 days", days.Error, StringComparison.Ordinal);
        var stored = (await PlaneCalls.SendAsync(_http, HttpMethod.Get, $"/api/agent-network/providers/{_provider["id"]}", null)).ToJsonString();
        Assert.Contains("\"has_admin_api_key\":true", stored, StringComparison.Ordinal);
        Assert.DoesNotContain(FirstKey, stored, StringComparison.Ordinal);
    }

    private Task<(int Code, string Output, string Error)> ReconcileAsync(params string[] more) => ReconcileAsync(_upstream.AdminKey, more);

    private async Task<(int Code, string Output, string Error)> ReconcileInAsync(string zone, params string[] more)
    {
        var file = Path.Combine(_plane.Options.StateDirectory, "admin-key");
        await File.WriteAllTextAsync(file, _upstream.AdminKey);
        return await PlaneCalls.RunAsync(_plane, ["reconcile", "--provider", "Anthropic", "--admin-key-file", file, .. more], ("TZ", zone));
    }

    /// <summary>The last three days: more than the upstream tells on one page.</summary>
    private async Task<(int Code, string Output, string Error)> ReconcileAsync(string adminKey, string[] more)
    {
        var file = Path.Combine(_plane.Options.StateDirectory, "admin-key");
        await File.WriteAllTextAsync(file, adminKey + "\n");
        var today = DateTimeOffset.UtcNow;
        return await PlaneCalls.RunAsync(
            _plane,
            ["reconcile", "--provider", "Anthropic", "--admin-key-file", file, "--from", Day(today.AddDays(-2)), "--to", Day(today.AddDays(1)), .. more]);
    }

    private static string Day(DateTimeOffset at) => at.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private async Task UseAsync(string key, string text, string model = "claude-opus-5-5")
    {
        using var http = new HttpClient { BaseAddress = _upstream.Url };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/messages")
        {
            Headers = { { "anthropic-version", "2023-06-01" }, { "x-api-key", key } },
            Content = new StringContent(
                JsonSerializer.Serialize(new { model, max_tokens = 1000, messages = new[] { new { role = "user", content = text } } }), Encoding.UTF8, "application/json"),
        };
        using var response = await http.SendAsync(request);
        Assert.True(response.IsSuccessStatusCode);
    }

    /// <summary>What a gateway would have recorded of the upstream's answers.</summary>
    private async Task MeterAllAsync(int from = 0, int skip = 0)
    {
        foreach (var entry in _upstream.Ledger.Entries.Skip(from + skip))
        {
            await MeterAsync(entry);
        }
    }

    private async Task MeterAsync(LedgerEntry entry)
    {
        var journal = _plane.Services.GetRequiredService<IUsageJournal>();
        var ids = _provider["keys"]!.AsArray().Select(key => (string)key!["id"]!).ToList();
        var usage = new RequestUsage(
            new(entry.InputTokens, entry.OutputTokens, entry.CacheReadInputTokens, entry.CacheCreation5mInputTokens, entry.CacheCreation1hInputTokens),
            (int)entry.WebSearchRequests);
        var provider = new ProviderId((string)_provider["id"]!);
        await journal.CompleteAsync(Rows.Row(1) with
        {
            Id = RequestId.New(),
            Timestamp = entry.At,
            Provider = provider,
            Kind = RequestKind.Messages,
            Model = entry.Model,
            Usage = usage,
            Cost = PriceTable.Default.Price(provider, entry.Model, usage, entry.At).Cost,
            KeyId = ids[entry.KeyNumber - 1],
        });
    }
}
