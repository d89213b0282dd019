using System.Text.Json;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Forms;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Usage.Prompts;
using NetBird.Primitives;

namespace NetBird.ControlPlane.AdminApi;

/// <summary>
/// <c>/api/agent-network/prompts</c>: which prompts are kept, and one of them. Looking at one is in the audit log before the answer is
/// given, with who looked, at whose.
/// </summary>
internal static class PromptEndpoints
{
    private const int MostListed = 1_000;

    public static void MapPrompts(this IEndpointRouteBuilder api)
    {
        var prompts = api.MapGroup("/agent-network/prompts").WithTags("Prompts");
        prompts.MapGet("", ListAsync).ForAuditors().Lists(new QueryParameter("user", "Prompts of the person with this id.")).Produces<KeptPromptAnswer[]>();
        prompts.MapGet("/{id}", ReadAsync).ForAdmins().Produces<PromptAnswer>();
    }

    private static async Task<IResult> ListAsync(HttpContext http, IConfigurationStore store)
    {
        var errors = new List<FormError>();
        var user = QueryFields.Id<UserId>(http.Request.Query, "user", errors);
        if (errors.Count > 0)
        {
            return Problems.Invalid(errors);
        }

        if (http.RequestServices.GetService<IPromptStore>() is not { } prompts)
        {
            return Problems.Unavailable("This process keeps no prompts.");
        }

        var users = store.Current.Users;
        return Paging.Array(http, (await prompts.ListAsync(user, MostListed, http.RequestAborted)).Select(prompt => new KeptPromptAnswer(
            prompt.Request, prompt.At, prompt.User, users.GetValueOrDefault(prompt.User)?.DisplayName() ?? "")).ToList());
    }

    private static async Task<IResult> ReadAsync(string id, HttpContext http, IConfigurationStore store)
    {
        if (http.RequestServices.GetService<IPromptStore>() is not { } prompts || http.RequestServices.GetService<PromptVault>() is not { } vault)
        {
            return Problems.Unavailable("This process keeps no prompts.");
        }

        if (!RequestId.TryParse(id, out var request) || await prompts.FindAsync(request, http.RequestAborted) is not { } prompt)
        {
            return Problems.NotFound("prompt");
        }

        await store.CommitAsync(
            http.Caller().Actor,
            draft =>
            {
                draft.Note(new(
                    AuditActions.PromptRead, "prompt", request.Value, store.Current.Users.GetValueOrDefault(prompt.User)?.DisplayName() ?? prompt.User.Value,
                    $"Looked at what was asked at {prompt.At:u}."));
                return true;
            },
            http.RequestAborted);
        return vault.Open(prompt) is { } content
            ? Paging.Json(new PromptAnswer(
                request, prompt.At, prompt.User, content.UserName, content.Model, content.SessionId, content.Redacted, content.Truncated, content.Prompt))
            : Problems.Conflict("The prompt cannot be unsealed: the key ring is not the one it was sealed with, or it was changed.");
    }
}

/// <summary>A prompt that is kept.</summary>
internal sealed record KeptPromptAnswer(RequestId RequestId, DateTimeOffset Timestamp, UserId UserId, string UserName);

/// <summary>What a request said.</summary>
internal sealed record PromptAnswer(
    RequestId RequestId,
    DateTimeOffset Timestamp,
    UserId UserId,
    string UserName,
    string Model,
    string? SessionId,
    bool Redacted,
    bool Truncated,
    JsonElement Prompt);
