using System.Text.Json.Nodes;
using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using NetBird.ControlPlane.Peers;
using NetBird.ControlPlane.Tests.AgentApi;
using NetBird.Protocol.Agent.V1;

namespace NetBird.ControlPlane.Tests.Peers;

/// <summary>Machines as an administrator has them: what REST says of them and does to them, beside the agent that hears of it.</summary>
public sealed class MachineTests : IAsyncLifetime
{
    private RunningControlPlane _plane = null!; // set by InitializeAsync
    private HttpClient _http = null!;
    private TestAgent _agent = null!;

    public async Task InitializeAsync()
    {
        _plane = await RunningControlPlane.StartAsync();
        _http = await PlaneCalls.ClientAsync(_plane);
        _agent = new(_plane.Url);
        await _plane.AddPersonAsync("ana@example.com");
    }

    public async Task DisposeAsync()
    {
        _agent.Dispose();
        _http.Dispose();
        await _plane.DisposeAsync();
    }

    [Fact]
    public async Task Machine_FromItsEnrolmentToItsEnd_IsWhatRestSays()
    {
        var id = (await _agent.EnrolAsync(await _agent.LogInAsync("ana@example.com"))).PeerId;
        var path = "/api/peers/" + id;
        var fresh = await GetAsync(path);
        Assert.Equal(("laptop", "linux", "1.2.3", "userspace", "ana@example.com"), (
            (string)fresh["hostname"]!, (string)fresh["os"]!, (string)fresh["version"]!, (string)fresh["tunnel_kind"]!, (string)fresh["user_email"]!));
        Assert.Equal((false, true, false), ((bool)fresh["connected"]!, (bool)fresh["login_expiration_enabled"]!, (bool)fresh["login_expired"]!));
        Assert.InRange(DateTimeOffset.Parse((string)fresh["last_seen"]!, null), DateTimeOffset.UtcNow.AddMinutes(-1), DateTimeOffset.UtcNow.AddMinutes(1));

        using var sync = _agent.Client.Sync(new SyncRequest { Machine = TestAgent.Laptop, StaysWhileBlocked = true }, await _agent.ProofAsync("Sync"));
        Assert.Equal("100.64.0.2", Assert.Single((await NextAsync(sync)).Map.Addresses));
        Assert.True((bool)(await GetAsync(path))["connected"]!);

        // Renamed, and given a group of its own: the machine hears of its groups.
        await PutAsync(path, new() { ["name"] = "Ana's laptop" });
        var group = (string)(await PlaneCalls.SendAsync(_http, HttpMethod.Post, "/api/groups", new JsonObject { ["name"] = "Build machines", ["peers"] = new JsonArray(id) }))["id"]!;
        Assert.Contains("Build machines", (await NextAsync(sync)).Map.GroupNames);
        var shown = await GetAsync(path);
        Assert.Equal("Ana's laptop", (string)shown["name"]!);
        Assert.Contains(shown["groups"]!.AsArray(), one => (string)one!["id"]! == group);
        Assert.Equal(id, (string)Assert.Single((await GetAsync($"/api/groups/{group}"))["peers"]!.AsArray())!["id"]!);

        // Blocked, and let in again; not approved, and approved.
        await PutAsync(path, new() { ["blocked"] = true });
        Assert.Contains("blocked", (await NextAsync(sync)).Blocked.Detail, StringComparison.Ordinal);
        await PutAsync(path, new() { ["blocked"] = false });
        Assert.NotNull((await NextAsync(sync)).Map);
        await PutAsync(path, new() { ["approval_required"] = true });
        Assert.Contains("approval", (await NextAsync(sync)).Blocked.Detail, StringComparison.Ordinal);
        await PutAsync(path, new() { ["approval_required"] = false });
        Assert.NotNull((await NextAsync(sync)).Map);

        // Deleted: the stream ends, and the key is one that nobody enrolled.
        await PlaneCalls.SendAsync(_http, HttpMethod.Delete, path, null);
        await RefusedAsync(StatusCode.NotFound, () => NextAsync(sync));
        await RefusedAsync(StatusCode.NotFound, async () => await _agent.Client.GetBudgetAsync(new(), await _agent.ProofAsync("GetBudget")));
        Assert.Empty((await GetAsync("/api/peers")).AsArray());
        Assert.Empty((await GetAsync($"/api/groups/{group}"))["peers"]!.AsArray());
    }

    [Fact]
    public async Task Approval_WhereTheAccountAsksForIt_IsWaitedFor()
    {
        await PutAsync("/api/agent-network/settings", new() { ["peer_approval_required"] = true });
        var id = (await _agent.EnrolAsync(await _agent.LogInAsync("ana@example.com"))).PeerId;
        Assert.True((bool)(await GetAsync("/api/peers/" + id))["approval_required"]!);
        using (var waiting = await _agent.SyncAsync())
        {
            await RefusedAsync(StatusCode.PermissionDenied, () => NextAsync(waiting));
        }

        await PutAsync("/api/peers/" + id, new() { ["approval_required"] = false });

        using var sync = await _agent.SyncAsync();
        Assert.NotNull((await NextAsync(sync)).Map);
    }

    [Fact]
    public async Task Lists_ByPersonAddressAndText_FindTheMachine()
    {
        var bob = await _plane.AddPersonAsync("bob@example.com");
        using var other = new TestAgent(_plane.Url);
        await _agent.EnrolAsync(await _agent.LogInAsync("ana@example.com"));
        var id = (await other.EnrolAsync(await other.LogInAsync("bob@example.com"))).PeerId;
        await PutAsync("/api/peers/" + id, new() { ["name"] = "Workshop" });

        foreach (var filter in (string[])[$"user={bob.Id}", "ip=100.64.0.3", "name=workshop", "search=ORKSH"])
        {
            Assert.Equal(id, (string)Assert.Single((await GetAsync("/api/peers?" + filter)).AsArray())!["id"]!);
        }

        Assert.Equal(2, (await GetAsync("/api/peers?search=laptop")).AsArray().Count);
    }

    /// <summary>The shortest of a person's groups counts, else the account's; and where neither says so, a login does not end.</summary>
    [Fact]
    public async Task LoginExpiry_OfTheGroups_IsTheShortest()
    {
        await PutAsync("/api/agent-network/settings", new() { ["login_expiry_seconds"] = 7200 });
        Assert.InRange(await ExpiresInAsync(), 7100, 7200);
        var day = await GroupAsync("Day", 86400);
        await JoinAsync(day);
        Assert.InRange(await ExpiresInAsync(), 86300, 86400);
        await JoinAsync(day, await GroupAsync("Minutes", 300), await GroupAsync("Hour", 3600));
        Assert.InRange(await ExpiresInAsync(), 200, 300);
        await JoinAsync();
        await PutAsync("/api/agent-network/settings", new() { ["login_expiry_enabled"] = false });
        Assert.Equal(0, (await _agent.EnrolAsync(await _agent.LogInAsync("ana@example.com"))).LoginExpiresAt);
    }

    [Fact]
    public async Task SetupKey_OfRest_GivesItsGroupsAsOftenAsItSays_UntilItIsRevoked()
    {
        var group = await GroupAsync("CI", 3600);
        var key = await PlaneCalls.SendAsync(_http, HttpMethod.Post, "/api/setup-keys", new JsonObject
        {
            ["name"] = "ci", ["usage_limit"] = 2, ["expires_in"] = 3600, ["auto_groups"] = new JsonArray(group), ["ephemeral"] = true,
        });
        var (secret, path) = ((string)key["key"]!, "/api/setup-keys/" + (string)key["id"]!);
        var first = await _agent.EnrolAsync(setupKey: secret);
        using (var second = new TestAgent(_plane.Url))
        {
            await second.EnrolAsync(setupKey: secret);
        }

        var machine = await GetAsync("/api/peers/" + first.PeerId);
        Assert.Contains(machine["groups"]!.AsArray(), one => (string)one!["name"]! == "CI");
        Assert.True((bool)machine["ephemeral"]!);
        Assert.Equal((2, "overused"), ((int)(await GetAsync(path))["used_times"]!, (string)(await GetAsync(path))["state"]!));
        using var third = new TestAgent(_plane.Url);
        await RefusedAsync(StatusCode.Unauthenticated, () => third.EnrolAsync(setupKey: secret));
        await PutAsync(path, new() { ["revoked"] = true });
        Assert.Equal("revoked", (string)(await GetAsync(path))["state"]!);

        // What is enrolled stays, until it falls silent.
        using var sync = await _agent.SyncAsync();
        Assert.Contains("CI", (await NextAsync(sync)).Map.GroupNames);
    }

    [Fact]
    public async Task Ephemeral_ThatFellSilent_Goes_AndOneThatIsHeardOrIsNoneStays()
    {
        await PutAsync("/api/agent-network/settings", new() { ["ephemeral_silence_seconds"] = 600 });
        var secret = (string)(await PlaneCalls.SendAsync(_http, HttpMethod.Post, "/api/setup-keys", new JsonObject { ["name"] = "ci", ["ephemeral"] = true }))["key"]!;
        using var heard = new TestAgent(_plane.Url);
        using var lasting = new TestAgent(_plane.Url);
        var silent = await _agent.EnrolAsync(setupKey: secret);
        var stays = await heard.EnrolAsync(setupKey: secret);
        var person = await lasting.EnrolAsync(await lasting.LogInAsync("ana@example.com"));
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        var activity = new PeerActivity(clock);
        var upkeep = new PeerUpkeep(_plane.Store, activity, clock, NullLogger<PeerUpkeep>.Instance);
        using var connection = activity.Connected(new(stays.PeerId));

        clock.Advance(TimeSpan.FromSeconds(590));
        Assert.Equal(0, await upkeep.RunOnceAsync(default));
        clock.Advance(TimeSpan.FromSeconds(20));
        Assert.Equal(1, await upkeep.RunOnceAsync(default));

        Assert.Equal(new[] { stays.PeerId, person.PeerId }.Order(), (await GetAsync("/api/peers")).AsArray().Select(peer => (string)peer!["id"]!).Order());
        Assert.DoesNotContain(_plane.Store.Current.Peers.Keys, id => id.Value == silent.PeerId);
    }

    private async Task<long> ExpiresInAsync()
        => (await _agent.EnrolAsync(await _agent.LogInAsync("ana@example.com"))).LoginExpiresAt - DateTimeOffset.UtcNow.ToUnixTimeSeconds();

    private async Task<string> GroupAsync(string name, int seconds)
        => (string)(await PlaneCalls.SendAsync(_http, HttpMethod.Post, "/api/groups", new JsonObject { ["name"] = name, ["login_expiry_seconds"] = seconds }))["id"]!;

    private Task JoinAsync(params string[] groups)
        => PutAsync($"/api/users/{_plane.Store.Current.FindEmbeddedUser("ana@example.com")!.Id}", new() { ["auto_groups"] = new JsonArray([.. groups.Select(id => (JsonNode)id)]) });

    private Task<JsonNode> GetAsync(string path) => PlaneCalls.SendAsync(_http, HttpMethod.Get, path, null);

    private Task PutAsync(string path, JsonObject body) => PlaneCalls.SendAsync(_http, HttpMethod.Put, path, body);

    /// <summary>The next word that is no heartbeat.</summary>
    private static async Task<SyncUpdate> NextAsync(AsyncServerStreamingCall<SyncUpdate> sync)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        do
        {
            Assert.True(await sync.ResponseStream.MoveNext(limit.Token));
        }
        while (sync.ResponseStream.Current.UpdateCase == SyncUpdate.UpdateOneofCase.Heartbeat);
        return sync.ResponseStream.Current;
    }

    private static async Task RefusedAsync(StatusCode code, Func<Task> call)
        => Assert.Equal(code, (await Assert.ThrowsAsync<RpcException>(call)).StatusCode);
}
