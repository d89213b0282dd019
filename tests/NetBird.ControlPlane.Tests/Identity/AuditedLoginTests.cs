using System.Text.Json.Nodes;
using Grpc.Core;
using NetBird.ControlPlane.Tests.AgentApi;

namespace NetBird.ControlPlane.Tests.Identity;

/// <summary>Every login is in the audit log, whichever door it came by, and so is one that was refused: who, from where, and no secret.</summary>
public sealed class AuditedLoginTests : IAsyncLifetime
{
    private RunningControlPlane _plane = null!; // set by InitializeAsync
    private HttpClient _http = null!;

    public async Task InitializeAsync()
    {
        _plane = await RunningControlPlane.StartAsync();
        _http = await PlaneCalls.ClientAsync(_plane);
        await _plane.AddPersonAsync("ana@example.com");
    }

    public async Task DisposeAsync()
    {
        _http.Dispose();
        await _plane.DisposeAsync();
    }

    [Fact]
    public async Task Logins_ByEachDoor_AreInTheLog()
    {
        using var browser = new Browser(_plane.Url);
        using var client = new NativeClient(_plane.Url);
        await browser.OpenAsync(client.AuthorizeUrl());
        await browser.LogInAsync("ana@example.com", "not this one");
        await NewestAsync("user.login_refused", "ana@example.com");
        await browser.LogInAsync("ana@example.com");
        await NewestAsync("user.login", "ana@example.com");

        using var agent = new TestAgent(_plane.Url);
        var token = await agent.LogInAsync("ana@example.com");
        await agent.EnrolAsync(token);
        var enrolled = await NewestAsync("peer.enrol", "laptop");
        Assert.Equal(("ana@example.com", "127.0.0.1"), ((string)enrolled["initiator_name"]!, (string)enrolled["initiator_address"]!));
        await agent.Client.RenewLoginAsync(new() { IdToken = token }, await agent.ProofAsync("RenewLogin"));
        Assert.Contains("renewed for laptop", (string)(await NewestAsync("user.login", "ana@example.com"))["detail"]!, StringComparison.Ordinal);

        using var stranger = new TestAgent(_plane.Url);
        await Assert.ThrowsAsync<RpcException>(() => stranger.EnrolAsync(setupKey: "nbs_0123456789abcdefghijklmnopqrstuvwxyz"));
        var refused = await NewestAsync("peer.enrol_refused", "laptop");
        Assert.DoesNotContain("nbs_", refused.ToJsonString(), StringComparison.Ordinal);

        // A change says who made it, and what was before and after.
        await PlaneCalls.SendAsync(_http, HttpMethod.Put, "/api/agent-network/settings", new JsonObject { ["account_name"] = "Acme" });
        var change = await NewestAsync("settings.update", "settings");
        Assert.Equal(("NetBird", "Acme", "Administrator"), (
            (string?)change["before"]?["account_name"], (string?)change["after"]?["account_name"], (string)change["initiator_name"]!));
    }

    [Fact]
    public async Task SetupKeys_ThatDoNotWork_FillTheLogNoFasterThanAPace()
    {
        var before = await TotalAsync();
        var tooMany = 0;
        for (var i = 0; i < 90; i++)
        {
            using var agent = new TestAgent(_plane.Url);
            var refusal = await Assert.ThrowsAsync<RpcException>(() => agent.EnrolAsync(setupKey: $"nbs_{i:D36}"));
            tooMany += refusal.StatusCode == StatusCode.Unavailable ? 1 : 0;
        }

        Assert.True(tooMany > 0, "All were looked at.");
        Assert.Equal(before + 90 - tooMany, await TotalAsync());
    }

    private async Task<JsonNode> NewestAsync(string action, string target)
    {
        var rows = (await PlaneCalls.SendAsync(_http, HttpMethod.Get, $"/api/events/audit?activity_code={action}", null)).AsArray();
        Assert.NotEmpty(rows);
        Assert.Equal(target, (string)rows[0]!["target_name"]!);
        Assert.DoesNotContain(RunningControlPlane.Password, rows.ToJsonString(), StringComparison.Ordinal);
        return rows[0]!;
    }

    private async Task<int> TotalAsync()
    {
        using var answer = await _http.GetAsync("/api/events/audit?activity_code=peer.enrol_refused");
        return int.Parse(answer.Headers.GetValues("X-Total-Count").Single(), System.Globalization.CultureInfo.InvariantCulture);
    }
}
