namespace NetBird.ControlPlane.Webhooks;

/// <summary>The webhooks feature's one entry for the composition root.</summary>
internal static class WebhooksFeature
{
    /// <summary>What delivers from the outbox, which is registered with usage: nodes that only serve put into it.</summary>
    public static IServiceCollection AddWebhooks(this IServiceCollection services)
    {
        services.AddSingleton<WebhookSender>();
        services.AddHostedService(provider => provider.GetRequiredService<WebhookSender>());
        services.AddHttpClient(WebhookSender.ClientName).ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = true,
        });
        return services;
    }
}
