using System.Text.Json;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Webhooks;
using NetBird.Primitives;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace NetBird.ControlPlane.Tests.Audit;

public sealed class AuditStreamTests
{
    [Fact]
    public async Task Entries_AfterItWasAskedFor_GoIntoTheOutboxOnce()
    {
        await using var server = await RunningControlPlane.StartAsync();
        var store = server.Services.GetRequiredService<ConfigurationStore>();
        var outbox = server.Services.GetRequiredService<IWebhookOutbox>();
        var id = WebhookId.New();
        await store.CommitAsync(Actor.System, draft =>
        {
            // Port 9 takes nothing: what is put in stays in.
            draft.Webhooks.Put(new() { Id = id, Name = "audit", Url = "http://127.0.0.1:9/", Audit = true });
            return true;
        }, default);
        await Usage.Eventually.TrueAsync(async () => (await outbox.LevelsAsync(default)).ContainsKey($"audit/{id}"), seconds: 30);

        for (var i = 0; i < 3; i++)
        {
            await server.AddPersonAsync($"person{i}@example.com");
        }

        // The service of the running control plane and one more, as another node would be: each entry goes in once.
        var another = new AuditStream(store, outbox, TimeProvider.System, NullLogger<AuditStream>.Instance);
        await another.RunOnceAsync(default);
        await Usage.Eventually.TrueAsync(async () => (await outbox.ListAsync(id, 100, default)).Length >= 3, seconds: 30);
        await another.RunOnceAsync(default);

        var deliveries = await outbox.ListAsync(id, 100, default);
        Assert.Equal(3, deliveries.Length);
        var names = deliveries.Select(delivery => JsonDocument.Parse(delivery.Body).RootElement.GetProperty("data").GetProperty("target_name").GetString());
        Assert.Equal(["person0@example.com", "person1@example.com", "person2@example.com"], names.Order());
        Assert.All(deliveries, delivery => Assert.DoesNotContain("password_hash\":\"AQ", delivery.Body, StringComparison.Ordinal));
    }
}
