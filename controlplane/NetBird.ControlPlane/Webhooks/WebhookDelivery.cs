using NetBird.Primitives;

namespace NetBird.ControlPlane.Webhooks;

/// <summary>One event on its way to one webhook; kept afterwards as the delivery log.</summary>
internal sealed record WebhookDelivery
{
    /// <summary>Also sent as <c>webhook-id</c>: the same at every attempt, by which a receiver knows a repeat.</summary>
    public required string Id { get; init; }

    public required WebhookId Webhook { get; init; }

    /// <summary>Such as <c>limit.threshold</c>.</summary>
    public required string Type { get; init; }

    /// <summary>JSON, byte for byte what is sent.</summary>
    public required string Body { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public DeliveryState State { get; init; } = DeliveryState.Pending;

    /// <summary>Attempts made.</summary>
    public int Attempts { get; init; }

    /// <summary>When it is tried next, while it is pending.</summary>
    public DateTimeOffset NextAt { get; init; }

    /// <summary>HTTP status of the last answer; 0: none came.</summary>
    public int Status { get; init; }

    /// <summary>Why the last attempt failed, without anything the receiver wrote; empty: it did not.</summary>
    public string Fault { get; init; } = "";

    /// <summary>When it was delivered or given up.</summary>
    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>A new delivery, due at once.</summary>
    public static WebhookDelivery New(WebhookId webhook, string type, string body, DateTimeOffset now) => new()
    {
        Id = "msg_" + Guid.CreateVersion7(now).ToString("n"),
        Webhook = webhook,
        Type = type,
        Body = body,
        CreatedAt = now,
        NextAt = now,
    };
}

/// <summary>Stored: add at the end.</summary>
internal enum DeliveryState
{
    Pending = 1,
    Delivered = 2,
    Failed = 3,
}
