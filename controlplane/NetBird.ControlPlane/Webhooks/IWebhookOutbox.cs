using System.Collections.Immutable;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Webhooks;

/// <summary>
/// What is to be delivered and what was, and up to which threshold each counter has been told of. Survives kill -9. LiteDB in one
/// process, PostgreSQL for several: of those only one tells of a threshold, and only one holds a delivery at a time.
/// </summary>
internal interface IWebhookOutbox
{
    /// <summary>The level each counter has been told of; counters at 0 are left out.</summary>
    ValueTask<ImmutableDictionary<string, int>> LevelsAsync(CancellationToken cancellationToken);

    /// <summary>Raises a counter's level and adds its deliveries in one step.</summary>
    /// <returns>False when it stands at that level or above already: somebody else told of it.</returns>
    ValueTask<bool> RaiseAsync(string counter, int level, IReadOnlyList<WebhookDelivery> deliveries, CancellationToken cancellationToken);

    /// <summary>Lowers a counter's level, so that a threshold that is passed again is told again.</summary>
    ValueTask LowerAsync(string counter, int level, CancellationToken cancellationToken);

    /// <summary>Adds a delivery, or writes how an attempt went.</summary>
    ValueTask SaveAsync(WebhookDelivery delivery, CancellationToken cancellationToken);

    /// <summary>
    /// Pending deliveries that are due, held for <paramref name="lease"/>: a process that dies with them loses none. Webhooks take turns, the
    /// longest due of each first: thousands that one receiver does not take keep nobody else waiting.
    /// </summary>
    ValueTask<ImmutableArray<WebhookDelivery>> ClaimAsync(DateTimeOffset now, TimeSpan lease, int most, CancellationToken cancellationToken);

    /// <summary>The newest deliveries of a webhook, newest first.</summary>
    ValueTask<ImmutableArray<WebhookDelivery>> ListAsync(WebhookId webhook, int most, CancellationToken cancellationToken);

    /// <summary>Forgets deliveries that ended before a moment.</summary>
    ValueTask DropAsync(DateTimeOffset before, CancellationToken cancellationToken);
}
