using NetBird.ControlPlane.Forms;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;

namespace NetBird.ControlPlane.AdminApi;

/// <summary>Changes by REST: a refusal abandons the change, so nothing is half made.</summary>
internal sealed class Commits(IConfigurationStore store)
{
    /// <summary>A change without a body.</summary>
    public Task<IResult> RunAsync(HttpContext http, Func<ConfigurationDraft, IResult> change)
        => store.CommitAsync(http.Caller().Actor, draft => Settle(http.Caller(), draft, change(draft)), http.RequestAborted);

    /// <summary>A change told by a JSON body. Errors the form holds after the change abandon it, all in one answer.</summary>
    public async Task<IResult> RunAsync(HttpContext http, Func<ConfigurationDraft, Form, IResult> change)
    {
        var (node, refusal) = await RequestBody.ReadAsync(http);
        return node is null
            ? refusal!  // one of the two is there
            : await RunAsync(http, draft =>
            {
                var form = new Form(node);
                var answer = change(draft, form);
                return form.IsValid || answer is ProblemAnswer ? answer : Problems.Invalid(form.Errors);
            });
    }

    private static IResult Settle(AdminCaller caller, ConfigurationDraft draft, IResult answer)
    {
        if (answer is not ProblemAnswer && caller.Role != Role.Owner && OwnerGuard.Touches(draft))
        {
            answer = Problems.NotPermitted("the role owner, since it changes who is one or what an owner logs in with");
        }

        if (answer is ProblemAnswer)
        {
            draft.Abandon();
        }

        return answer;
    }
}
