using System.Text.Json;
using NetBird.ControlPlane.Providers;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Webhooks;
using NetBird.Primitives;

namespace NetBird.ControlPlane.AdminApi;

/// <summary>
/// <c>/api/agent-network/webhooks</c>: who is told when 50, 80 and 95% of a limit are used; <c>/{id}/test</c> tries one now,
/// <c>/{id}/deliveries</c> is the log of the last 30 days.
/// </summary>
internal static class WebhookEndpoints
{
    private const string What = "webhook";
    private const int MostDeliveries = 1000;

    public static void MapWebhooks(this IEndpointRouteBuilder api)
    {
        var hooks = api.MapGroup("/agent-network/webhooks").WithTags("Webhooks");
        hooks.MapGet("", List).ForAuditors().Lists(QueryParameter.ByName, QueryParameter.BySearch).Produces<WebhookAnswer[]>();
        hooks.MapPost("", CreateAsync).ForAdmins()
            .Takes((form, references, services) => WebhookForm.Read(
                form, references.Draft, new() { Id = WebhookId.New(), Name = "", Url = "" }, services.GetRequiredService<SecretSeal>())).Produces<WebhookAnswer>();
        hooks.MapGet("/{id}", Get).ForAuditors().Produces<WebhookAnswer>();
        hooks.MapPut("/{id}", ReplaceAsync).ForAdmins()
            .Takes((form, references, services) => WebhookForm.Read(
                form, references.Draft, new() { Id = WebhookId.New(), Name = "-", Url = "-" }, services.GetRequiredService<SecretSeal>())).Produces<WebhookAnswer>();
        hooks.MapDelete("/{id}", DeleteAsync).ForAdmins().Produces(200);
        hooks.MapPost("/{id}/test", TestAsync).ForAdmins().Produces<WebhookDeliveryAnswer>();
        hooks.MapGet("/{id}/deliveries", DeliveriesAsync).ForAuditors().Lists(QueryParameter.BySearch).Produces<WebhookDeliveryAnswer[]>();
    }

    private static IResult List(HttpContext http, IConfigurationStore store) => Paging.Array(http,
        store.Current.Webhooks.Values.Where(hook => Search.Matches(http, hook.Name))
            .OrderBy(hook => hook.CreatedAt).ThenBy(hook => hook.Id).Select(hook => WebhookAnswer.Of(hook)).ToList());

    private static IResult Get(string id, IConfigurationStore store)
        => Find(store.Current, id) is { } hook ? Paging.Json(WebhookAnswer.Of(hook)) : Problems.NotFound(What);

    private static Task<IResult> CreateAsync(HttpContext http, Commits commits, SecretSeal seal, TimeProvider time)
    {
        // Made outside the change, which may run twice.
        var secret = WebhookSignature.NewSecret();
        return commits.RunAsync(http, (draft, form) =>
        {
            var now = time.GetUtcNow();
            var hook = WebhookForm.Read(form, draft, new() { Id = WebhookId.New(), Name = "", Url = "", CreatedAt = now, ModifiedAt = now }, seal);
            var made = hook.Sealed.Length == 0;
            hook = made ? hook with { Sealed = seal.SealWebhookSecret(secret) } : hook;
            draft.Webhooks.Put(hook);
            return Paging.Json(WebhookAnswer.Of(hook, made ? secret : null));
        });
    }

    private static Task<IResult> ReplaceAsync(string id, HttpContext http, Commits commits, SecretSeal seal, TimeProvider time)
        => commits.RunAsync(http, (draft, form) =>
        {
            if (!WebhookId.TryParse(id, out var key) || !draft.Webhooks.TryGet(key, out var existing))
            {
                return Problems.NotFound(What);
            }

            var hook = WebhookForm.Read(form, draft, existing, seal) with { ModifiedAt = time.GetUtcNow() };
            draft.Webhooks.Put(hook);
            return Paging.Json(WebhookAnswer.Of(hook));
        });

    private static Task<IResult> DeleteAsync(string id, HttpContext http, Commits commits)
        => commits.RunAsync(http, draft => WebhookId.TryParse(id, out var key) && draft.Webhooks.Remove(key)
            ? Deleted.Answer
            : Problems.NotFound(What));

    /// <summary>One attempt now, in the log like any other; not tried again, since somebody is looking.</summary>
    private static async Task<IResult> TestAsync(
        string id, HttpContext http, IConfigurationStore store, WebhookSender sender, IWebhookOutbox outbox, TimeProvider time)
    {
        if (Find(store.Current, id) is not { } hook)
        {
            return Problems.NotFound(What);
        }

        var now = time.GetUtcNow();
        var body = JsonSerializer.Serialize(
            new { type = "test", timestamp = now, data = new { message = $"A test of the webhook \"{hook.Name}\"." } }, AdminJson.Options);
        var tried = await sender.TryAsync(WebhookDelivery.New(hook.Id, "test", body, now), http.RequestAborted);
        var ended = tried.State is DeliveryState.Pending ? tried with { State = DeliveryState.Failed, EndedAt = time.GetUtcNow() } : tried;
        await outbox.SaveAsync(ended, http.RequestAborted);
        return Paging.Json(WebhookDeliveryAnswer.Of(ended));
    }

    private static async Task<IResult> DeliveriesAsync(string id, HttpContext http, IConfigurationStore store, IWebhookOutbox outbox)
        => Find(store.Current, id) is { } hook
            ? Paging.Array(http, (await outbox.ListAsync(hook.Id, MostDeliveries, http.RequestAborted))
                .Where(delivery => Search.Matches(http, delivery.Type, delivery.State.ToString())).Select(WebhookDeliveryAnswer.Of).ToList())
            : Problems.NotFound(What);

    private static Webhook? Find(Configuration configuration, string id)
        => WebhookId.TryParse(id, out var key) ? configuration.Webhooks.GetValueOrDefault(key) : null;
}
