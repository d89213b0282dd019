using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using NetBird.ControlPlane.Tests.Store;
using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tests.Usage.Simulating;

/// <summary><c>simulate</c> as it is run, and its REST call, over rows of either store.</summary>
public sealed class SimulateTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>
{
    private const string Path = "/api/agent-network/simulate";

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Simulate_PolicyOfADocument_SaysWhoWouldHaveBeenRefusedWhenHowOftenAndWhatItSaved(bool postgres)
    {
        await using var plane = postgres ? await RunningControlPlane.StartOnAsync(cluster) : await RunningControlPlane.StartAsync();
        using var http = await PlaneCalls.ClientAsync(plane);
        var (group, provider) = await SetUpAsync(http);
        var now = DateTimeOffset.UtcNow;
        var journal = plane.Services.GetRequiredService<IUsageJournal>();

        // Ann: a cent every six hours for ten days; ben once, on another model. Refused ones and free calls are nobody's usage.
        // Six tenths of each cent are of another model, billed beside the request and saved with it.
        for (var i = 40; i > 0; i--)
        {
            var whole = Row($"ann-{i}", "ann", group, provider, now.AddHours((-6 * i) + 1));
            await journal.CompleteAsync(whole with { Id = UsageRecord.PartId(whole.Id, 1), Kind = RequestKind.Part, Model = "claude-fable-5", Cost = new(whole.Cost.Value * 6 / 10) });
            await journal.CompleteAsync(whole with { Cost = new(whole.Cost.Value * 4 / 10) });
        }

        await journal.CompleteAsync(Row("ben", "ben", group, provider, now.AddHours(-30)) with { Model = "claude-haiku-4-5" });
        await journal.CompleteAsync(Row("denied", "ann", group, provider, now.AddHours(-2)) with { DenyReason = DenyReason.LimitReached, Usage = default, Cost = default });
        await journal.CompleteAsync(Row("free", "ann", group, provider, now.AddHours(-2)) with { Kind = RequestKind.CountTokens, Usage = default, Cost = default });

        // Two cents in any two days, and Opus alone: of eight requests of ann's in two days two fit, also on the first day that is told of, which
        // begins with the limit as full as it would have been.
        var file = await FileAsync(plane, """
            policies:
              - { name: Other, source_groups: [Engineering] }
              - name: Engineering
                enabled: true
                source_groups: [Engineering]
                destination_provider_ids: [Anthropic]
                guardrail_ids: [Opus]
                limits: { budget_limit: { enabled: true, user_cap_usd: 0.02, window_seconds: 172800 } }
            """);
        var run = await PlaneCalls.RunAsync(plane, "simulate", "-f", file, "--policy", "engineering", "--days", "2", "--json");

        Assert.True(run.Code == 0, run.Error);
        var answer = JsonNode.Parse(run.Output)!;
        Assert.Equal((9L, 7L), ((long)answer["requests"]!, (long)answer["refused"]!));
        Assert.Equal((0.09m, 0.07m), ((decimal)answer["cost_usd"]!, (decimal)answer["cost_saved_usd"]!));
        var ann = answer["refusals"]![0]!;
        Assert.Equal(("ann@example.com", "limit_reached", "Engineering", 6L, 0.06m), (
            (string)ann["user_name"]!, (string)ann["reason"]!, (string)ann["source"]!, (long)ann["count"]!, (decimal)ann["cost_saved_usd"]!));
        Assert.True((DateTimeOffset)ann["first"]! < (DateTimeOffset)ann["last"]!);
        var ben = answer["refusals"]![1]!;
        Assert.Equal(("ben@example.com", "model_not_allowed", 1L), ((string)ben["user_name"]!, (string)ben["reason"]!, (long)ben["count"]!));
        Assert.Contains("claude-opus-*", (string)ben["explanation"]!, StringComparison.Ordinal);
        Assert.StartsWith("In place of the policy of that name, in 2 days: 7 of 9 requests refused, 0.07 of 0.09 USD saved.", run.Error, StringComparison.Ordinal);

        // Nothing is changed, and REST with ids says the same.
        var kept = (await PlaneCalls.SendAsync(http, HttpMethod.Get, "/api/agent-network/policies", null)).AsArray().Single()!;
        Assert.Equal(0m, (decimal)kept["limits"]!["budget_limit"]!["user_cap_usd"]!);
        var tried = kept.DeepClone().AsObject();
        tried["limits"] = new JsonObject { ["budget_limit"] = new JsonObject { ["enabled"] = true, ["user_cap_usd"] = 0.02m, ["window_seconds"] = 172800 } };
        var rest = await PlaneCalls.SendAsync(http, HttpMethod.Post, $"{Path}?days=2&policy={kept["id"]}", tried);
        Assert.Equal((9L, 6L), ((long)rest["requests"]!, (long)rest["refused"]!));
    }

    [Fact]
    public async Task Simulate_ResultsOfBatches_CountAndNeedThePolicyToSaySo()
    {
        await using var plane = await RunningControlPlane.StartAsync();
        using var http = await PlaneCalls.ClientAsync(plane);
        var (group, provider) = await SetUpAsync(http);
        var now = DateTimeOffset.UtcNow;
        var journal = plane.Services.GetRequiredService<IUsageJournal>();
        for (var i = 0; i < 4; i++)
        {
            // Six tenths of each cent are of another model, billed beside the result: no request, and saved with it.
            var whole = Row($"batch-{i}", "ann", group, provider, now.AddHours(-9)) with { Kind = RequestKind.BatchResult, Duration = TimeSpan.FromHours(8) };
            await journal.CompleteAsync(whole with { Id = UsageRecord.PartId(whole.Id, 1), Model = "claude-fable-5", Cost = new(whole.Cost.Value * 6 / 10) });
            await journal.CompleteAsync(whole with { Cost = new(whole.Cost.Value * 4 / 10) });
        }

        await journal.CompleteAsync(Row("later", "ann", group, provider, now.AddMinutes(-5)));
        static string Policy(string batches) => $$"""
            { name: Batches, source_groups: [Engineering], destination_provider_ids: [Anthropic], allow_batches: {{batches}},
              limits: { budget_limit: { enabled: true, user_cap_usd: 0.04, window_seconds: 86400 } } }
            """;

        var allowed = await PlaneCalls.RunAsync(plane, "simulate", "--file", await FileAsync(plane, Policy("true")), "--json");
        var not = await PlaneCalls.RunAsync(plane, "simulate", "--file", await FileAsync(plane, Policy("false")), "--json");

        // Four cents by the batch: the fifth request meets a full limit.
        var answer = JsonNode.Parse(allowed.Output)!;
        Assert.Equal((5L, 1L, "limit_reached"), ((long)answer["requests"]!, (long)answer["refused"]!, (string)answer["refusals"]![0]!["reason"]!));
        Assert.StartsWith("Tried alone, in 30 days: 1 of 5", allowed.Error, StringComparison.Ordinal);
        Assert.Contains("call_not_offered", not.Output, StringComparison.Ordinal);
        Assert.Equal((0.05m, 0.04m), ((decimal)JsonNode.Parse(not.Output)!["cost_usd"]!, (decimal)JsonNode.Parse(not.Output)!["cost_saved_usd"]!));
        Assert.Contains("4 of 5 requests refused", not.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Simulate_WrongInput_SaysWhatToDo()
    {
        await using var plane = await RunningControlPlane.StartAsync();
        using var http = await PlaneCalls.ClientAsync(plane);
        await SetUpAsync(http);
        var two = await FileAsync(plane, "policies: [{ name: A }, { name: B }]");
        (string[] Arguments, int Code, string Said)[] cases =
        [
            (["-f", two], 2, "choose one by --policy: A, B"),
            (["-f", two, "--policy", "C"], 2, "no policy 'C'; it has A, B"),
            (["-f", two, "--policy", "A", "--days", "400"], 2, "--days is a number from 1 to 366"),
            (["-f", await FileAsync(plane, "policies: []")], 2, "has no policy"),
            (["-f", await FileAsync(plane, "- a\n- b")], 2, "holds no policy"),
            (["-f", await FileAsync(plane, "a: [")], 2, "line "),
            (["-f", "/nowhere/policy.yaml"], 2, "There is no file"),
            (["-f", await FileAsync(plane, "{ name: A, source_groups: [Nobody] }")], 1, "There is no group named 'Nobody'."),
            (["-f", await FileAsync(plane, "{ name: A, limitz: {} }")], 1, "limitz"),
        ];

        foreach (var (arguments, code, said) in cases)
        {
            var run = await PlaneCalls.RunAsync(plane, ["simulate", .. arguments]);
            Assert.True(run.Code == code && run.Error.Contains(said, StringComparison.Ordinal), $"{string.Join(' ', arguments)}: {run.Code} {run.Error}");
        }
    }

    private static async Task<(string Group, string Provider)> SetUpAsync(HttpClient http)
    {
        var group = await PlaneCalls.SendAsync(http, HttpMethod.Post, "/api/groups", new JsonObject { ["name"] = "Engineering" });
        var provider = await PlaneCalls.SendAsync(http, HttpMethod.Post, "/api/agent-network/providers", new JsonObject
        {
            ["name"] = "Anthropic", ["provider_id"] = "anthropic_api", ["api_key"] = "sk-ant-planted",
        });
        await PlaneCalls.SendAsync(http, HttpMethod.Post, "/api/agent-network/guardrails", new JsonObject
        {
            ["name"] = "Opus", ["checks"] = new JsonObject { ["model_allowlist"] = new JsonObject { ["enabled"] = true, ["models"] = new JsonArray("claude-opus-*") } },
        });
        await PlaneCalls.SendAsync(http, HttpMethod.Post, "/api/agent-network/policies", new JsonObject
        {
            ["name"] = "Engineering", ["source_groups"] = new JsonArray((string)group["id"]!), ["destination_provider_ids"] = new JsonArray((string)provider["id"]!),
        });
        return ((string)group["id"]!, (string)provider["id"]!);
    }

    /// <summary>A cent's worth.</summary>
    private static UsageRecord Row(string id, string user, string group, string provider, DateTimeOffset at) => Rows.Row(1, user, group) with
    {
        Id = new(id), Timestamp = at, Provider = new(provider), Usage = new(new TokenUsage(0, 500)), Cost = new(NanoUsd.PerUsd / 100),
    };

    private static async Task<string> FileAsync(RunningControlPlane plane, string text)
    {
        var file = System.IO.Path.Combine(plane.Options.StateDirectory, $"policy-{Guid.NewGuid():N}.yaml");
        await File.WriteAllTextAsync(file, text);
        return file;
    }
}
