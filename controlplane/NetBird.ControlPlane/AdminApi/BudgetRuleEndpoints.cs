using NetBird.ControlPlane.Forms;
using NetBird.ControlPlane.Policies;
using NetBird.ControlPlane.Store;
using NetBird.Primitives;

namespace NetBird.ControlPlane.AdminApi;

/// <summary><c>/api/agent-network/budget-rules</c>.</summary>
internal static class BudgetRuleEndpoints
{
    private const string What = "budget rule";

    public static void MapBudgetRules(this IEndpointRouteBuilder api)
    {
        var rules = api.MapGroup("/agent-network/budget-rules").WithTags("Budget rules");
        rules.MapGet("", List).ForAuditors().Lists(QueryParameter.ByName, QueryParameter.BySearch).Produces<BudgetRuleAnswer[]>();
        rules.MapPost("", CreateAsync).ForAdmins()
            .Takes((form, references, _) => BudgetRuleForm.Read(form, references, new() { Id = BudgetRuleId.New(), Name = "" })).Produces<BudgetRuleAnswer>();
        rules.MapGet("/{id}", Get).ForAuditors().Produces<BudgetRuleAnswer>();
        rules.MapPut("/{id}", ReplaceAsync).ForAdmins()
            .Takes((form, references, _) => BudgetRuleForm.Read(form, references, new() { Id = BudgetRuleId.New(), Name = "-" })).Produces<BudgetRuleAnswer>();
        rules.MapDelete("/{id}", DeleteAsync).ForAdmins().Produces(200);
    }

    private static IResult List(HttpContext http, IConfigurationStore store) => Paging.Array(http,
        store.Current.BudgetRules.Values.Where(rule => Search.Matches(http, rule.Name))
            .OrderBy(rule => rule.CreatedAt).ThenBy(rule => rule.Id).Select(BudgetRuleAnswer.Of).ToList());

    private static IResult Get(string id, IConfigurationStore store)
        => BudgetRuleId.TryParse(id, out var rule) && store.Current.BudgetRules.TryGetValue(rule, out var found)
            ? Paging.Json(BudgetRuleAnswer.Of(found))
            : Problems.NotFound(What);

    private static Task<IResult> CreateAsync(HttpContext http, Commits commits, TimeProvider time)
        => commits.RunAsync(http, (draft, form) =>
        {
            var now = time.GetUtcNow();
            var rule = BudgetRuleForm.Read(form, new(draft, byName: false), new() { Id = BudgetRuleId.New(), Name = "", CreatedAt = now, ModifiedAt = now });
            draft.BudgetRules.Put(rule);
            return Paging.Json(BudgetRuleAnswer.Of(rule));
        });

    private static Task<IResult> ReplaceAsync(string id, HttpContext http, Commits commits, TimeProvider time)
        => commits.RunAsync(http, (draft, form) =>
        {
            if (!BudgetRuleId.TryParse(id, out var key) || !draft.BudgetRules.TryGet(key, out var existing))
            {
                return Problems.NotFound(What);
            }

            var rule = BudgetRuleForm.Read(form, new(draft, byName: false), existing) with { ModifiedAt = time.GetUtcNow() };
            draft.BudgetRules.Put(rule);
            return Paging.Json(BudgetRuleAnswer.Of(rule));
        });

    private static Task<IResult> DeleteAsync(string id, HttpContext http, Commits commits)
        => commits.RunAsync(http, draft => BudgetRuleId.TryParse(id, out var key) && draft.BudgetRules.Remove(key)
            ? Deleted.Answer
            : Problems.NotFound(What));
}
