using NetBird.ControlPlane.Forms;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;

namespace NetBird.ControlPlane.AdminApi;

/// <summary><c>/api/users</c>.</summary>
internal static class UserEndpoints
{
    private const string What = "user";

    public static void MapUsers(this IEndpointRouteBuilder api)
    {
        var users = api.MapGroup("/users").WithTags("Users");
        users.MapGet("", List).ForEveryone().Lists(
            QueryParameter.ByName, QueryParameter.BySearch, new("email", "The whole e-mail address; case does not count."),
            new("service_user", "Service users alone, or people alone.", Choices: ["true", "false"])).Produces<UserAnswer[]>();
        users.MapGet("/current", Current).ForEveryone().Produces<UserAnswer>();
        users.MapPost("", CreateAsync).ForAdmins()
            .Takes((form, references, _) => ReadNew(form, references, UserId.New(), "", mustChange: false, Role.Owner, default)).Produces<UserAnswer>();
        users.MapGet("/{id}", Get).ForEveryone().Produces<UserAnswer>();
        users.MapPut("/{id}", ReplaceAsync).ForAdmins()
            .Takes((form, references, _) => ReadChange(form, references, new() { Id = UserId.New() }, Role.Owner)).Produces<UserAnswer>();
        users.MapDelete("/{id}", DeleteAsync).ForAdmins().Produces(200);
    }

    private static IResult List(HttpContext http, IConfigurationStore store)
    {
        var caller = http.Caller();
        var configuration = store.Current;
        return Paging.Array(http, configuration.Users.Values
            .Where(user => caller.ReadsAll || user.Id == caller.User.Id)
            .Where(user => Search.Matches(http, user.Name, user.Email) && Fits(http, user))
            .OrderBy(user => user.DisplayName(), StringComparer.OrdinalIgnoreCase).ThenBy(user => user.Id)
            .Select(user => UserAnswer.Of(configuration, user, caller.User.Id)).ToList());
    }

    private static bool Fits(HttpContext http, User user)
        => (!http.Request.Query.TryGetValue("service_user", out var service) || service == (user.IsServiceUser ? "true" : "false"))
            && (!http.Request.Query.TryGetValue("email", out var email) || Names.Same(email.ToString(), user.Email));

    private static IResult Current(HttpContext http, IConfigurationStore store)
        => Paging.Json(UserAnswer.Of(store.Current, http.Caller().User, http.Caller().User.Id));

    private static IResult Get(string id, HttpContext http, IConfigurationStore store)
    {
        var caller = http.Caller();
        return UserId.TryParse(id, out var key) && (caller.ReadsAll || key == caller.User.Id)
            && store.Current.Users.TryGetValue(key, out var user)
                ? Paging.Json(UserAnswer.Of(store.Current, user, caller.User.Id))
                : Problems.NotFound(What);
    }

    private static async Task<IResult> CreateAsync(
        HttpContext http, Commits commits, IConfigurationStore store, AdministrationOptions options, TimeProvider time)
    {
        var (node, refusal) = await RequestBody.ReadAsync(http);
        if (node is null)
        {
            return refusal!; // one of the two is there
        }

        // A first look at the form alone: what is wrong is told before the slow hashing, which runs outside the writer.
        var first = new Form(node);
        var service = first.Flag("is_service_user", false);
        var given = first.Text("password", "", PasswordHashing.MaxLength);
        var generated = !service && given.Length == 0 && options.EmbeddedIdentity
            ? ReadableSecret.NewPassword() : null;
        var password = generated ?? given;
        var hash = password.Length > 0 && PasswordHashing.Objection(password) is null ? PasswordHashing.Hash(password) : "";

        return await commits.RunAsync(http, draft =>
        {
            var form = new Form(node);
            form.Require(service ? "name" : "email");
            var user = ReadNew(
                form, new(draft, byName: false), UserId.New(), hash, mustChange: generated is not null, http.Caller().Role, time.GetUtcNow());
            form.RefuseUnknown();
            CheckPassword(form, service, given, options);
            draft.Users.Put(user);
            return form.IsValid
                ? Paging.Json(UserAnswer.Of(draft.ToConfiguration(0), user, http.Caller().User.Id) with { Password = generated })
                : Problems.Invalid(form.Errors);
        });
    }

    /// <summary>Somebody new.</summary>
    /// <param name="hash">Of the password, which was hashed before: that is slow and must not hold the writer.</param>
    /// <param name="mustChange">Whether the password has to be changed, where the form does not say.</param>
    private static User ReadNew(
        Form form, References references, UserId id, string hash, bool mustChange, Role caller, DateTimeOffset now)
    {
        var service = form.Flag("is_service_user", false);
        form.Text("password", "", PasswordHashing.MaxLength);
        mustChange = form.Flag("password_change_required", mustChange);
        var user = UserForm.Read(
            form,
            references,
            new()
            {
                Id = id,
                Issuer = service ? "" : User.EmbeddedIssuer,
                Subject = service ? "" : id.Value,
                IsServiceUser = service,
                CreatedAt = now,
                ModifiedAt = now,
            },
            caller);
        return service ? user : user with { Credential = new() { PasswordHash = hash, MustChange = mustChange } };
    }

    private static User ReadChange(Form form, References references, User existing, Role caller)
    {
        form.Text("password", "", PasswordHashing.MaxLength);
        form.Ignore("is_service_user", "password_change_required");
        return UserForm.Read(form, references, existing, caller);
    }

    private static void CheckPassword(Form form, bool service, string password, AdministrationOptions options)
    {
        if (!service && !options.EmbeddedIdentity)
        {
            form.Fail("email", "People come from your identity provider at their first login, or by SCIM; only service users are made here.");
        }
        else if (password.Length > 0 && service)
        {
            form.Fail("password", "A service user has tokens, no password.");
        }
        else if (password.Length > 0 && PasswordHashing.Objection(password) is { } objection)
        {
            form.Fail("password", objection);
        }
    }

    private static async Task<IResult> ReplaceAsync(string id, HttpContext http, Commits commits, TimeProvider time)
    {
        var (node, refusal) = await RequestBody.ReadAsync(http);
        if (node is null)
        {
            return refusal!; // one of the two is there
        }

        var given = new Form(node).Text("password", "", PasswordHashing.MaxLength);
        var hash = given.Length > 0 && PasswordHashing.Objection(given) is null ? PasswordHashing.Hash(given) : "";
        return await commits.RunAsync(http, draft =>
        {
            if (!UserId.TryParse(id, out var key) || !draft.Users.TryGet(key, out var existing))
            {
                return Problems.NotFound(What);
            }

            var form = new Form(node);
            var user = ReadChange(form, new(draft, byName: false), existing, http.Caller().Role) with { ModifiedAt = time.GetUtcNow() };
            if (given.Length > 0)
            {
                user = SetPassword(form, user, given, hash, http.Caller().Role);
            }

            form.RefuseUnknown();
            draft.Users.Put(user);
            return form.IsValid
                ? Paging.Json(UserAnswer.Of(draft.ToConfiguration(0), user, http.Caller().User.Id))
                : Problems.Invalid(form.Errors);
        });
    }

    private static User SetPassword(Form form, User user, string password, string hash, Role caller)
    {
        if (user.Issuer != User.EmbeddedIssuer)
        {
            form.Fail("password", "This person logs in elsewhere; their password is not ours to set.");
        }
        else if (user.Role == Role.Owner && caller != Role.Owner)
        {
            form.Fail("password", "Only an owner may set an owner's password.");
        }
        else if (PasswordHashing.Objection(password) is { } objection)
        {
            form.Fail("password", objection);
        }

        var mustChange = form.Flag("password_change_required", false);
        return user with
        {
            Credential = (user.Credential ?? new()) with
            {
                PasswordHash = hash, MustChange = mustChange, FailedAttempts = 0, LockedUntil = null,
            },
        };
    }

    private static Task<IResult> DeleteAsync(string id, HttpContext http, Commits commits)
        => commits.RunAsync(http, draft =>
        {
            if (!UserId.TryParse(id, out var key) || !draft.Users.TryGet(key, out var user))
            {
                return Problems.NotFound(What);
            }

            if (user.Role == Role.Owner && http.Caller().Role != Role.Owner)
            {
                return Problems.NotPermitted("the role owner");
            }

            if (key == http.Caller().User.Id)
            {
                return Problems.Conflict("Nobody deletes themselves; ask another administrator.");
            }

            if (UserRemoval.Objection(draft, user) is { } objection)
            {
                return Problems.Conflict(objection);
            }

            UserRemoval.Remove(draft, key);
            return Deleted.Answer;
        });
}
