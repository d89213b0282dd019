using NetBird.ControlPlane.Forms;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Tokens;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;

namespace NetBird.ControlPlane.AdminApi;

/// <summary><c>/api/users/{id}/tokens</c>: people have their own, administrators those of service users.</summary>
internal static class TokenEndpoints
{
    private const string What = "token";

    // NetBird's bounds.
    private const int MaxDays = 365;
    private const int DefaultDays = 30;

    public static void MapTokens(this IEndpointRouteBuilder api)
    {
        var tokens = api.MapGroup("/users/{id}/tokens").WithTags("Tokens");
        tokens.MapGet("", List).ForEveryone().Lists(QueryParameter.ByName, QueryParameter.BySearch).Produces<AccessTokenAnswer[]>();
        tokens.MapPost("", CreateAsync).ForEveryone()
            .Takes((form, _, _) => Read(form, UserId.New(), UserId.New(), "", default)).Produces<AccessTokenCreated>();
        tokens.MapGet("/{token}", Get).ForEveryone().Produces<AccessTokenAnswer>();
        tokens.MapDelete("/{token}", DeleteAsync).ForEveryone().Produces(200);
    }

    private static IResult List(string id, HttpContext http, IConfigurationStore store, TokenUse use)
        => UserId.TryParse(id, out var user) && MaySee(http.Caller(), user) && store.Current.Users.ContainsKey(user)
            ? Paging.Array(http, store.Current.AccessTokens.Values
                .Where(token => token.User == user && Search.Matches(http, token.Name))
                .OrderBy(token => token.CreatedAt).ThenBy(token => token.Id)
                .Select(token => AccessTokenAnswer.Of(token, use)).ToList())
            : Problems.NotFound("user");

    private static IResult Get(string id, string token, HttpContext http, IConfigurationStore store, TokenUse use)
        => UserId.TryParse(id, out var user) && MaySee(http.Caller(), user) && AccessTokenId.TryParse(token, out var key)
            && store.Current.AccessTokens.TryGetValue(key, out var found) && found.User == user
                ? Paging.Json(AccessTokenAnswer.Of(found, use))
                : Problems.NotFound(What);

    private static Task<IResult> CreateAsync(string id, HttpContext http, Commits commits, TokenUse use, TimeProvider time)
    {
        // Made outside the change, which may run twice.
        var secret = SecretHash.NewSecret(SecretHash.AccessTokenPrefix);
        return commits.RunAsync(http, (draft, form) =>
        {
            var caller = http.Caller();
            if (!UserId.TryParse(id, out var owner) || !draft.Users.TryGet(owner, out var user) || !MaySee(caller, owner))
            {
                return Problems.NotFound("user");
            }

            if (!MayChange(caller, user))
            {
                return Problems.NotPermitted("to be that person, or an administrator where it is a service user");
            }

            var token = Read(form, owner, caller.User.Id, secret, time.GetUtcNow());
            draft.AccessTokens.Put(token);
            return Paging.Json(new AccessTokenCreated(secret, AccessTokenAnswer.Of(token, use)));
        });
    }

    private static AccessToken Read(Form form, UserId owner, UserId by, string secret, DateTimeOffset now)
    {
        var token = new AccessToken
        {
            Id = AccessTokenId.New(),
            Name = form.Name("name", null),
            User = owner,
            Hash = SecretHash.Of(secret),
            ExpiresAt = now + TimeSpan.FromDays(form.Whole("expires_in", DefaultDays, 1, MaxDays)),
            CreatedBy = by,
            CreatedAt = now,
            ScimOnly = form.Flag("scim_only", false),
        };
        form.RefuseUnknown();
        return token;
    }

    private static Task<IResult> DeleteAsync(string id, string token, HttpContext http, Commits commits)
        => commits.RunAsync(http, draft =>
        {
            if (!UserId.TryParse(id, out var owner) || !MaySee(http.Caller(), owner) || !AccessTokenId.TryParse(token, out var key)
                || !draft.AccessTokens.TryGet(key, out var found) || found.User != owner)
            {
                return Problems.NotFound(What);
            }

            // Taking a key away needs less than giving one: an administrator may revoke anybody's but an owner's.
            if (owner != http.Caller().User.Id
                && (http.Caller().Role < Role.Admin
                    || (draft.Users.Find(owner)?.Role == Role.Owner && http.Caller().Role != Role.Owner)))
            {
                return Problems.NotPermitted("to be that person, or an administrator");
            }

            draft.AccessTokens.Remove(key);
            return Deleted.Answer;
        });

    private static bool MaySee(AdminCaller caller, UserId owner) => caller.ReadsAll || caller.User.Id == owner;

    private static bool MayChange(AdminCaller caller, User owner)
        => owner.Id == caller.User.Id
            || (owner.IsServiceUser && caller.Role >= Role.Admin && (owner.Role != Role.Owner || caller.Role == Role.Owner));
}
