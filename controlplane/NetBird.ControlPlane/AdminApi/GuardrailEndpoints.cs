using NetBird.ControlPlane.Forms;
using NetBird.ControlPlane.Policies;
using NetBird.ControlPlane.Store;
using NetBird.Primitives;

namespace NetBird.ControlPlane.AdminApi;

/// <summary><c>/api/agent-network/guardrails</c>.</summary>
internal static class GuardrailEndpoints
{
    private const string What = "guardrail";

    public static void MapGuardrails(this IEndpointRouteBuilder api)
    {
        var guardrails = api.MapGroup("/agent-network/guardrails").WithTags("Guardrails");
        guardrails.MapGet("", List).ForAuditors().Lists(QueryParameter.ByName, QueryParameter.BySearch).Produces<GuardrailAnswer[]>();
        guardrails.MapPost("", CreateAsync).ForAdmins()
            .Takes((form, references, _) => GuardrailForm.Read(form, references, new() { Id = GuardrailId.New(), Name = "" })).Produces<GuardrailAnswer>();
        guardrails.MapGet("/{id}", Get).ForAuditors().Produces<GuardrailAnswer>();
        guardrails.MapPut("/{id}", ReplaceAsync).ForAdmins()
            .Takes((form, references, _) => GuardrailForm.Read(form, references, new() { Id = GuardrailId.New(), Name = "-" })).Produces<GuardrailAnswer>();
        guardrails.MapDelete("/{id}", DeleteAsync).ForAdmins().Produces(200);
    }

    private static IResult List(HttpContext http, IConfigurationStore store) => Paging.Array(http,
        store.Current.Guardrails.Values.Where(guardrail => Search.Matches(http, guardrail.Name))
            .OrderBy(guardrail => guardrail.CreatedAt).ThenBy(guardrail => guardrail.Id).Select(GuardrailAnswer.Of).ToList());

    private static IResult Get(string id, IConfigurationStore store)
        => GuardrailId.TryParse(id, out var guardrail) && store.Current.Guardrails.TryGetValue(guardrail, out var found)
            ? Paging.Json(GuardrailAnswer.Of(found))
            : Problems.NotFound(What);

    private static Task<IResult> CreateAsync(HttpContext http, Commits commits, TimeProvider time)
        => commits.RunAsync(http, (draft, form) =>
        {
            var now = time.GetUtcNow();
            var guardrail = GuardrailForm.Read(form, new(draft, byName: false), new() { Id = GuardrailId.New(), Name = "", CreatedAt = now, ModifiedAt = now });
            draft.Guardrails.Put(guardrail);
            return Paging.Json(GuardrailAnswer.Of(guardrail));
        });

    private static Task<IResult> ReplaceAsync(string id, HttpContext http, Commits commits, TimeProvider time)
        => commits.RunAsync(http, (draft, form) =>
        {
            if (!GuardrailId.TryParse(id, out var key) || !draft.Guardrails.TryGet(key, out var existing))
            {
                return Problems.NotFound(What);
            }

            var guardrail = GuardrailForm.Read(form, new(draft, byName: false), existing) with { ModifiedAt = time.GetUtcNow() };
            draft.Guardrails.Put(guardrail);
            return Paging.Json(GuardrailAnswer.Of(guardrail));
        });

    private static Task<IResult> DeleteAsync(string id, HttpContext http, Commits commits)
        => commits.RunAsync(http, draft =>
        {
            if (!GuardrailId.TryParse(id, out var key) || !draft.Guardrails.Contains(key))
            {
                return Problems.NotFound(What);
            }

            // Deleting a check that a policy relies on would silently allow more.
            if (draft.Policies.All.FirstOrDefault(policy => policy.Guardrails.Contains(key)) is { } user)
            {
                return Problems.Conflict($"The policy '{user.Name}' uses this guardrail. Take it out there first.");
            }

            draft.Guardrails.Remove(key);
            return Deleted.Answer;
        });
}
