using NetBird.ControlPlane.Store;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Webhooks;

/// <summary>A URL that is told of events. Its secret is kept sealed.</summary>
internal sealed record Webhook : IDocument<WebhookId>
{
    public required WebhookId Id { get; init; }

    /// <summary>Unique, whatever the case.</summary>
    public required string Name { get; init; }

    /// <summary>https, or http to loopback and private addresses.</summary>
    public required string Url { get; init; }

    public bool Enabled { get; init; } = true;

    /// <summary>Gets every entry of the audit log too.</summary>
    public bool Audit { get; init; }

    /// <summary>The signing secret, sealed by the key ring of the state directory.</summary>
    public string Sealed { get; init; } = "";

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset ModifiedAt { get; init; }

    string IDocument.Label => Name;
}
