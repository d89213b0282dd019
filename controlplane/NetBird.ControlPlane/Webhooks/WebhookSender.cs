using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using NetBird.ControlPlane.Providers;
using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Store;

namespace NetBird.ControlPlane.Webhooks;

/// <summary>
/// Delivers at least once: what is in the outbox is tried until a receiver answers 2xx, with growing pauses, and given up after
/// <see cref="Pauses"/> (about 16 h). An answer of 410 ends it at once. Redirects are not followed.
/// </summary>
internal sealed partial class WebhookSender(
    IWebhookOutbox outbox, IConfigurationStore store, SecretSeal seal, IHttpClientFactory clients, TimeProvider time, ILogger<WebhookSender> logger)
    : BackgroundService
{
    public const string ClientName = "webhook";

    /// <summary>Ours: a receiver has this long to answer; the Standard Webhooks specification asks for 15 to 30 s at most.</summary>
    public static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(15);

    /// <summary>Ours: how long after each failed attempt the next one comes, give or take a tenth.</summary>
    public static readonly ImmutableArray<TimeSpan> Pauses =
    [
        TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(30),
        TimeSpan.FromHours(1), TimeSpan.FromHours(2), TimeSpan.FromHours(4), TimeSpan.FromHours(8),
    ];

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan DropEvery = TimeSpan.FromHours(1);
    private static readonly TimeSpan LogKept = TimeSpan.FromDays(30);

    /// <summary>Longer than a round can take: what a process that died held is tried again then.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(1);

    /// <summary>Ours: all of a round are tried at once, so that it takes no longer than <see cref="AnswerLimit"/>.</summary>
    private const int AtOnce = 8;

    /// <summary>One round: everything that is due. How many were tried.</summary>
    public async Task<int> RunOnceAsync(CancellationToken cancellationToken)
    {
        var due = await outbox.ClaimAsync(time.GetUtcNow(), Lease, AtOnce, cancellationToken);
        await Parallel.ForEachAsync(
            due,
            new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken },
            async (delivery, stop) => await outbox.SaveAsync(await TryAsync(delivery, stop), stop));
        return due.Length;
    }

    /// <summary>One attempt, now; how the delivery stands after it.</summary>
    public async Task<WebhookDelivery> TryAsync(WebhookDelivery delivery, CancellationToken cancellationToken)
    {
        if (!store.Current.Webhooks.TryGetValue(delivery.Webhook, out var hook) || !hook.Enabled)
        {
            return End(delivery, DeliveryState.Failed, 0, "The webhook is disabled or gone.");
        }

        if (seal.UnsealWebhookSecret(hook.Sealed) is not { } secret || !WebhookSignature.TryKey(secret, out var key))
        {
            return Again(delivery, 0, "Its secret cannot be opened with the keys of this state directory; set a new one.");
        }

        var (status, fault) = await PostAsync(hook, key, delivery, cancellationToken);
        if (fault.Length == 0)
        {
            return End(delivery, DeliveryState.Delivered, status, "");
        }

        Log.Failed(logger, hook.Name, delivery.Id, delivery.Attempts + 1, fault);
        return status == (int)HttpStatusCode.Gone ? End(delivery, DeliveryState.Failed, status, fault) : Again(delivery, status, fault);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var bell = new Bell(time);
        void Ring(ConfigurationChange change) => bell.Ring();
        store.Changed += Ring;
        try
        {
            await SendAsync(bell, stoppingToken);
        }
        finally
        {
            store.Changed -= Ring;
        }
    }

    private async Task SendAsync(Bell bell, CancellationToken stoppingToken)
    {
        var dropped = time.GetTimestamp();
        while (true)
        {
            // Without a webhook there is nothing to send until one is made.
            if (store.Current.Webhooks.IsEmpty)
            {
                await bell.WaitAsync(DropEvery, stoppingToken);
            }

            await Task.Delay(Interval, time, stoppingToken);
            try
            {
                while (await RunOnceAsync(stoppingToken) > 0)
                {
                }

                if (time.GetElapsedTime(dropped) > DropEvery)
                {
                    dropped = time.GetTimestamp();
                    await outbox.DropAsync(time.GetUtcNow() - LogKept, stoppingToken);
                }
            }
            catch (Exception fault) when (!stoppingToken.Ends(fault))
            {
                Log.OutboxFails(logger, fault);
            }
        }
    }

    private async Task<(int Status, string Fault)> PostAsync(
        Webhook hook, byte[] key, WebhookDelivery delivery, CancellationToken cancellationToken)
    {
        var at = time.GetUtcNow().ToUnixTimeSeconds();
        using var request = new HttpRequestMessage(HttpMethod.Post, hook.Url)
        {
            Content = new ByteArrayContent(Encoding.UTF8.GetBytes(delivery.Body)) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } },
        };
        request.Headers.TryAddWithoutValidation("user-agent", "netbird-controlplane");
        request.Headers.TryAddWithoutValidation("webhook-id", delivery.Id);
        request.Headers.TryAddWithoutValidation("webhook-timestamp", at.ToString(CultureInfo.InvariantCulture));
        request.Headers.TryAddWithoutValidation("webhook-signature", WebhookSignature.Of(key, delivery.Id, at, delivery.Body));
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(AnswerLimit);
        try
        {
            using var client = clients.CreateClient(ClientName);
            using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
            var status = (int)response.StatusCode;
            return response.IsSuccessStatusCode ? (status, "") : (status, $"The receiver answered {status}.");
        }
        catch (HttpRequestException unreachable)
        {
            return (0, unreachable.HttpRequestError switch
            {
                HttpRequestError.NameResolutionError => "The name in the URL is not known to the DNS of this machine.",
                HttpRequestError.SecureConnectionError => "The TLS connection failed: is its certificate trusted on this machine?",
                _ => "Nothing answers at the URL.",
            });
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (0, $"The receiver did not answer within {AnswerLimit.TotalSeconds:F0} s.");
        }
    }

    private WebhookDelivery Again(WebhookDelivery delivery, int status, string fault)
    {
        if (delivery.Attempts >= Pauses.Length)
        {
            return End(delivery, DeliveryState.Failed, status, fault);
        }

        // Receivers that fell over together are not asked together.
        var pause = Pauses[delivery.Attempts] * (0.9 + (Random.Shared.NextDouble() * 0.2));
        return delivery with { Attempts = delivery.Attempts + 1, NextAt = time.GetUtcNow() + pause, Status = status, Fault = fault };
    }

    private WebhookDelivery End(WebhookDelivery delivery, DeliveryState state, int status, string fault) => delivery with
    {
        State = state, Attempts = delivery.Attempts + 1, Status = status, Fault = fault, EndedAt = time.GetUtcNow(),
    };

    private static partial class Log
    {
        [LoggerMessage(EventIds.Webhooks + 1, LogLevel.Warning, "Webhook {Name} is not told of {Delivery} at attempt {Attempt}: {Fault}")]
        public static partial void Failed(ILogger logger, string name, string delivery, int attempt, string fault);

        [LoggerMessage(EventIds.Webhooks + 2, LogLevel.Error, "The outbox of webhooks cannot be used; trying again")]
        public static partial void OutboxFails(ILogger logger, Exception fault);
    }
}
