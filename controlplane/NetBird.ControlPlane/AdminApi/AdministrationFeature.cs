using NetBird.ControlPlane.AsCode;
using NetBird.ControlPlane.Peers;
using NetBird.ControlPlane.Providers;
using NetBird.ControlPlane.Raises;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Tokens;
using NetBird.ControlPlane.Usage.Reconciling;
using NetBird.Gateway.Credentials;

namespace NetBird.ControlPlane.AdminApi;

/// <summary>Administration: the configuration, its REST API and what keeps it in order.</summary>
internal static class AdministrationFeature
{
    /// <param name="services">The host's.</param>
    /// <param name="options">What the host knows.</param>
    /// <param name="state">Opened by the host before anything else, so that a store that cannot be opened is the first word; the host disposes of it.</param>
    public static IServiceCollection AddAdministration(
        this IServiceCollection services, AdministrationOptions options, AccountState state)
    {
        services.AddSingleton(options);
        services.AddSingleton(state);
        services.AddSingleton(state.Configuration);
        services.AddSingleton<IConfigurationStore>(state.Configuration);
        services.AddSingleton(new SecretSeal(state.Protection));
        services.AddSingleton<ProviderKeys>();
        services.AddSingleton<IProviderKeys>(provider => provider.GetRequiredService<ProviderKeys>());
        services.AddSingleton<ProviderForm>();
        services.AddSingleton<ConfigurationDocument>();
        services.AddSingleton<ProviderTest>();
        services.AddSingleton<AnthropicReport>();
        services.AddSingleton<SampleProvider>();
        services.AddSingleton<PeerActivity>();
        services.AddSingleton<TokenUse>();
        services.AddSingleton<AdminAuthentication>();
        services.AddSingleton<AdminGate>();
        services.AddSingleton<Commits>();
        services.AddHttpClient(ProviderTest.ClientName).ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = true,
        });
        services.AddAdminOpenApi();
        return services;
    }

    /// <summary>What a management node looks after while it runs.</summary>
    public static void AddUpkeep(this IServiceCollection services)
    {
        services.AddHostedService<FirstStart>();
        services.AddHostedService<PeerUpkeep>();
        services.AddHostedService<RaiseUpkeep>();
    }

    /// <summary>Maps <c>/api</c>, the OpenAPI document and the sample provider.</summary>
    public static void MapAdminApi(this IEndpointRouteBuilder app)
    {
        var gate = app.ServiceProvider.GetRequiredService<AdminGate>();
        var api = app.MapGroup("/api");
        api.AddEndpointFilter(gate.InvokeAsync);
        api.MapGroups();
        api.MapUsers();
        api.MapTokens();
        api.MapPeers();
        api.MapSetupKeys();
        api.MapProviders();
        api.MapPolicies();
        api.MapGuardrails();
        api.MapBudgetRules();
        api.MapLimitRaises();
        api.MapWebhooks();
        api.MapSettings();
        api.MapAudit();
        api.MapUsage();
        api.MapReprice();
        api.MapReconciliation();
        api.MapPrompts();
        api.MapConsumption();
        api.MapSimulate();
        api.MapConfiguration();
        api.MapBackup();
        api.MapFallback((HttpContext http) => http.Request.ContentType is { Length: > 0 } && !http.Request.HasJsonContentType()
                ? Problems.MediaType()  // routing sends what is not JSON here
                : Problems.NotFound("path"))
            .ForEveryone().ExcludeFromDescription();
        app.MapSampleProvider();
        app.MapOpenApi("/openapi/{documentName}.json");
    }
}
