using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.ControlPlane.GatewayHosting;
using NetBird.ControlPlane.Raises;
using NetBird.ControlPlane.Users;
using NetBird.Policy.Limits;

namespace NetBird.ControlPlane.Tests.AdminApi;

public sealed class LimitRaiseTests : IAsyncLifetime
{
    private const string Path = "/api/agent-network/limit-raises";

    private AdminServer _server = null!; // set by InitializeAsync
    private string _policy = "";

    public async Task InitializeAsync()
    {
        _server = await AdminServer.StartAsync();
        var made = await _server.PostAsync("/api/agent-network/policies", new
        {
            name = "Engineering", enabled = true,
            limits = new { budget_limit = new { enabled = true, user_cap_usd = 10, window_seconds = 86400 } },
        });
        _policy = (string)made["id"]!;
    }

    public Task DisposeAsync() => _server.DisposeAsync().AsTask();

    [Fact]
    public async Task Raise_Given_HoldsUntilItsEnd_ThenEndsByItself_BothInTheAuditLog()
    {
        var raise = await _server.PostAsync(
            Path, new { source_id = _policy, scope = "user", unit = "usd", amount = 5.5, duration_seconds = 3600, reason = "Release week" }, Role.Admin);
        var now = _server.State.Time.GetUtcNow();

        Assert.Equal(now.AddHours(1), (DateTimeOffset)raise["ends_at"]!);
        Assert.True((bool)raise["active"]!);
        Assert.Equal("Test Admin", (string)raise["created_by"]!);
        Assert.Equal("Engineering", (string)raise["source_name"]!);
        Assert.Equal(15_500_000_000, CapAt(now));
        Assert.Equal(10_000_000_000, CapAt(now.AddHours(1)));

        using var upkeep = new RaiseUpkeep(_server.Store, _server.State.Time, NullLogger<RaiseUpkeep>.Instance);
        Assert.Equal(0, await upkeep.RunOnceAsync(default));
        _server.State.Time.Advance(TimeSpan.FromHours(1));
        await upkeep.RunOnceAsync(default);

        Assert.Empty((await _server.GetAsync(Path)).AsArray());
        var audit = (await _server.GetAsync("/api/events/audit?search=limit_raise")).AsArray();
        Assert.Equal(["limit_raise.delete", "limit_raise.add"], audit.Select(entry => (string)entry!["activity_code"]!));
        Assert.Equal(["system", "Test Admin"], audit.Select(entry => (string)entry!["initiator_name"]!));
    }

    [Fact]
    public async Task Raise_ThatWouldEndAfterAllTimes_IsRefusedInWords()
    {
        using var answer = await _server.SendAsync(
            HttpMethod.Post, Path, new { source_id = _policy, amount = 1, starts_at = "9999-12-31T23:59:50Z", duration_seconds = 3600 });

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("ends_at", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Raise_EndedEarly_IsGoneAtOnce()
    {
        var raise = await _server.PostAsync(Path, new { source_id = _policy, amount = 1, duration_seconds = 60 });

        await _server.OkAsync(HttpMethod.Delete, $"{Path}/{(string)raise["id"]!}");

        Assert.Equal(10_000_000_000, CapAt(_server.State.Time.GetUtcNow()));
        using var again = await _server.SendAsync(HttpMethod.Delete, $"{Path}/{(string)raise["id"]!}", null);
        Assert.Equal(HttpStatusCode.NotFound, again.StatusCode);
    }

    [Fact]
    public async Task Raise_BadInput_IsToldFieldByField_AndNothingIsRaised()
    {
        using var response = await _server.SendAsync(
            HttpMethod.Post, Path, new { source_id = _policy, scope = "group", subject_id = "nobody", unit = "tokens", amount = 0, ends_at = "2001-01-01" });

        var errors = (await JsonNode.ParseAsync(await response.Content.ReadAsStreamAsync()))!["errors"]!.AsObject();
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal(["amount", "ends_at", "scope", "subject_id"], errors.Select(error => error.Key).Order(StringComparer.Ordinal));
        Assert.Empty(_server.Store.Current.LimitRaises);
        using var refused = await _server.SendAsync(HttpMethod.Post, Path, new { }, Role.Auditor);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
    }

    [Fact]
    public async Task Limit_SoftAndStrict_IsRefused()
    {
        using var response = await _server.SendAsync(HttpMethod.Put, "/api/agent-network/policies/" + _policy, new
        {
            limits = new { budget_limit = new { user_cap_usd = 1, strict = true, soft = true } },
        });

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("limits.budget_limit.soft", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    private long CapAt(DateTimeOffset at)
    {
        var snapshot = GatewaySnapshots.Build(_server.Store.Current, _ => new("http://127.0.0.1")).Policies;
        return ApplicableCaps.Of(snapshot.Policies.Single(), new("eng"), new("ann"), [], new(snapshot.Raises, at)).Single().Limit;
    }
}
