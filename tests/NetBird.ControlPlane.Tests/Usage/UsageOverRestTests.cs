using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using NetBird.ControlPlane.Tests.Store;
using NetBird.Gateway.Authorization;
using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Policy.Limits;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tests.Usage;

/// <summary>Counters, sessions and totals of any range as REST tells them, on either store.</summary>
public sealed class UsageOverRestTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>
{
    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Consumption_EveryCounterOfAPerson_SaysUsedReservedCapWindowAndWhenItFreesUp(bool postgres)
    {
        await using var plane = postgres ? await RunningControlPlane.StartOnAsync(cluster) : await RunningControlPlane.StartAsync();
        using var http = await PlaneCalls.ClientAsync(plane);
        var group = (string)(await PlaneCalls.SendAsync(http, HttpMethod.Post, "/api/groups", new JsonObject { ["name"] = "Engineering" }))["id"]!;
        var ana = await plane.AddPersonAsync("ana@example.com", groups: new GroupId(group));
        var policy = (string)(await PlaneCalls.SendAsync(http, HttpMethod.Post, "/api/agent-network/policies", new JsonObject
        {
            ["name"] = "Work", ["source_groups"] = new JsonArray(group),
            ["limits"] = new JsonObject
            {
                ["token_limit"] = new JsonObject { ["enabled"] = true, ["group_cap"] = 10_000, ["user_cap"] = 2_000, ["window_seconds"] = 3_600, ["strict"] = true },
            },
        }))["id"]!;
        var rule = (string)(await PlaneCalls.SendAsync(http, HttpMethod.Post, "/api/agent-network/budget-rules", new JsonObject
        {
            ["name"] = "Everybody",
            ["limits"] = new JsonObject { ["budget_limit"] = new JsonObject { ["enabled"] = true, ["group_cap_usd"] = 50.5m, ["window_seconds"] = 31_622_400, ["soft"] = true } },
        }))["id"]!;
        var limits = new PolicyLimits(new(10_000, 2_000, TimeSpan.FromHours(1), Strict: true), null);
        BudgetRule everybody = new(new(rule), "Everybody", true, [], [], new(null, new(50_500_000_000, 0, TimeSpan.FromDays(366), false, Soft: true)));
        var caller = new Caller(ana.Id, "ana@example.com", new("peer"), [new GroupId(group)]);
        var caps = ApplicableCaps.Of(
            new(new(policy), "Work", true, caller.Groups, [], [], limits), new(group), ana.Id, ApplicableCaps.OfRules([everybody], caller, default), default);
        var reservations = plane.Services.GetRequiredService<IReservations>();
        var before = DateTimeOffset.UtcNow;
        foreach (var id in (string[])["ended", "in-flight"])
        {
            Assert.IsType<ReserveOutcome.Granted>(await reservations.ReserveAsync(
                new(new(id), caller, new(RequestKind.Messages, "claude-opus-5-5", false, 100, 400), [new(new(policy), "Work", new(group), new("a"), caps)]), default));
        }

        await reservations.SettleAsync(new("ended"), new(new TokenUsage(300, 40)), new(1_234_567_891));
        await Task.Delay(postgres ? 1_100 : 0);

        var counters = (await PlaneCalls.SendAsync(http, HttpMethod.Get, $"/api/agent-network/consumption?user={ana.Id}", null)).AsArray();

        Assert.Equal(3, counters.Count);
        var shared = counters.Single(counter => (string)counter!["scope"]! == "account")!;
        Assert.Equal(("Everybody", "budget_rule", "usd", 1.234567891m, 50.5m, 31_622_400L), (
            (string)shared["source_name"]!, (string)shared["source_kind"]!, (string)shared["unit"]!, (decimal)shared["used"]!, (decimal)shared["cap"]!, (long)shared["window_seconds"]!));
        Assert.Equal((false, true), ((bool)shared["strict"]!, (bool)shared["soft"]!));
        foreach (var (scope, name, cap) in new[] { ("user", "ana@example.com", 2_000m), ("group", "Engineering", 10_000m) })
        {
            var counter = counters.Single(one => (string)one!["scope"]! == scope)!;
            Assert.Equal((policy, "Work", "policy", name, "tokens"), (
                (string)counter["source_id"]!, (string)counter["source_name"]!, (string)counter["source_kind"]!, (string)counter["subject_name"]!, (string)counter["unit"]!));
            Assert.Equal((340m, 500m, cap, true), ((decimal)counter["used"]!, (decimal)counter["reserved"]!, (decimal)counter["cap"]!, (bool)counter["strict"]!));
            Assert.InRange((DateTimeOffset)counter["frees_up_at"]!, before.AddHours(1), DateTimeOffset.UtcNow.AddHours(1));
        }
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Sessions_AndTotals_OfAnyRange_AddUpToTheRequestsInIt(bool postgres)
    {
        await using var plane = postgres ? await RunningControlPlane.StartOnAsync(cluster) : await RunningControlPlane.StartAsync();
        using var http = await PlaneCalls.ClientAsync(plane);
        var journal = plane.Services.GetRequiredService<IUsageJournal>();
        for (var i = 0; i < 60; i++)
        {
            await journal.CompleteAsync(Rows.Row(i, i % 3 == 0 ? "bob" : "ann", i % 2 == 0 ? "eng" : "ops") with
            {
                SessionId = $"s{i % 4}", AgentId = i % 5 == 0 ? $"agent-{i % 10}" : null, Model = i % 7 == 0 ? "claude-haiku-4-5" : "claude-opus-5-5",
            });
        }

        // From the middle of a minute to the middle of another: requests 13 to 41.
        var range = $"from={Rows.Noon.AddMinutes(12.5):yyyy-MM-ddTHH:mm:ssZ}&to={Rows.Noon.AddMinutes(41.5):yyyy-MM-ddTHH:mm:ssZ}";
        var within = Enumerable.Range(13, 29).ToList();
        var sessions = (await PlaneCalls.SendAsync(http, HttpMethod.Get, $"/api/agent-network/access-log-sessions?{range}&page_size=100", null))["data"]!.AsArray();

        Assert.Equal(
            within.GroupBy(i => (Session: $"s{i % 4}", User: i % 3 == 0 ? "bob" : "ann"))
                .Select(one => $"{one.Key.Session} {one.Key.User} {one.Count()} {one.Count()} {one.Where(i => i % 5 == 0).Select(i => i % 10).Distinct().Count()} {140_000 * one.Count()}").Order(),
            sessions.Select(one => $"{one!["session_id"]} {one["user_id"]} {one["requests"]} {one["turns"]} {one["agents"]} {(long)((decimal)one["cost_usd"]! * NanoUsd.PerUsd)}").Order());
        foreach (var (by, key) in new (string, Func<int, string>)[]
        {
            ("user", i => i % 3 == 0 ? "bob" : "ann"), ("group", i => i % 2 == 0 ? "eng" : "ops"), ("model", i => i % 7 == 0 ? "claude-haiku-4-5" : "claude-opus-5-5"), ("provider", _ => "anthropic"),
        })
        {
            var totals = (await PlaneCalls.SendAsync(http, HttpMethod.Get, $"/api/agent-network/usage/overview?granularity=whole&group_by={by}&{range}", null))["data"]!.AsArray();
            Assert.Equal(
                within.GroupBy(key).Select(one => $"{one.Key} {one.Count()} {15 * one.Count()}").Order(),
                totals.Select(one => $"{one!["key"]} {one["requests"]} {one["total_tokens"]}").Order());
        }
    }
}
