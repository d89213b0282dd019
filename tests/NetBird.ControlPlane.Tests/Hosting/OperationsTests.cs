using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using NetBird.ControlPlane.Hosting;

namespace NetBird.ControlPlane.Tests.Hosting;

public sealed class OperationsTests
{
    [Fact]
    public async Task Readiness_LooksAtStoreLedgerAndTunnel()
    {
        await using var server = await RunningControlPlane.StartAsync();
        using var http = new HttpClient { BaseAddress = server.Url };

        Assert.Equal(["ledger", "store", "tunnel"], server.Services.GetServices<IReadiness>().Select(part => part.Name).Order());
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/readyz")).StatusCode);
    }

    [Fact]
    public async Task Metrics_GoToACollectorByOtlp_AtTheLatestAtTheEnd()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using var collector = builder.Build();
        var received = new TaskCompletionSource<(string? Type, int Bytes)>(TaskCreationOptions.RunContinuationsAsynchronously);
        collector.MapPost("/v1/metrics", async (HttpRequest request) =>
        {
            var body = new MemoryStream();
            await request.Body.CopyToAsync(body);
            received.TrySetResult((request.ContentType, (int)body.Length));
            return Results.Ok();
        });
        await collector.StartAsync();
        var url = new Uri(collector.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());

        await using (await RunningControlPlane.StartAsync(options => options with { OtlpEndpoint = url }))
        {
        }

        var (type, bytes) = await received.Task.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal("application/x-protobuf", type);
        Assert.True(bytes > 100, $"{bytes} bytes");
    }
}
