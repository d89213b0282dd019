using NetBird.ControlPlane.Forms;
using NetBird.ControlPlane.Peers;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Tokens;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;

namespace NetBird.ControlPlane.AdminApi;

/// <summary><c>/api/setup-keys</c>.</summary>
internal static class SetupKeyEndpoints
{
    private const string What = "setup key";
    private const long DefaultSeconds = 30 * 86400;
    private const long MaxSeconds = 10L * 366 * 86400;
    private const int MaxUses = 1_000_000;
    private const int PrefixLength = 8;

    private static readonly string[] ReadOnly =
    [
        "id", "key", "valid", "state", "expires", "used_times", "last_used", "service_user_id", "created_at", "updated_at", "type",
        "ephemeral", "usage_limit",
    ];

    public static void MapSetupKeys(this IEndpointRouteBuilder api)
    {
        var keys = api.MapGroup("/setup-keys").WithTags("Setup keys");
        keys.MapGet("", List).ForAuditors().Lists(QueryParameter.ByName, QueryParameter.BySearch).Produces<SetupKeyAnswer[]>();
        keys.MapPost("", CreateAsync).ForAdmins()
            .Takes((form, references, _) => ReadNew(form, references.Draft, "", default)).Produces<SetupKeyAnswer>();
        keys.MapGet("/{id}", Get).ForAuditors().Produces<SetupKeyAnswer>();
        keys.MapPut("/{id}", ReplaceAsync).ForAdmins()
            .Takes((form, references, _) => ReadChange(form, references.Draft, new() { Id = SetupKeyId.New(), Name = "-", Hash = "", Prefix = "", ServiceUser = UserId.New() })).Produces<SetupKeyAnswer>();
        keys.MapDelete("/{id}", DeleteAsync).ForAdmins().Produces(200);
    }

    private static IResult List(HttpContext http, IConfigurationStore store, TimeProvider time) => Paging.Array(http,
        store.Current.SetupKeys.Values.Where(key => Search.Matches(http, key.Name))
            .OrderBy(key => key.CreatedAt).ThenBy(key => key.Id)
            .Select(key => SetupKeyAnswer.Of(key, time.GetUtcNow())).ToList());

    private static IResult Get(string id, IConfigurationStore store, TimeProvider time)
        => SetupKeyId.TryParse(id, out var key) && store.Current.SetupKeys.TryGetValue(key, out var found)
            ? Paging.Json(SetupKeyAnswer.Of(found, time.GetUtcNow()))
            : Problems.NotFound(What);

    private static Task<IResult> CreateAsync(HttpContext http, Commits commits, TimeProvider time)
    {
        // Made outside the change, which may run twice.
        var secret = SecretHash.NewSecret(SecretHash.SetupKeyPrefix);
        return commits.RunAsync(http, (draft, form) =>
        {
            var now = time.GetUtcNow();
            var key = ReadNew(form, draft, secret, now);

            // Usage of its machines is somebody's: a service user of the key's name.
            draft.Users.Put(new()
            {
                Id = key.ServiceUser, Name = key.Name, Role = Role.User, IsServiceUser = true, CreatedAt = now, ModifiedAt = now,
            });
            draft.SetupKeys.Put(key);
            return Paging.Json(SetupKeyAnswer.Of(key, now, secret));
        });
    }

    private static Task<IResult> ReplaceAsync(string id, HttpContext http, Commits commits, TimeProvider time)
        => commits.RunAsync(http, (draft, form) =>
        {
            if (!SetupKeyId.TryParse(id, out var known) || !draft.SetupKeys.TryGet(known, out var existing))
            {
                return Problems.NotFound(What);
            }

            var key = ReadChange(form, draft, existing);
            draft.SetupKeys.Put(key);
            return Paging.Json(SetupKeyAnswer.Of(key, time.GetUtcNow()));
        });

    private static Task<IResult> DeleteAsync(string id, HttpContext http, Commits commits)
        => commits.RunAsync(http, draft =>
        {
            if (!SetupKeyId.TryParse(id, out var key) || !draft.SetupKeys.TryGet(key, out var found))
            {
                return Problems.NotFound(What);
            }

            // Its machines keep working (they are enrolled); they and their user go by themselves.
            draft.SetupKeys.Remove(key);
            if (!draft.Peers.All.Any(peer => peer.User == found.ServiceUser))
            {
                UserRemoval.Remove(draft, found.ServiceUser);
            }

            return Deleted.Answer;
        });

    private static SetupKey ReadNew(Form form, ConfigurationDraft draft, string secret, DateTimeOffset now)
    {
        var oneOff = form.Choice("type", false, ("reusable", false), ("one-off", true));
        var limit = (int)form.Whole("usage_limit", oneOff ? 1 : 0, 0, MaxUses);
        var seconds = form.Whole("expires_in", DefaultSeconds, 0, MaxSeconds);
        var id = SetupKeyId.New();
        var key = new SetupKey
        {
            Id = id,
            Name = form.Name("name", null),
            Hash = SecretHash.Of(secret),
            Prefix = secret.Length > PrefixLength ? secret[..PrefixLength] : secret,
            AutoGroups = ReadGroups(form, draft, []),
            ServiceUser = new("setup-key-" + id.Value),
            UsageLimit = oneOff ? 1 : limit,
            ExpiresAt = seconds == 0 ? null : now + TimeSpan.FromSeconds(seconds),
            Ephemeral = form.Flag("ephemeral", false),
            CreatedAt = now,
        };
        form.Ignore("allow_extra_dns_labels", "revoked");
        form.RefuseUnknown();
        return key;
    }

    private static SetupKey ReadChange(Form form, ConfigurationDraft draft, SetupKey existing)
    {
        form.Ignore(ReadOnly);
        var key = existing with
        {
            Name = form.Name("name", existing.Name),
            AutoGroups = ReadGroups(form, draft, existing.AutoGroups),
            Revoked = form.Flag("revoked", existing.Revoked),
        };
        form.RefuseUnknown();
        if (existing.Revoked && !key.Revoked)
        {
            form.Fail("revoked", "A revoked key stays revoked; make a new one.");
        }

        return key;
    }

    private static System.Collections.Immutable.ImmutableSortedSet<GroupId> ReadGroups(
        Form form, ConfigurationDraft draft, System.Collections.Immutable.ImmutableSortedSet<GroupId> basis)
    {
        var references = new References(draft, byName: false);
        var groups = form.List("auto_groups", references.Group, text => $"There is no group {references.By} '{text}'.");
        return groups is null ? basis : [.. groups.Value.Where(group => group != Groups.Group.AllId)];
    }
}
