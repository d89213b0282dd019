using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using NetBird.ControlPlane.Tests.Store;
using NetBird.ControlPlane.Usage;
using NetBird.Gateway.Metering;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tests.Usage.Repricing;

/// <summary><c>usage --reprice</c> as it is run, against a control plane on either store.</summary>
public sealed class RepriceTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>
{
    private const string Model = "acme-opus";

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Reprice_PriceCorrectedForThePast_IsShownThenRecordedAndAudited(bool postgres)
    {
        await using var plane = postgres ? await RunningControlPlane.StartOnAsync(cluster) : await RunningControlPlane.StartAsync();
        using var http = await PlaneCalls.ClientAsync(plane);
        var provider = await PlaneCalls.SendAsync(http, HttpMethod.Post, "/api/agent-network/providers", new JsonObject
        {
            ["name"] = "Acme", ["provider_id"] = "anthropic_api", ["api_key"] = "sk-ant-planted", ["models"] = new JsonArray(PricedModel(0.01m, 0.05m)),
        });
        var id = new ProviderId((string)provider["id"]!);
        var journal = plane.Services.GetRequiredService<IUsageJournal>();
        for (var i = 0; i < 700; i++)
        {
            // Recorded before the provider had any price of its own: dear and flagged, as the gateway does it. Every tenth of another model.
            var row = Rows.Row(i, input: 1_000, output: 100) with { Provider = id, Model = i % 10 == 0 ? "claude-haiku-4-5" : Model };
            await journal.CompleteAsync(row with { Cost = i % 10 == 0 ? new(1_000 * 1_000 + (100 * 5_000)) : new(99_000_000), PriceUnknown = i % 10 != 0 });
        }

        // The price holds from now on; only when it is dated back does it concern what was recorded.
        await PlaneCalls.SendAsync(http, HttpMethod.Put, $"/api/agent-network/providers/{id}", new JsonObject
        {
            ["models"] = new JsonArray(PricedModel(0.01m, 0.05m, Rows.Noon.AddDays(-1))),
        });
        var shown = await PlaneCalls.RunAsync(plane, "usage", "--reprice", "--json");

        Assert.Equal(0, shown.Code);
        var answer = JsonNode.Parse(shown.Output)!;
        Assert.Equal((700L, 630L, false), ((long)answer["requests"]!, (long)answer["changed"]!, (bool)answer["applied"]!));
        Assert.Equal((630 * 0.099m) + (70 * 0.0015m), (decimal)answer["recorded_usd"]!);

        // By hand: 1,000 at 10 and 100 at 50 dollars a million is a cent and half a cent.
        Assert.Equal((630 * 0.015m) + (70 * 0.0015m), (decimal)answer["repriced_usd"]!);
        var ours = answer["data"]!.AsArray().Single(row => (string)row!["model"]! == Model)!;
        Assert.Equal((630L, 630L, 0L), ((long)ours["changed"]!, (long)ours["price_unknown_before"]!, (long)ours["price_unknown_after"]!));
        Assert.Contains("630 of 700 requests differ", shown.Error, StringComparison.Ordinal);
        Assert.Equal(62.475m, await CostAsync(http));

        var applied = await PlaneCalls.RunAsync(plane, "usage", "--reprice", "--apply");

        Assert.Equal(0, applied.Code);
        Assert.Contains("It is recorded so.", applied.Error, StringComparison.Ordinal);
        Assert.Equal(9.555m, await CostAsync(http));
        var audit = (await PlaneCalls.SendAsync(http, HttpMethod.Get, "/api/events/audit?activity_code=usage.reprice", null)).AsArray();
        Assert.Equal(2, audit.Count);
        Assert.Contains("630 of 700 requests, from 62.475 to 9.555 USD", (string)audit[0]!["detail"]!, StringComparison.Ordinal);
        var verification = await PlaneCalls.SendAsync(http, HttpMethod.Get, "/api/verification", null);
        Assert.Empty(verification["usage_faults"]!.AsArray());
        Assert.Contains("nothing to record", (await PlaneCalls.RunAsync(plane, "usage", "--reprice", "--apply")).Error, StringComparison.Ordinal);
        await plane.RestartAsync();
        Assert.Equal(9.555m, await CostAsync(http));
    }

    [Fact]
    public async Task Reprice_ListThatIsTried_IsShownAndNeverRecorded()
    {
        await using var plane = await RunningControlPlane.StartAsync();
        var journal = plane.Services.GetRequiredService<IUsageJournal>();
        await journal.CompleteAsync(Rows.Row(1, input: 1_000_000, output: 0));
        var list = Path.Combine(plane.Options.StateDirectory, "list.json");
        await File.WriteAllTextAsync(
            list, """{"models":{"claude-opus-5-5":[{"input":3,"output":9,"cache_read":1,"cache_write_5m":4,"cache_write_1h":5}]}}""");

        var tried = await PlaneCalls.RunAsync(plane, "usage", "--reprice", "--prices", list, "--json");

        Assert.Equal((4m, 3m), ((decimal)JsonNode.Parse(tried.Output)!["recorded_usd"]!, (decimal)JsonNode.Parse(tried.Output)!["repriced_usd"]!));
        Assert.Equal(2, (await PlaneCalls.RunAsync(plane, "usage", "--reprice", "--prices", list, "--apply")).Code);
        Assert.Equal(2, (await PlaneCalls.RunAsync(plane, "usage", "--apply")).Code);
        await File.WriteAllTextAsync(list, """{"models":{"claude-opus-5-5":[{"input":"much"}]}}""");
        var wrong = await PlaneCalls.RunAsync(plane, "usage", "--reprice", "--prices", list);
        Assert.Equal(1, wrong.Code);
        Assert.Contains("no price list", wrong.Error, StringComparison.Ordinal);
        var again = await PlaneCalls.RunAsync(plane, "usage", "--reprice");
        Assert.Contains("0 of 1 requests differ", again.Error, StringComparison.Ordinal);
    }

    private static JsonObject PricedModel(decimal input, decimal output, DateTimeOffset? since = null)
    {
        var model = new JsonObject { ["id"] = Model, ["input_per_1k"] = input, ["output_per_1k"] = output };
        if (since is { } date)
        {
            model["since"] = date;
        }

        return model;
    }

    private static async Task<decimal> CostAsync(HttpClient http)
    {
        var overview = await PlaneCalls.SendAsync(
            http, HttpMethod.Get, "/api/agent-network/usage/overview?granularity=month&group_by=model&from=2026-11-01T00:00:00Z&to=2026-12-31T00:00:00Z", null);
        return overview["data"]!.AsArray().Sum(row => (decimal)row!["cost_usd"]!);
    }
}
