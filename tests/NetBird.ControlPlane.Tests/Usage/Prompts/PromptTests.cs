using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Tests.Store;
using NetBird.ControlPlane.Tokens;
using NetBird.ControlPlane.Usage.Prompts;
using NetBird.ControlPlane.Users;
using NetBird.Gateway.Capture;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tests.Usage.Prompts;

/// <summary>Kept prompts: sealed at rest, looked at by few, every look in the audit log.</summary>
public sealed class PromptTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>
{
    private const string Said = "the merger is on Friday";

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Prompt_Kept_IsSealedAtRestAndEveryLookIsAudited(bool postgres)
    {
        await using var plane = postgres ? await RunningControlPlane.StartOnAsync(cluster) : await RunningControlPlane.StartAsync();
        using var http = await PlaneCalls.ClientAsync(plane);
        var ana = await plane.AddPersonAsync("ana@example.com");
        var vault = plane.Services.GetRequiredService<IPromptVault>();
        await vault.KeepAsync(Prompt("r1", ana.Id, Said), default);
        await vault.KeepAsync(Prompt("r2", ana.Id, "something else"), default);

        var list = await PlaneCalls.RunAsync(plane, "prompt", "list", "--user", "ana@example.com");
        var shown = await PlaneCalls.RunAsync(plane, "prompt", "show", "r1");

        Assert.Equal(0, list.Code);
        Assert.Equal(3, list.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.DoesNotContain(Said, list.Output, StringComparison.Ordinal);
        Assert.Equal(0, shown.Code);
        Assert.Equal(Said, (string)JsonNode.Parse(shown.Output)!["prompt"]!["messages"]![0]!["content"]!);
        var looks = (await PlaneCalls.SendAsync(http, HttpMethod.Get, "/api/events/audit?activity_code=prompt.read", null)).AsArray();
        var look = Assert.Single(looks)!;
        Assert.Equal(("r1", "ana@example.com"), ((string)look["target_id"]!, (string)look["target_name"]!));
        Assert.DoesNotContain(Said, look.ToJsonString(), StringComparison.Ordinal);
        Assert.Equal(1, (await PlaneCalls.RunAsync(plane, "prompt", "show", "unheard-of")).Code);

        // Nothing of it lies open, in either store, and one prompt cannot pass for another.
        var store = plane.Services.GetRequiredService<IPromptStore>();
        var first = (await store.FindAsync(new("r1"), default))!;
        Assert.False(Encoding.UTF8.GetString(first.Sealed).Contains("merger", StringComparison.Ordinal));
        foreach (var file in Directory.GetFiles(plane.Options.StateDirectory, "*.db"))
        {
            await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var copy = new MemoryStream();
            await stream.CopyToAsync(copy);
            Assert.True(copy.GetBuffer().AsSpan().IndexOf("merger"u8) < 0, file);
        }

        Assert.NotNull(plane.Services.GetRequiredService<PromptVault>().Open(first));
        Assert.Null(plane.Services.GetRequiredService<PromptVault>().Open(first with { Request = new("r2") }));

        // They go by their own time, whatever becomes of rows and sums.
        Assert.Equal(0, await store.DropAsync(DateTimeOffset.UtcNow.AddDays(-1), default));
        Assert.Equal(2, await store.DropAsync(DateTimeOffset.UtcNow.AddMinutes(1), default));
        Assert.Null(await store.FindAsync(new("r1"), default));
    }

    [Fact]
    public async Task Prompt_AskedForByOthers_IsRefusedAndNoLook()
    {
        await using var plane = await RunningControlPlane.StartAsync();
        var ana = await plane.AddPersonAsync("ana@example.com");
        await plane.Services.GetRequiredService<IPromptVault>().KeepAsync(Prompt("r1", ana.Id, Said), default);
        foreach (var (role, listed) in ((Role, HttpStatusCode)[])[(Role.User, HttpStatusCode.Forbidden), (Role.Auditor, HttpStatusCode.OK)])
        {
            var secret = SecretHash.NewSecret(SecretHash.AccessTokenPrefix);
            await plane.Store.CommitAsync(Actor.System, draft =>
            {
                draft.Users.Put(new() { Id = new("test-" + role), Name = "Test", Role = role, IsServiceUser = true });
                draft.AccessTokens.Put(new() { Id = AccessTokenId.New(), Name = "test", User = new("test-" + role), Hash = SecretHash.Of(secret) });
                return true;
            }, default);
            using var http = new HttpClient { BaseAddress = plane.Url };
            http.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", "Token " + secret);

            using var list = await http.GetAsync(new Uri("/api/agent-network/prompts", UriKind.Relative));
            using var one = await http.GetAsync(new Uri("/api/agent-network/prompts/r1", UriKind.Relative));

            Assert.Equal((listed, HttpStatusCode.Forbidden), (list.StatusCode, one.StatusCode));
        }

        using var owner = await PlaneCalls.ClientAsync(plane);
        Assert.Empty((await PlaneCalls.SendAsync(owner, HttpMethod.Get, "/api/events/audit?activity_code=prompt.read", null)).AsArray());
    }

    private static CapturedPrompt Prompt(string request, UserId user, string said) => new(
        new(request), DateTimeOffset.UtcNow, user, "ana", "claude-opus-5-5", "session", true, false,
        Encoding.UTF8.GetBytes(new JsonObject { ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = said }) }.ToJsonString()));
}
