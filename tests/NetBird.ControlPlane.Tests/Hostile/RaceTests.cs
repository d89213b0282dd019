using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Grpc.Core;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Tests.AgentApi;
using NetBird.ControlPlane.Tests.Store;

namespace NetBird.ControlPlane.Tests.Hostile;

/// <summary>
/// Things that are used at the moment they are taken away: once the taking away is answered, no use succeeds, and whatever
/// won, nothing names what is gone.
/// </summary>
public sealed class RaceTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>
{
    private const int Rounds = 5;
    private const string UserSchema = "urn:ietf:params:scim:schemas:core:2.0:User";
    private const string GroupSchema = "urn:ietf:params:scim:schemas:core:2.0:Group";
    private const string Patch = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Races_OfDeleteAndUse_LeaveNothingThatNamesWhatIsGone(bool postgres)
    {
        Skip.If(postgres && cluster.Missing is not null, cluster.Missing);
        await using var world = await HostileWorld.StartAsync(postgres ? await cluster.CreateDatabaseAsync() : "");
        for (var round = 0; round < Rounds; round++)
        {
            await TokensAsync(world, round);
            await SetupKeysAsync(world, round);
            await MachinesAsync(world, round);
            await ReferencesAsync(world, round);
            await PushedAsync(world, round);
        }

        Whole(await world.StoredAsync());
    }

    /// <summary>A token used by eight callers while it is revoked; and one that is made while its person is deleted.</summary>
    private static async Task TokensAsync(HostileWorld world, int round)
    {
        var bot = await IdAsync(world, "/api/users", new { name = $"Racer {round}", is_service_user = true, role = "auditor" });
        var made = await world.Plane.SendAsync(HttpMethod.Post, $"/api/users/{bot}/tokens", new { name = "t" });
        var token = made.GetProperty("personal_access_token").GetProperty("id").GetString();
        using var http = new HttpClient { BaseAddress = world.Plane.Url };
        http.DefaultRequestHeaders.Authorization = new("Token", made.GetProperty("plain_token").GetString());
        var revoked = false;
        using var stop = new CancellationTokenSource();
        var uses = Enumerable.Range(0, 8).Select(async _ =>
        {
            while (!stop.IsCancellationRequested)
            {
                var after = Volatile.Read(ref revoked);
                using var answer = await http.GetAsync("/api/groups?page_size=1");
                Assert.True(answer.StatusCode == HttpStatusCode.Unauthorized || (!after && answer.IsSuccessStatusCode), $"{answer.StatusCode} {after}");
                if (after)
                {
                    return;
                }
            }
        }).ToList();
        await world.Plane.SendAsync(HttpMethod.Delete, $"/api/users/{bot}/tokens/{token}", null);
        Volatile.Write(ref revoked, true);
        await Task.WhenAll(uses);
        await stop.CancelAsync();

        await Task.WhenAll(
            AnyAsync(world, HttpMethod.Delete, "/api/users/" + bot, null),
            AnyAsync(world, HttpMethod.Post, $"/api/users/{bot}/tokens", new { name = "late" }),
            AnyAsync(world, HttpMethod.Put, "/api/users/" + bot, new { name = "Renamed late" }));
    }

    /// <summary>Eight machines enrol by a key that is good for three and revoked meanwhile; and by one that is deleted.</summary>
    private static async Task SetupKeysAsync(HostileWorld world, int round)
    {
        foreach (var how in (string[])["revoke", "delete"])
        {
            var key = await world.Plane.SendAsync(HttpMethod.Post, "/api/setup-keys", new { name = $"{how} {round}", usage_limit = 3, expires_in = 3600 });
            var path = "/api/setup-keys/" + key.GetProperty("id").GetString();
            var secret = key.GetProperty("key").GetString();
            var enrolled = await Task.WhenAll([.. Enumerable.Range(0, 8).Select(async _ =>
            {
                using var agent = new TestAgent(world.Plane.Url);
                try
                {
                    await agent.EnrolAsync(setupKey: secret);
                    return true;
                }
                catch (RpcException refused) when (refused.StatusCode is StatusCode.Unauthenticated or StatusCode.PermissionDenied or StatusCode.Unavailable)
                {
                    return false;
                }
            }), EndAsync()]);

            Assert.InRange(enrolled.Count(done => done) - 1, 0, 3);
            using var late = new TestAgent(world.Plane.Url);
            await Assert.ThrowsAsync<RpcException>(() => late.EnrolAsync(setupKey: secret));

            async Task<bool> EndAsync()
            {
                await (how == "revoke"
                    ? world.Plane.SendAsync(HttpMethod.Put, path, new { revoked = true })
                    : world.Plane.SendAsync(HttpMethod.Delete, path, null));
                return true;
            }
        }
    }

    /// <summary>A machine that syncs, asks for its budget and is changed while it is deleted.</summary>
    private static async Task MachinesAsync(HostileWorld world, int round)
    {
        var secret = (await world.Plane.SendAsync(HttpMethod.Post, "/api/setup-keys", new { name = $"machines {round}", expires_in = 3600 })).GetProperty("key").GetString();
        using var agent = new TestAgent(world.Plane.Url);
        var path = "/api/peers/" + (await agent.EnrolAsync(setupKey: secret)).PeerId;
        using var sync = await agent.SyncAsync();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        Assert.True(await sync.ResponseStream.MoveNext(limit.Token));
        var proof = await agent.ProofAsync("GetBudget");
        await Task.WhenAll(
            world.Plane.SendAsync(HttpMethod.Delete, path, null),
            AnyAsync(world, HttpMethod.Put, path, new { name = "late" }),
            Task.Run(async () =>
            {
                try
                {
                    await agent.Client.GetBudgetAsync(new(), proof);
                }
                catch (RpcException refused) when (refused.StatusCode == StatusCode.NotFound)
                {
                }
            }));

        var ended = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (await sync.ResponseStream.MoveNext(limit.Token))
            {
            }
        });
        Assert.Equal(StatusCode.NotFound, ended.StatusCode);
        var after = await agent.ProofAsync("GetBudget");
        Assert.Equal(StatusCode.NotFound, (await Assert.ThrowsAsync<RpcException>(async () => await agent.Client.GetBudgetAsync(new(), after))).StatusCode);
    }

    /// <summary>Groups, providers and guardrails deleted while a policy, a rule, a setup key or a person takes them up.</summary>
    private static async Task ReferencesAsync(HostileWorld world, int round)
    {
        var group = await IdAsync(world, "/api/groups", new { name = $"Passing {round}" });
        var provider = await IdAsync(world, "/api/agent-network/providers", new { name = $"Passing {round}", provider_id = "sample" });
        var guardrail = await IdAsync(world, "/api/agent-network/guardrails", new { name = $"Passing {round}" });
        var person = await IdAsync(world, "/api/users", new { email = $"passing{round}@example.com", password = "a long enough sentence" });
        await Task.WhenAll(
            AnyAsync(world, HttpMethod.Delete, "/api/groups/" + group, null),
            AnyAsync(world, HttpMethod.Post, "/api/agent-network/policies", new
            {
                name = $"Racing {round}", source_groups = new[] { group }, destination_provider_ids = new[] { provider }, guardrail_ids = new[] { guardrail },
            }),
            AnyAsync(world, HttpMethod.Delete, "/api/agent-network/providers/" + provider, null),
            AnyAsync(world, HttpMethod.Post, "/api/agent-network/budget-rules", new { name = $"Racing {round}", target_groups = new[] { group }, target_users = new[] { person } }),
            AnyAsync(world, HttpMethod.Delete, "/api/agent-network/guardrails/" + guardrail, null),
            AnyAsync(world, HttpMethod.Post, "/api/setup-keys", new { name = $"Racing {round}", auto_groups = new[] { group } }),
            AnyAsync(world, HttpMethod.Put, "/api/users/" + person, new { auto_groups = new[] { group } }),
            AnyAsync(world, HttpMethod.Delete, "/api/users/" + person, null));
    }

    /// <summary>SCIM puts somebody into a group whom SCIM and REST delete at that moment.</summary>
    private static async Task PushedAsync(HostileWorld world, int round)
    {
        using var scim = new HttpClient { BaseAddress = world.Plane.Url };
        scim.DefaultRequestHeaders.Authorization = new("Bearer", world.Fill("{scim}"));
        async Task<string> PushAsync(string kind, object resource)
        {
            using var answer = await scim.PostAsJsonAsync("/scim/v2/" + kind, resource);
            return (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString()!;
        }

        var person = await PushAsync("Users", new { schemas = new[] { UserSchema }, userName = $"pushed{round}@example.com" });
        var group = await PushAsync("Groups", new { schemas = new[] { GroupSchema }, displayName = $"Pushed {round}" });
        var statuses = await Task.WhenAll(
            StatusAsync(scim.PatchAsJsonAsync("/scim/v2/Groups/" + group, new { schemas = new[] { Patch }, Operations = new[] { new { op = "add", path = "members", value = new[] { new { value = person } } } } })),
            StatusAsync(scim.DeleteAsync("/scim/v2/Users/" + person)),
            StatusAsync(scim.PatchAsJsonAsync("/scim/v2/Users/" + person, new { schemas = new[] { Patch }, Operations = new[] { new { op = "replace", path = "title", value = "late" } } })),
            StatusAsync(scim.DeleteAsync("/scim/v2/Groups/" + group)));

        Assert.DoesNotContain(statuses, status => status >= 500);
    }

    private static async Task<int> StatusAsync(Task<HttpResponseMessage> call)
    {
        using var answer = await call;
        return (int)answer.StatusCode;
    }

    private static async Task<string> IdAsync(HostileWorld world, string path, object body)
        => (await world.Plane.SendAsync(HttpMethod.Post, path, body)).GetProperty("id").GetString()!;

    /// <summary>Whichever way it went; but never a fault of ours.</summary>
    private static async Task AnyAsync(HostileWorld world, HttpMethod method, string path, object? body)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body) };
        using var answer = await world.Plane.Admin.SendAsync(request);
        Assert.True((int)answer.StatusCode < 500, $"{method} {path}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
    }

    /// <summary>Every id that a record names is a record's.</summary>
    private static void Whole(Configuration now)
    {
        Assert.All(now.Users.Values, user => Assert.Empty(user.OwnGroups().Where(id => !now.Groups.ContainsKey(id))));
        Assert.All(now.Peers.Values, peer =>
        {
            Assert.True(now.Users.ContainsKey(peer.User), peer.Id.Value);
            Assert.Empty(peer.Groups.Where(id => !now.Groups.ContainsKey(id)));
        });
        Assert.All(now.AccessTokens.Values, token => Assert.True(now.Users.ContainsKey(token.User), token.Id.Value));
        Assert.All(now.SetupKeys.Values, key =>
        {
            Assert.True(now.Users.ContainsKey(key.ServiceUser), key.Id.Value);
            Assert.Empty(key.AutoGroups.Where(id => !now.Groups.ContainsKey(id)));
            Assert.True(key.UsageLimit == 0 || key.UsedTimes <= key.UsageLimit, key.Id.Value);
        });
        Assert.All(now.Policies.Values, policy =>
        {
            Assert.Empty(policy.SourceGroups.Where(id => !now.Groups.ContainsKey(id)));
            Assert.Empty(policy.Providers.Where(id => !now.Providers.ContainsKey(id)));
            Assert.Empty(policy.Guardrails.Where(id => !now.Guardrails.ContainsKey(id)));
        });
        Assert.All(now.BudgetRules.Values, rule =>
        {
            Assert.Empty(rule.TargetGroups.Where(id => !now.Groups.ContainsKey(id)));
            Assert.Empty(rule.TargetUsers.Where(id => !now.Users.ContainsKey(id)));
        });
        Assert.Equal(now.Peers.Count, now.Peers.Values.Select(peer => peer.OverlayAddress).Distinct().Count());
    }
}
