using System.Net;
using NetBird.ControlPlane.AdminApi;
using NetBird.ControlPlane.Tokens;

namespace NetBird.ControlPlane.Tests.AdminApi;

public sealed class ApiLimitsTests
{
    [Fact]
    public async Task Calls_BeyondTheBurst_AreToldToWaitAndOthersAreHeard()
    {
        await using var server = await RunningControlPlane.StartAsync();
        using var http = new HttpClient { BaseAddress = server.Url };
        var token = (await File.ReadAllTextAsync(Path.Combine(server.Options.StateDirectory, FirstToken.FileName))).Trim();
        using var wild = new HttpClient { BaseAddress = server.Url };
        wild.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", "Token " + token);
        HttpResponseMessage? refused = null;
        await Parallel.ForAsync(0, 20 * ApiLimits.TokenBurst, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (_, stop) =>
        {
            if (refused is null)
            {
                var answer = await wild.GetAsync("/api/users/current", stop);
                refused = answer.StatusCode == HttpStatusCode.TooManyRequests ? answer : refused;
            }
        });

        Assert.NotNull(refused);
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
        Assert.Equal("application/problem+json", refused.Content.Headers.ContentType?.MediaType);

        // Not a call of the API, and not of that token.
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/healthz")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await http.GetAsync("/api/users/current")).StatusCode);
    }
}
