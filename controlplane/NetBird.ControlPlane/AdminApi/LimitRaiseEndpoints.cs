using NetBird.ControlPlane.Raises;
using NetBird.ControlPlane.Store;
using NetBird.Primitives;

namespace NetBird.ControlPlane.AdminApi;

/// <summary><c>/api/agent-network/limit-raises</c>: more room for a while; each ends by itself, or early by DELETE.</summary>
internal static class LimitRaiseEndpoints
{
    private const string What = "raise";

    public static void MapLimitRaises(this IEndpointRouteBuilder api)
    {
        var raises = api.MapGroup("/agent-network/limit-raises").WithTags("Limit raises");
        raises.MapGet("", List).ForAuditors().Lists(new("source", "Raises of the policy or budget rule with this id."), QueryParameter.BySearch).Produces<LimitRaiseAnswer[]>();
        raises.MapPost("", CreateAsync).ForAdmins()
            .Takes((form, references, _) => LimitRaiseForm.Read(form, references.Draft, default)).Produces<LimitRaiseAnswer>();
        raises.MapGet("/{id}", Get).ForAuditors().Produces<LimitRaiseAnswer>();
        raises.MapDelete("/{id}", DeleteAsync).ForAdmins().Produces(200);
    }

    private static IResult List(HttpContext http, IConfigurationStore store, TimeProvider time)
    {
        var configuration = store.Current;
        var source = http.Request.Query["source"].ToString();
        return Paging.Array(http, configuration.LimitRaises.Values
            .Where(raise => (source.Length == 0 || raise.Source == source) && Search.Matches(http, raise.Reason, configuration.SourceName(raise.Source, raise.FromRule), raise.CreatedBy))
            .OrderBy(raise => raise.CreatedAt).ThenBy(raise => raise.Id)
            .Select(raise => Answer(configuration, raise, time.GetUtcNow())).ToList());
    }

    private static IResult Get(string id, IConfigurationStore store, TimeProvider time)
        => LimitRaiseId.TryParse(id, out var key) && store.Current.LimitRaises.TryGetValue(key, out var found)
            ? Paging.Json(Answer(store.Current, found, time.GetUtcNow()))
            : Problems.NotFound(What);

    private static Task<IResult> CreateAsync(HttpContext http, Commits commits, TimeProvider time)
        => commits.RunAsync(http, (draft, form) =>
        {
            var now = time.GetUtcNow();
            var raise = LimitRaiseForm.Read(form, draft, now) with { CreatedBy = http.Caller().Actor.Name };
            if (form.IsValid)
            {
                draft.LimitRaises.Put(raise);
            }

            return Paging.Json(Answer(draft.Basis, raise, now));
        });

    private static Task<IResult> DeleteAsync(string id, HttpContext http, Commits commits)
        => commits.RunAsync(http, draft => LimitRaiseId.TryParse(id, out var key) && draft.LimitRaises.Remove(key)
            ? Deleted.Answer
            : Problems.NotFound(What));

    private static LimitRaiseAnswer Answer(Configuration configuration, LimitRaiseRecord raise, DateTimeOffset now)
        => LimitRaiseAnswer.Of(raise, configuration.SourceName, configuration.SubjectName, now);
}
