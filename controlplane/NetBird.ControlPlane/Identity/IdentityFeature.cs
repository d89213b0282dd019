using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using NetBird.ControlPlane.AdminApi;
using NetBird.ControlPlane.Dashboard.Viewing;
using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Identity.Directories;
using NetBird.ControlPlane.Identity.Embedded;
using NetBird.ControlPlane.Identity.Embedded.Issued;
using NetBird.ControlPlane.Identity.Scim;
using NetBird.ControlPlane.Identity.Tokens;
using NetBird.ControlPlane.Identity.Web;
using NetBird.ControlPlane.Store;

namespace NetBird.ControlPlane.Identity;

/// <summary>Who people are: the embedded IdP, or the company's.</summary>
internal static class IdentityFeature
{
    public static void AddIdentity(this IServiceCollection services, ServeOptions options, AccountState state, PublicUrl url, TimeProvider time)
    {
        // One key ring for cookies, forms and sealed secrets, whichever node made them.
        services.AddKeyRing(state.Secrets);
        services.AddSingleton(state.Protection);
        services.AddAntiforgery(antiforgery =>
        {
            antiforgery.Cookie.Name = options.Tls is null ? "netbird-form" : "__Host-netbird-form";
            antiforgery.Cookie.SameSite = SameSiteMode.Strict;
        });
        var authentication = services.AddAuthentication(DashboardAccess.Scheme);
        services.AddWebSignIn(authentication, options);
        if (options.Oidc is null)
        {
            authentication.AddIdpSession(options.Tls is not null);
            var keys = IdpKeys.Load(state.Secrets, time);
            services.AddSingleton(keys);
            services.AddSingleton<IIdTokens, EmbeddedIdTokens>();
            services.AddEmbeddedIdp(options.Tls is not null, keys, url);
            services.AddIssuedRecords(state);
        }

        else
        {
            services.AddSingleton(options.Oidc);
            services.AddSingleton<ExternalIdTokens>();
            services.AddSingleton<IIdTokens>(provider => provider.GetRequiredService<ExternalIdTokens>());
            authentication.AddExternalSignIn(options.Oidc, options.Tls is not null);
            services.AddOptions<OpenIdConnectOptions>(ExternalSignIn.Scheme)
                .Configure<ExternalIdTokens>((oidc, tokens) => oidc.ConfigurationManager = tokens.Metadata);
            services.AddHttpClient(ExternalIdTokens.ClientName, http => http.Timeout = TimeSpan.FromSeconds(10));
            services.AddHttpClient(GroupDirectory.ClientName, http => http.Timeout = TimeSpan.FromSeconds(10))
                .ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });
        }

        services.AddSingleton<LoginOffers>();
        services.AddSingleton<ScimGate>();
        services.AddSingleton<ScimEndpoints>();
    }

    public static void UseIdentity(this WebApplication app)
    {
        app.UseErrorPages();
        app.UseApiLimits();
        app.UseLoginLimits();
        app.UseAuthentication();
        app.UseAuthorization();
    }

    public static void MapIdentity(this WebApplication app, ServeOptions options)
    {
        ScimEndpoints.Map(app);
        if (options.Oidc is null)
        {
            app.MapEmbeddedIdp();
            app.MapEmbeddedSignIn();
        }
        else
        {
            app.MapExternalSignIn();
        }
    }

    private static void AddIssuedRecords(this IServiceCollection services, AccountState state)
    {
        if (state.Database is { } shared)
        {
            services.AddSingleton<IIssuedRecords<IssuedToken>>(new PostgresIssuedRecords<IssuedToken>(shared, IssuedRecordKinds.Tokens));
            services.AddSingleton<IIssuedRecords<IssuedAuthorization>>(
                new PostgresIssuedRecords<IssuedAuthorization>(shared, IssuedRecordKinds.Authorizations));
            return;
        }

        services.AddSingleton(_ => new IssuedDatabase(Path.Combine(state.Directory, IssuedRecordKinds.LiteDbFileName)));
        services.AddSingleton<IIssuedRecords<IssuedToken>>(provider =>
            new LiteDbIssuedRecords<IssuedToken>(provider.GetRequiredService<IssuedDatabase>(), IssuedRecordKinds.Tokens));
        services.AddSingleton<IIssuedRecords<IssuedAuthorization>>(provider =>
            new LiteDbIssuedRecords<IssuedAuthorization>(
                provider.GetRequiredService<IssuedDatabase>(), IssuedRecordKinds.Authorizations));
    }
}
