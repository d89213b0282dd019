using System.Net;
using Microsoft.Extensions.DependencyInjection;
using NetBird.ControlPlane.Tests.Usage;
using NetBird.ControlPlane.Tests.Usage.Postgres;
using NetBird.Gateway.Metering;

namespace NetBird.ControlPlane.Tests.Hosting;

/// <summary>A database that goes away and comes back: /readyz names what does not work, and is well again by itself.</summary>
public sealed class ReadinessTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>
{
    [SkippableFact]
    public async Task Readyz_WithoutItsDatabase_NamesStoreAndLedger_AndRecovers()
    {
        Skip.If(cluster.Missing is not null, cluster.Missing);
        await using var server = await RunningControlPlane.StartAsync(options => options with { Postgres = cluster.ConnectionString });
        using var http = new HttpClient { BaseAddress = server.Url };
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/readyz")).StatusCode);

        cluster.Stop();
        try
        {
            // A row on its way to the ledger, as of a request that has just ended.
            await server.Services.GetRequiredService<IUsageJournal>().CompleteAsync(Rows.Row(1));
            await Eventually.TrueAsync(
                async () =>
                {
                    using var answer = await http.GetAsync("/readyz");
                    var text = await answer.Content.ReadAsStringAsync();
                    return answer.StatusCode == HttpStatusCode.ServiceUnavailable
                        && text.Contains("store: ", StringComparison.Ordinal) && text.Contains("ledger: ", StringComparison.Ordinal);
                },
                seconds: 60);
            Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/healthz")).StatusCode);
        }
        finally
        {
            cluster.Start();
        }

        await Eventually.TrueAsync(async () => (await http.GetAsync("/readyz")).StatusCode == HttpStatusCode.OK, seconds: 60);
    }
}
