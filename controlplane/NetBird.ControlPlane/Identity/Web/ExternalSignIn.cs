using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Dashboard.Viewing;
using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Identity.Embedded;
using NetBird.ControlPlane.Identity.Tokens;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;

namespace NetBird.ControlPlane.Identity.Web;

/// <summary>
/// Sign-in with the company's IdP: authorization code with PKCE, state and nonce by the framework; the ID token is
/// then checked as one that an agent sends, by the same code.
/// </summary>
internal static partial class ExternalSignIn
{
    private const string Scheme = "oidc";

    public static void AddExternalSignIn(this AuthenticationBuilder authentication, ExternalIssuer issuer)
    {
        authentication.AddOpenIdConnect(Scheme, oidc =>
        {
            oidc.Authority = issuer.Issuer.AbsoluteUri;
            oidc.ClientId = issuer.ClientId;
            oidc.ClientSecret = issuer.ClientSecretFile is { } file ? File.ReadAllText(file).Trim() : null;
            oidc.RequireHttpsMetadata = issuer.Issuer.Scheme == Uri.UriSchemeHttps;
            oidc.SignInScheme = DashboardAccess.Scheme;
            oidc.ResponseType = OpenIdConnectResponseType.Code;
            oidc.ResponseMode = OpenIdConnectResponseMode.Query;
            oidc.UsePkce = true;
            oidc.MapInboundClaims = false;
            oidc.SaveTokens = false;
            oidc.GetClaimsFromUserInfoEndpoint = false;
            oidc.Scope.Clear();
            oidc.Scope.Add("openid");
            oidc.Scope.Add("profile");
            oidc.Scope.Add("email");

            // The checks that count are in OnTokenValidated; these two need what discovery says of Entra's many issuers.
            oidc.TokenValidationParameters.NameClaimType = "name";
            oidc.Events.OnTokenValidated = CheckAsync;
            oidc.Events.OnRemoteFailure = context =>
            {
                Log.SignInFailed(Logger(context.HttpContext), context.Failure?.GetType().Name ?? "");
                context.HandleResponse();
                return ShowAsync(context.HttpContext, "The identity provider did not let you in. Try again, or ask your administrator.");
            };
        });
    }

    public static void MapExternalSignIn(this IEndpointRouteBuilder app)
    {
        app.MapGet(WebSignIn.LoginPath, (HttpContext context) => Results.Challenge(
            new AuthenticationProperties { RedirectUri = WebSignIn.Local(context.Request.Query["return"]) }, [Scheme]));
        app.MapPost(WebSignIn.LogoutPath, async (HttpContext context) =>
        {
            await context.SignOutAsync(DashboardAccess.Scheme);
            return IdpPage.Show(context, "Signed out", "<p><a href=\"/\">Sign in again</a></p>");
        });
    }

    private static async Task CheckAsync(TokenValidatedContext context)
    {
        var services = context.HttpContext.RequestServices;
        var token = context.TokenEndpointResponse?.IdToken ?? context.ProtocolMessage.IdToken;
        var outcome = await services.GetRequiredService<IIdTokens>().VerifyAsync(token, context.HttpContext.RequestAborted);
        if (outcome is not TokenOutcome.Valid { Identity: var identity })
        {
            context.Fail("The ID token is not believed.");
            return;
        }

        var user = await TakeOverAsync(services, identity, context.HttpContext);
        if (user is null)
        {
            context.HandleResponse();
            await ShowAsync(context.HttpContext, "Your account is disabled or was removed. Ask your administrator.");
            return;
        }

        context.Principal = WebSignIn.PrincipalOf(user);
    }

    private static Task<User?> TakeOverAsync(IServiceProvider services, VerifiedIdentity identity, HttpContext context)
    {
        var now = services.GetRequiredService<TimeProvider>().GetUtcNow();
        var address = context.Connection.RemoteIpAddress?.ToString() ?? "";
        return services.GetRequiredService<IConfigurationStore>().CommitAsync(
            new Actor(ActorKind.User, identity.Subject, identity.Email.Length > 0 ? identity.Email : identity.Subject, "sign-in", address),
            draft =>
            {
                var user = PersonDirectory.SignIn(draft, identity, now);
                draft.Note(user is null
                    ? new(AuditActions.UserLoginRefused, "user", "", identity.Email, "at the pages")
                    : new(AuditActions.UserLogin, "user", user.Id.Value, user.DisplayName(), "at the pages"));
                return user;
            },
            context.RequestAborted);
    }

    private static Task ShowAsync(HttpContext context, string sentence)
        => IdpPage.Show(context, "Not signed in", "<p><a href=\"/login\">Try again</a></p>", sentence, StatusCodes.Status403Forbidden)
            .ExecuteAsync(context);

    private static ILogger Logger(HttpContext context)
        => context.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(ExternalSignIn));

    private static partial class Log
    {
        [LoggerMessage(EventIds.Identity + 20, LogLevel.Warning, "A sign-in with the identity provider failed: {Failure}")]
        public static partial void SignInFailed(ILogger logger, string failure);
    }
}
