using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using NetBird.ControlPlane.Tests.AdminApi;
using NetBird.ControlPlane.Tests.Usage;
using NetBird.ControlPlane.Users;
using NetBird.ControlPlane.Webhooks;

namespace NetBird.ControlPlane.Tests.Webhooks;

public sealed class WebhookTests : IAsyncLifetime
{
    private const string Path = "/api/agent-network/webhooks";

    private AdminServer _server = null!; // set by InitializeAsync
    private Receiver _receiver = null!; // set by InitializeAsync

    public async Task InitializeAsync() => (_server, _receiver) = (await AdminServer.StartAsync(), await Receiver.StartAsync());

    public async Task DisposeAsync()
    {
        await _server.DisposeAsync();
        await _receiver.DisposeAsync();
    }

    [Fact]
    public async Task Webhook_Made_ShowsItsSecretOnce_AndKeepsItSealed()
    {
        var made = await CreateAsync();
        var secret = (string)made["secret"]!;

        var read = await _server.GetAsync($"{Path}/{(string)made["id"]!}");
        var put = await _server.PutAsync($"{Path}/{(string)made["id"]!}", read);

        Assert.StartsWith("whsec_", secret, StringComparison.Ordinal);
        Assert.Null(read["secret"]);
        Assert.Null(put["secret"]);
        var audit = (await _server.GetAsync("/api/events/audit?search=webhook")).ToJsonString();
        Assert.Contains("webhook.add", audit, StringComparison.Ordinal);
        Assert.DoesNotContain(secret, audit, StringComparison.Ordinal);
        foreach (var file in Directory.GetFiles(_server.State.Path, "*", SearchOption.AllDirectories))
        {
            using var open = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var text = new StreamReader(open, System.Text.Encoding.Latin1);
            Assert.DoesNotContain(secret["whsec_".Length..], await text.ReadToEndAsync(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Webhook_BadInput_IsToldField_ByField()
    {
        using var response = await _server.SendAsync(
            HttpMethod.Post, Path, new { url = "http://hooks.example.com/x", secret = "hunter2", nam = "x" });

        var errors = (await JsonNode.ParseAsync(await response.Content.ReadAsStreamAsync()))!["errors"]!.AsObject();
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal(["nam", "name", "secret", "url"], errors.Select(error => error.Key).Order(StringComparer.Ordinal));
        using var refused = await _server.SendAsync(HttpMethod.Get, Path, null, Role.User);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
    }

    [Fact]
    public async Task Test_OfAWebhook_ArrivesSigned_AndIsInTheLog()
    {
        var made = await CreateAsync();

        var tried = await _server.PostAsync($"{Path}/{(string)made["id"]!}/test", new { });

        Assert.Equal("delivered", (string)tried["state"]!);
        var received = Assert.Single(_receiver.All);
        Assert.True(received.IsSignedBy((string)made["secret"]!));
        Assert.False((received with { Body = received.Body + " " }).IsSignedBy((string)made["secret"]!));
        var log = await _server.GetAsync($"{Path}/{(string)made["id"]!}/deliveries");
        Assert.Equal((string)tried["id"]!, (string)log[0]!["id"]!);
    }

    [Fact]
    public async Task Delivery_ReceiverFailsTwice_IsTriedAgainAfterPausesWithTheSameId_AndGivenUpAfterAll()
    {
        var made = await CreateAsync();
        var outbox = _server.Services.GetRequiredService<IWebhookOutbox>();
        var sender = _server.Services.GetRequiredService<WebhookSender>();
        var time = _server.State.Time;
        _receiver.Answers.Enqueue(500);
        _receiver.Answers.Enqueue(302);
        await outbox.SaveAsync(WebhookDelivery.New(new((string)made["id"]!), "limit.threshold", "{}", time.GetUtcNow()), default);

        Assert.Equal(1, await sender.RunOnceAsync(default));
        Assert.Equal(0, await sender.RunOnceAsync(default));
        time.Advance(TimeSpan.FromSeconds(6));

        // Written down, not only sent: the next attempt is so long after that.
        await Eventually.TrueAsync(async () =>
        {
            await sender.RunOnceAsync(default);
            return (await outbox.ListAsync(new((string)made["id"]!), 10, default))[0].Attempts == 2;
        }, seconds: 60);
        time.Advance(TimeSpan.FromSeconds(34));
        await Eventually.TrueAsync(async () =>
        {
            await sender.RunOnceAsync(default);
            return (await outbox.ListAsync(new((string)made["id"]!), 10, default))[0].State == DeliveryState.Delivered;
        }, seconds: 60);

        Assert.Equal(3, _receiver.All.Count);
        Assert.Single(_receiver.All.Select(received => received.Id).Distinct());
        Assert.All(_receiver.All, received => Assert.True(received.IsSignedBy((string)made["secret"]!)));
        Assert.Equal(3, (await outbox.ListAsync(new((string)made["id"]!), 10, default))[0].Attempts);

        // Given up: a receiver that says it is gone is not asked again.
        _receiver.Answers.Enqueue(410);
        await outbox.SaveAsync(WebhookDelivery.New(new((string)made["id"]!), "limit.threshold", "{}", time.GetUtcNow().AddSeconds(1)), default);
        time.Advance(TimeSpan.FromSeconds(2));
        await Eventually.TrueAsync(async () =>
        {
            await sender.RunOnceAsync(default);
            return (await outbox.ListAsync(new((string)made["id"]!), 10, default))[0].State == DeliveryState.Failed;
        });
    }

    private async Task<JsonNode> CreateAsync()
        => await _server.PostAsync(Path, new { name = "Ops", url = _receiver.Url, enabled = true });
}
