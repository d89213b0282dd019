using NetBird.Primitives;

namespace NetBird.ControlPlane.Webhooks;

/// <summary>A webhook as REST gives it.</summary>
/// <param name="Secret">Only in the answer that made it; null afterwards.</param>
internal sealed record WebhookAnswer(
    WebhookId Id, string Name, string Url, bool Enabled, bool Audit, string? Secret, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    public static WebhookAnswer Of(Webhook hook, string? secret = null)
        => new(hook.Id, hook.Name, hook.Url, hook.Enabled, hook.Audit, secret, hook.CreatedAt, hook.ModifiedAt);
}

/// <summary>One line of the delivery log.</summary>
internal sealed record WebhookDeliveryAnswer(
    string Id,
    string Type,
    string State,
    int Attempts,
    int StatusCode,
    string Error,
    DateTimeOffset CreatedAt,
    DateTimeOffset? NextAttemptAt,
    DateTimeOffset? EndedAt,
    string Body)
{
    public static WebhookDeliveryAnswer Of(WebhookDelivery delivery) => new(
        delivery.Id,
        delivery.Type,
        delivery.State switch { DeliveryState.Pending => "pending", DeliveryState.Delivered => "delivered", _ => "failed" },
        delivery.Attempts,
        delivery.Status,
        delivery.Fault,
        delivery.CreatedAt,
        delivery.State is DeliveryState.Pending ? delivery.NextAt : null,
        delivery.EndedAt,
        delivery.Body);
}
