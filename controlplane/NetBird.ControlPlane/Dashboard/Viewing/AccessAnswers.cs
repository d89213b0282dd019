using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;
using NetBird.Gateway;
using NetBird.Policy;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Dashboard.Viewing;

/// <summary>What one person may do and why, asked of the gateway's own evaluator and snapshot.</summary>
internal sealed class AccessAnswers(IConfigurationStore store, DisplayNames names, IServiceProvider services)
{
    private const long SmallAnswer = 1024;
    private static readonly PeerId NoPeer = new("none");

    /// <summary>One answer for each group of models that share it; those let through first.</summary>
    public List<AccessAnswer> Ask(User person, IEnumerable<string> models)
    {
        if (person.Status != UserStatus.Active)
        {
            return [new(false, [], "They are disabled, so every request is refused.")];
        }

        if (services.GetService<IGatewaySnapshots>()?.Current?.Policies is not { } snapshot)
        {
            return [new(false, [], "This process has no gateway to ask.")];
        }

        var caller = new Caller(person.Id, person.DisplayName(), NoPeer, store.Current.GroupsOf(person));
        return [.. models.Select(model => (Model: model, Answer: Of(PolicyEvaluator.Evaluate(
                snapshot, caller, new(RequestKind.Messages, model, true, SmallAnswer, 1)))))
            .GroupBy(pair => (pair.Answer.Allowed, pair.Answer.Allowed ? pair.Answer.Why : pair.Answer.Why.Replace(pair.Model, "…", StringComparison.Ordinal)))
            .Select(group => new AccessAnswer(group.Key.Allowed, [.. group.Select(pair => pair.Model)],
                group.Count() == 1 ? group.First().Answer.Why : group.Key.Item2.Replace("Model \"…\" is", "These are", StringComparison.Ordinal)))
            .OrderByDescending(answer => answer.Allowed)];
    }

    /// <summary>Models with a list price, which is what can be asked about by name.</summary>
    public static IEnumerable<string> KnownModels => PriceTable.Default.Models;

    private (bool Allowed, string Why) Of(PolicyDecision decision) => decision switch
    {
        PolicyDecision.Allowed allowed => (true, string.Join(" If that is used up: ", allowed.Candidates
            .GroupBy(candidate => candidate.PolicyName).Select(policy =>
                $"Policy “{policy.Key}” allows it through {string.Join(" or ", policy.Select(candidate => names.Group(candidate.Group)).Distinct())}, at {string.Join(" or ", policy.Select(candidate => names.Provider(candidate.Provider)).Distinct())}."))),
        PolicyDecision.Denied denied => (false, denied.Explanation),
        _ => (false, ""),
    };
}

/// <summary>An answer for some models.</summary>
/// <param name="Allowed">Whether they may be used, room under the caps given.</param>
/// <param name="Models">Which.</param>
/// <param name="Why">By which policies, or the sentence that a refused person would read.</param>
internal sealed record AccessAnswer(bool Allowed, IReadOnlyList<string> Models, string Why);
