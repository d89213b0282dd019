using NetBird.ControlPlane.Groups;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;

namespace NetBird.ControlPlane.AdminApi;

/// <summary><c>/api/groups</c>.</summary>
internal static class GroupEndpoints
{
    private const string What = "group";

    public static void MapGroups(this IEndpointRouteBuilder api)
    {
        var groups = api.MapGroup("/groups").WithTags("Groups");
        groups.MapGet("", List).ForAuditors().Lists(QueryParameter.ByName, QueryParameter.BySearch).Produces<GroupAnswer[]>();
        groups.MapPost("", CreateAsync).ForAdmins()
            .Takes((form, references, _) => GroupForm.Read(form, references, new() { Id = GroupId.New(), Name = "" }, mayGrantRoles: true)).Produces<GroupAnswer>();
        groups.MapGet("/{id}", Get).ForAuditors().Produces<GroupAnswer>();
        groups.MapPut("/{id}", ReplaceAsync).ForAdmins()
            .Takes((form, references, _) => GroupForm.Read(form, references, new() { Id = GroupId.New(), Name = "-" }, mayGrantRoles: true)).Produces<GroupAnswer>();
        groups.MapDelete("/{id}", DeleteAsync).ForAdmins().Produces(200);
    }

    private static IResult List(HttpContext http, IConfigurationStore store)
    {
        var configuration = store.Current;
        var groups = configuration.Groups.Values.Where(group => Search.Matches(http, group.Name))
            .OrderBy(group => group.Name, StringComparer.OrdinalIgnoreCase).ThenBy(group => group.Id).ToList();
        return Paging.Array(http, GroupAnswer.Of(configuration, groups));
    }

    private static IResult Get(string id, IConfigurationStore store)
        => GroupId.TryParse(id, out var key) && store.Current.Groups.TryGetValue(key, out var group)
            ? Paging.Json(GroupAnswer.Of(store.Current, group))
            : Problems.NotFound(What);

    private static Task<IResult> CreateAsync(HttpContext http, Commits commits, TimeProvider time)
        => commits.RunAsync(http, (draft, form) =>
        {
            var now = time.GetUtcNow();
            var group = GroupForm.Read(
                form,
                new(draft, byName: false),
                new() { Id = GroupId.New(), Name = "", CreatedAt = now, ModifiedAt = now },
                mayGrantRoles: http.Caller().Role == Role.Owner);
            return Paging.Json(GroupAnswer.Of(draft.ToConfiguration(0), group));
        });

    private static Task<IResult> ReplaceAsync(string id, HttpContext http, Commits commits, TimeProvider time)
        => commits.RunAsync(http, (draft, form) =>
        {
            if (!GroupId.TryParse(id, out var key) || !draft.Groups.TryGet(key, out var existing))
            {
                return Problems.NotFound(What);
            }

            var group = GroupForm.Read(
                form, new(draft, byName: false), existing with { ModifiedAt = time.GetUtcNow() }, http.Caller().Role == Role.Owner);
            return Paging.Json(GroupAnswer.Of(draft.ToConfiguration(0), group));
        });

    private static Task<IResult> DeleteAsync(string id, HttpContext http, Commits commits)
        => commits.RunAsync(http, draft =>
        {
            if (!GroupId.TryParse(id, out var key) || !draft.Groups.TryGet(key, out var group))
            {
                return Problems.NotFound(What);
            }

            if (GroupRemoval.Objection(draft, group) is { } objection)
            {
                return Problems.Conflict(objection);
            }

            GroupRemoval.Remove(draft, key);
            return Deleted.Answer;
        });
}
