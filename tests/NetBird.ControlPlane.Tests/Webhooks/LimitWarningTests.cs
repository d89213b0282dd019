using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using NetBird.ControlPlane.Tests.Store;
using NetBird.ControlPlane.Tests.Usage;
using NetBird.Gateway.Authorization;
using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Policy.Limits;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tests.Webhooks;

/// <summary>From a charge to somebody's receiver, with all that runs in between, over a receiver that fails and a restart.</summary>
public sealed class LimitWarningTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>
{
    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Warning_ReceiverFailsAndTheControlPlaneStartsAgain_ArrivesSignedOnce(bool postgres)
    {
        await using var receiver = await Receiver.StartAsync();
        await using var plane = postgres ? await RunningControlPlane.StartOnAsync(cluster) : await RunningControlPlane.StartAsync();
        using var http = await PlaneCalls.ClientAsync(plane);
        var made = await PlaneCalls.SendAsync(http, HttpMethod.Post, "/api/agent-network/webhooks", new JsonObject
        {
            ["name"] = "Ops", ["url"] = receiver.Url, ["enabled"] = true,
        });
        var secret = (string)made["secret"]!;
        var group = (string)(await PlaneCalls.SendAsync(http, HttpMethod.Post, "/api/groups", new JsonObject { ["name"] = "Engineering" }))["id"]!;
        var ana = await plane.AddPersonAsync("ana@example.com", groups: new GroupId(group));
        var policy = (string)(await PlaneCalls.SendAsync(http, HttpMethod.Post, "/api/agent-network/policies", new JsonObject
        {
            ["name"] = "Work", ["source_groups"] = new JsonArray(group),
            ["limits"] = new JsonObject { ["token_limit"] = new JsonObject { ["enabled"] = true, ["user_cap"] = 1_000, ["window_seconds"] = 3_600, ["soft"] = true } },
        }))["id"]!;
        receiver.Answers.Enqueue(500);

        await ChargeAsync(plane, ana.Id, group, policy, 900);

        // Written down, not only sent: what a process that ends in between held comes again after a minute.
        await Eventually.TrueAsync(
            async () => await PlaneCalls.SendAsync(http, HttpMethod.Get, $"/api/agent-network/webhooks/{made["id"]}/deliveries", null) is JsonArray { Count: 1 } log
                && (int)log[0]!["attempts"]! == 1,
            60);
        await plane.RestartAsync();
        await Eventually.TrueAsync(() => Task.FromResult(receiver.All.Count == 2), 60);

        // It is known to have been told: more use under the same threshold is no news.
        await ChargeAsync(plane, ana.Id, group, policy, 10);
        await Task.Delay(TimeSpan.FromSeconds(3));
        Assert.Equal(2, receiver.All.Count);
        Assert.Single(receiver.All.Select(received => received.Id).Distinct());
        Assert.All(receiver.All, received => Assert.True(received.IsSignedBy(secret)));
        var data = JsonNode.Parse(receiver.All.First().Body)!["data"]!;
        Assert.Equal(("Work", "user", "ana@example.com", 80, 90L), (
            (string)data["source_name"]!, (string)data["scope"]!, (string)data["subject_name"]!, (int)data["threshold"]!, (long)data["percent"]!));
    }

    /// <summary>As the gateway does it: room, the row, the settlement.</summary>
    private static async Task ChargeAsync(RunningControlPlane plane, UserId user, string group, string policy, long tokens)
    {
        var caller = new Caller(user, "ana@example.com", new("peer"), [new GroupId(group)]);
        var access = new AccessPolicy(
            new(policy), "Work", true, caller.Groups, [], [], new(new(0, 1_000, TimeSpan.FromHours(1), Strict: false, Soft: true), null));
        var candidate = new Candidate(
            access.Id, access.Name, new(group), new("a"), ApplicableCaps.Of(access, new(group), user, [], default));
        var reservations = plane.Services.GetRequiredService<IReservations>();
        var id = RequestId.New();
        Assert.IsType<ReserveOutcome.Granted>(await reservations.ReserveAsync(
            new(id, caller, new(RequestKind.Messages, "claude-opus-5-5", false, 100, 400), [candidate]), default));
        var usage = new RequestUsage(new TokenUsage(tokens, 0));
        await plane.Services.GetRequiredService<IUsageJournal>().CompleteAsync(Rows.Row(1) with
        {
            Id = id, Timestamp = DateTimeOffset.UtcNow, Duration = TimeSpan.Zero, User = user, Groups = [new(group)], ChargedGroup = new GroupId(group), Policy = access.Id, Usage = usage,
        });
        await reservations.SettleAsync(id, usage, default);
    }
}
