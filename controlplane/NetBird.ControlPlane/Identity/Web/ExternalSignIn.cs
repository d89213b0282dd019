using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;
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
    public const string Scheme = "oidc";
    private const string Again = "netbird.again";

    public static void AddExternalSignIn(this AuthenticationBuilder authentication, ExternalIssuer issuer, bool secure)
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

            // The way back is a redirect that the person's own browser follows. The framework's None, for answers that are
            // posted, would need Secure, which a control plane on loopback without TLS has not.
            foreach (var cookie in (CookieBuilder[])[oidc.CorrelationCookie, oidc.NonceCookie])
            {
                cookie.SameSite = SameSiteMode.Lax;
                cookie.SecurePolicy = secure ? CookieSecurePolicy.Always : CookieSecurePolicy.SameAsRequest;
            }

            oidc.Scope.Clear();
            oidc.Scope.Add("openid");
            oidc.Scope.Add("profile");
            oidc.Scope.Add("email");

            // The checks that count are ours, in VerifyAsync; the framework's come on top of them, with the nonce.
            oidc.TokenValidationParameters.NameClaimType = "name";
            oidc.Events.OnRedirectToIdentityProvider = AskForGroupsAsync;
            oidc.Events.OnTokenResponseReceived = VerifyAsync;
            oidc.Events.OnTicketReceived = TakeInAsync;
            oidc.Events.OnRemoteFailure = async context =>
            {
                if (context.Failure is SecurityTokenSignatureKeyNotFoundException && context.Properties is { } properties && properties.Items.TryAdd(Again, ""))
                {
                    // The IdP has a new key, which VerifyAsync has fetched: once more, and the person sees nothing of it.
                    context.HandleResponse();
                    await context.HttpContext.ChallengeAsync(Scheme, new() { RedirectUri = properties.RedirectUri, Items = { [Again] = "" } });
                    return;
                }

                Log.SignInFailed(Logger(context.HttpContext), context.Failure?.GetType().Name ?? "");
                context.HandleResponse();
                await ShowAsync(context.HttpContext, "The identity provider did not let you in. Try again, or ask your administrator.");
            };
        });
    }

    public static void MapExternalSignIn(this IEndpointRouteBuilder app)
    {
        app.MapGet(WebSignIn.LoginPath, (HttpContext context) => Results.Challenge(
            new AuthenticationProperties { RedirectUri = WebSignIn.Local(context.Request.Query["return"]) }, [Scheme]));
        app.MapPost(WebSignIn.LogoutPath, async (HttpContext context) =>
        {
            await WebSignIn.SignOutAsync(context);
            return WebSignIn.ShowSignedOut(context);
        });
        app.MapGet(WebSignIn.LogoutPath, (Delegate)WebSignIn.ShowWhetherSignedOutAsync);
    }

    /// <summary>
    /// The scope that agents ask for too, where the issuer has it: a token without it names no groups, and a look at the
    /// pages would take the person out of all of theirs.
    /// </summary>
    private static async Task AskForGroupsAsync(RedirectContext context)
    {
        var metadata = await context.Options.ConfigurationManager!.GetConfigurationAsync(context.HttpContext.RequestAborted); // the handler has just used it
        if (metadata.ScopesSupported.Contains(LoginOffers.Groups))
        {
            context.ProtocolMessage.Scope += " " + LoginOffers.Groups;
        }
    }

    /// <summary>The ID token, by the same checks as an agent's.</summary>
    private static async Task VerifyAsync(TokenResponseReceivedContext context)
    {
        var outcome = await context.HttpContext.RequestServices.GetRequiredService<IIdTokens>()
            .VerifyAsync(context.TokenEndpointResponse.IdToken ?? "", context.HttpContext.RequestAborted);
        if (outcome is TokenOutcome.Valid { Identity: var identity })
        {
            context.HttpContext.Items[typeof(VerifiedIdentity)] = identity;
        }
        else
        {
            context.Fail("The ID token is not believed.");
        }
    }

    /// <summary>The person, after the last check (the nonce comes after the token): what fails one leaves nothing behind.</summary>
    private static async Task TakeInAsync(TicketReceivedContext context)
    {
        var services = context.HttpContext.RequestServices;
        if (context.HttpContext.Items[typeof(VerifiedIdentity)] is not VerifiedIdentity identity)
        {
            context.Fail("The ID token was not verified.");
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
