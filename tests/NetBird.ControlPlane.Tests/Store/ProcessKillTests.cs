using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using NetBird.ControlPlane.Tests.Usage;
using Xunit.Abstractions;

namespace NetBird.ControlPlane.Tests.Store;

/// <summary>
/// The executable itself, killed for good at a random moment while four clients change the account over REST and SCIM,
/// again and again on the same state: what was answered is there, what was not is there whole or not at all.
/// </summary>
public sealed class ProcessKillTests(PostgresCluster cluster, ITestOutputHelper output) : IClassFixture<PostgresCluster>
{
    private const int Clients = 4;
    private const string UserSchema = "urn:ietf:params:scim:schemas:core:2.0:User";

    private static readonly int Rounds = Environment.GetEnvironmentVariable("NETBIRD_LONG") is { Length: > 0 } ? 50 : 3;

    private readonly ConcurrentDictionary<string, bool> _answered = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool> _deleted = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool> _begun = new(StringComparer.Ordinal);

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Kill_AtRandomMoments_LosesNothingThatWasAnswered(bool postgres)
    {
        Skip.If(postgres && cluster.Missing is not null, cluster.Missing);
        using var state = new TemporaryState();
        string[] options = postgres ? ["--postgres", await cluster.CreateDatabaseAsync()] : [];
        await using var plane = await PlaneProcess.StartAsync(Path.Combine(state.Path, "state"), options);
        var token = (await plane.SendAsync(HttpMethod.Post, "/api/users/administrator/tokens", new { name = "scim", scim_only = true })).GetProperty("plain_token").GetString()!;
        var moments = new List<int>();
        for (var round = 0; round < Rounds; round++)
        {
            using var over = new CancellationTokenSource();
            var clients = Enumerable.Range(0, Clients).Select(client => WriteAsync(plane, token, $"r{round}c{client}", over.Token)).ToList();
            moments.Add(RandomNumberGenerator.GetInt32(1, 900));
            await Task.Delay(moments[^1]);

            // A busy machine may not have come to anything by then.
            await Eventually.TrueAsync(() => Task.FromResult(_answered.Count + _deleted.Count > (round + 1) * 3), 60);
            await plane.KillAsync();
            await over.CancelAsync();
            await Task.WhenAll(clients);
            await plane.StartAsync();
            await CheckAsync(plane);
        }

        output.WriteLine($"{Rounds} kills after {string.Join(", ", moments.Order())} ms of writing: {_answered.Count + _deleted.Count} changes were answered, all are there.");
        Assert.True(_answered.Count + _deleted.Count > Rounds * 3, $"Only {_answered.Count} changes: the run proves little.");
        var verified = await plane.GetAsync("/api/verification");
        Assert.True(verified.GetProperty("good").GetBoolean(), verified.ToString());
    }

    /// <summary>Groups and people by REST and SCIM, every third group deleted again; each noted when it is begun and when it was answered.</summary>
    private async Task WriteAsync(PlaneProcess plane, string scimToken, string prefix, CancellationToken stop)
    {
        using var rest = new HttpClient { BaseAddress = plane.Url };
        rest.DefaultRequestHeaders.Authorization = plane.Admin.DefaultRequestHeaders.Authorization;
        using var scim = new HttpClient { BaseAddress = plane.Url };
        scim.DefaultRequestHeaders.Authorization = new("Bearer", scimToken);
        try
        {
            for (var i = 0; !stop.IsCancellationRequested; i++)
            {
                var name = $"{prefix}n{i}{(i % 2 == 0 ? "" : "@example.com")}";
                if (i % 2 == 0)
                {
                    var id = await MadeAsync(name, rest.PostAsJsonAsync("/api/groups", new { name }, CancellationToken.None));
                    if (i % 3 == 0)
                    {
                        _answered.TryRemove(name, out _);
                        using var answer = await rest.DeleteAsync("/api/groups/" + id, CancellationToken.None);
                        answer.EnsureSuccessStatusCode();
                        _deleted[name] = true;
                    }
                }
                else
                {
                    await MadeAsync(name, scim.PostAsJsonAsync("/scim/v2/Users", new { schemas = new[] { UserSchema }, userName = name }, CancellationToken.None));
                }
            }
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException or IOException)
        {
            // Killed in the middle of it: not answered.
        }
    }

    private async Task<string> MadeAsync(string name, Task<HttpResponseMessage> call)
    {
        _begun[name] = true;
        using var answer = await call;
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        _answered[name] = true;
        return JsonDocument.Parse(text).RootElement.GetProperty("id").GetString()!;
    }

    private async Task CheckAsync(PlaneProcess plane)
    {
        var groups = (await plane.GetAsync("/api/groups")).EnumerateArray().Select(group => group.GetProperty("name").GetString()!);
        var people = (await plane.GetAsync("/api/users?service_user=false")).EnumerateArray().Select(user => user.GetProperty("email").GetString()!);
        List<string> all = [.. groups, .. people];
        var there = all.ToHashSet(StringComparer.Ordinal);
        Assert.Equal(all.Count, there.Count);
        Assert.Empty(_answered.Keys.Where(name => !there.Contains(name)));
        Assert.Empty(_deleted.Keys.Where(there.Contains));

        // And nothing that nobody asked for.
        Assert.Empty(there.Where(name => name != "All" && !_begun.ContainsKey(name)));
    }
}
