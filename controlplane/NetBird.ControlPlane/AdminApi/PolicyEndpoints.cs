using NetBird.ControlPlane.Forms;
using NetBird.ControlPlane.Policies;
using NetBird.ControlPlane.Store;
using NetBird.Primitives;

namespace NetBird.ControlPlane.AdminApi;

/// <summary><c>/api/agent-network/policies</c>.</summary>
internal static class PolicyEndpoints
{
    private const string What = "policy";

    public static void MapPolicies(this IEndpointRouteBuilder api)
    {
        var policies = api.MapGroup("/agent-network/policies").WithTags("Policies");
        policies.MapGet("", List).ForAuditors().Lists(QueryParameter.ByName, QueryParameter.BySearch).Produces<PolicyAnswer[]>();
        policies.MapPost("", CreateAsync).ForAdmins()
            .Takes((form, references, _) => PolicyForm.Read(form, references, new() { Id = PolicyId.New(), Name = "" })).Produces<PolicyAnswer>();
        policies.MapGet("/{id}", Get).ForAuditors().Produces<PolicyAnswer>();
        policies.MapPut("/{id}", ReplaceAsync).ForAdmins()
            .Takes((form, references, _) => PolicyForm.Read(form, references, new() { Id = PolicyId.New(), Name = "-" })).Produces<PolicyAnswer>();
        policies.MapDelete("/{id}", DeleteAsync).ForAdmins().Produces(200);
    }

    private static IResult List(HttpContext http, IConfigurationStore store) => Paging.Array(http,
        store.Current.Policies.Values.Where(policy => Search.Matches(http, policy.Name))
            .OrderBy(policy => policy.CreatedAt).ThenBy(policy => policy.Id).Select(PolicyAnswer.Of).ToList());

    private static IResult Get(string id, IConfigurationStore store)
        => PolicyId.TryParse(id, out var policy) && store.Current.Policies.TryGetValue(policy, out var found)
            ? Paging.Json(PolicyAnswer.Of(found))
            : Problems.NotFound(What);

    private static Task<IResult> CreateAsync(HttpContext http, Commits commits, TimeProvider time)
        => commits.RunAsync(http, (draft, form) =>
        {
            var now = time.GetUtcNow();
            var policy = PolicyForm.Read(form, new(draft, byName: false), new() { Id = PolicyId.New(), Name = "", CreatedAt = now, ModifiedAt = now });
            draft.Policies.Put(policy);
            return Paging.Json(PolicyAnswer.Of(policy));
        });

    private static Task<IResult> ReplaceAsync(string id, HttpContext http, Commits commits, TimeProvider time)
        => commits.RunAsync(http, (draft, form) =>
        {
            if (!PolicyId.TryParse(id, out var key) || !draft.Policies.TryGet(key, out var existing))
            {
                return Problems.NotFound(What);
            }

            var policy = PolicyForm.Read(form, new(draft, byName: false), existing) with { ModifiedAt = time.GetUtcNow() };
            draft.Policies.Put(policy);
            return Paging.Json(PolicyAnswer.Of(policy));
        });

    private static Task<IResult> DeleteAsync(string id, HttpContext http, Commits commits)
        => commits.RunAsync(http, draft => PolicyId.TryParse(id, out var key) && draft.Policies.Remove(key)
            ? Deleted.Answer
            : Problems.NotFound(What));
}
