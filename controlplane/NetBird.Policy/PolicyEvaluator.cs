using System.Collections.Immutable;
using NetBird.Policy.Limits;
using NetBird.Primitives;

namespace NetBird.Policy;

/// <summary>
/// Pure: snapshot, caller and request to a decision. Default deny.
/// <para>
/// Order of the candidates, which is the order in which room is looked for: policies as they were created; within one,
/// the caller's groups by id (ordinal); within one, providers by id. A policy without a group cap is tried
/// under the first group only, since another group could not have room where the first had none.
/// </para>
/// <para>
/// Of several policies that refuse, the one that came nearest to allowing gives the reason: group, provider, batches, model, max_tokens, strict limit.
/// </para>
/// <para>
/// A batch passes where each request in it would. Its cost is known when its results are read, up to a day later, which no strict cap
/// can wait for: candidates with one do not take batches. Nor requests with tools that the provider runs: nothing bounds how often.
/// </para>
/// <para>
/// Every model that a request names must be allowed, those it may fall back to and those that advise it too.
/// </para>
/// </summary>
public static class PolicyEvaluator
{
    /// <summary>Stands for whatever model the provider may choose: matched by a pattern that leaves all of them open.</summary>
    private const string AnyModel = "claude-*";

    /// <summary>Decides which policies allow the request, and under which caps.</summary>
    /// <param name="snapshot">What is in force.</param>
    /// <param name="caller">Who asks.</param>
    /// <param name="request">What for.</param>
    /// <param name="at">When: temporary raises that hold then are in the caps. The default is before all of them.</param>
    public static PolicyDecision Evaluate(PolicySnapshot snapshot, Caller caller, ModelRequest request, DateTimeOffset at = default)
    {
        if (request.Kind is not (RequestKind.Messages or RequestKind.CountTokens or RequestKind.Models or RequestKind.Batches))
        {
            return Refusals.CallNotOffered();
        }

        var candidates = ImmutableArray.CreateBuilder<Candidate>();
        var ruleCaps = default(ImmutableArray<Cap>);
        var raises = new RaisesAt(snapshot.Raises, at);
        Refusal nearest = default;
        foreach (var policy in snapshot.Policies)
        {
            if (!policy.Enabled)
            {
                continue;
            }

            var groups = SharedGroups(policy.SourceGroups, caller.Groups);
            if (groups.IsEmpty)
            {
                continue;
            }

            var providers = Check(snapshot, policy, request, out var capture, out var refusal);
            if (providers.IsEmpty)
            {
                nearest = refusal.Step > nearest.Step ? refusal : nearest;
                continue;
            }

            if (IsFree(request.Kind))
            {
                Add(candidates, policy, groups[0], providers, [], capture);
                continue;
            }

            if (ruleCaps.IsDefault)
            {
                ruleCaps = ApplicableCaps.OfRules(snapshot.BudgetRules, caller, raises);
            }

            foreach (var group in ApplicableCaps.HasGroupCap(policy.Limits) ? groups : [groups[0]])
            {
                var caps = ApplicableCaps.Of(policy, group, caller.User, ruleCaps, raises);
                if ((request.Batch is not null || request.ProviderTools) && StrictOf(caps) is { } strict)
                {
                    nearest = nearest.Step < RefusalStep.StrictLimit ? new(RefusalStep.StrictLimit, policy, Strict: strict) : nearest;
                    continue;
                }

                Add(candidates, policy, group, providers, caps, capture);
            }
        }

        return candidates.Count > 0
            ? new PolicyDecision.Allowed(candidates.DrainToImmutable())
            : Refusals.Explain(nearest, caller, request);
    }

    /// <summary>Calls that cost nothing at the provider: a policy is needed, no cap counts them.</summary>
    private static bool IsFree(RequestKind kind) => kind is RequestKind.CountTokens or RequestKind.Models;

    private static void Add(
        ImmutableArray<Candidate>.Builder candidates,
        AccessPolicy policy,
        GroupId group,
        ImmutableArray<ProviderId> providers,
        ImmutableArray<Cap> caps,
        PromptCapture? capture)
    {
        foreach (var provider in providers)
        {
            candidates.Add(new(policy.Id, policy.Name, group, provider, caps, capture));
        }
    }

    /// <summary>Groups in both, in order of their ids; walks the smaller set.</summary>
    private static ImmutableArray<GroupId> SharedGroups(
        ImmutableSortedSet<GroupId> sources, ImmutableSortedSet<GroupId> callers)
    {
        var (few, many) = sources.Count <= callers.Count ? (sources, callers) : (callers, sources);
        var shared = ImmutableArray<GroupId>.Empty;
        foreach (var group in few)
        {
            if (many.Contains(group))
            {
                shared = shared.Add(group);
            }
        }

        return shared;
    }

    /// <summary>Every check of a policy whose group matched; the providers it leads to, or none and why.</summary>
    private static ImmutableArray<ProviderId> Check(
        PolicySnapshot snapshot, AccessPolicy policy, ModelRequest request, out PromptCapture? capture, out Refusal refusal)
    {
        capture = null;
        refusal = default;
        var providers = ImmutableArray<ProviderId>.Empty;
        var anyProvider = false;
        ModelRequest? notOffered = null;
        foreach (var id in policy.Providers)
        {
            if (snapshot.Providers.TryGetValue(id, out var provider))
            {
                anyProvider = true;
                var refused = FirstNot(request, provider, static (target, one) => Offers(target, one));
                notOffered ??= refused;
                providers = refused is null ? providers.Add(id) : providers;
            }
        }

        if (!anyProvider)
        {
            refusal = new(RefusalStep.Provider, policy);
            return [];
        }

        if (request.Kind is RequestKind.Batches && !policy.AllowBatches)
        {
            refusal = new(RefusalStep.Batches, policy);
            return [];
        }

        if (providers.IsEmpty)
        {
            refusal = new(RefusalStep.Model, policy, Offender: notOffered);
            return [];
        }

        foreach (var id in policy.Guardrails)
        {
            if (!snapshot.Guardrails.TryGetValue(id, out var guardrail))
            {
                // A check that cannot be made denies.
                refusal = new(RefusalStep.GuardrailMissing, policy);
                return [];
            }

            if (FirstNot(request, guardrail, static (rail, one) => AllowsModel(rail, one)) is { } otherModel)
            {
                refusal = new(RefusalStep.Model, policy, guardrail, otherModel);
                return [];
            }

            if (FirstNot(request, guardrail, static (rail, one) => AllowsMaxTokens(rail, one)) is { } tooLong)
            {
                refusal = new(RefusalStep.MaxTokens, policy, guardrail, tooLong);
                return [];
            }

            if (guardrail.Capture is { } asked)
            {
                // Several guardrails that capture: redacted when any of them wants it redacted.
                capture = new(asked.RedactPii || capture is { RedactPii: true });
            }
        }

        return providers;
    }

    /// <summary>The request that does not pass, of a batch the first one in it; null when all is well.</summary>
    private static ModelRequest? FirstNot<T>(ModelRequest request, T check, Func<T, ModelRequest, bool> passes)
    {
        if (request.Kind is not RequestKind.Batches)
        {
            return NotAsAnyModel(request, check, passes);
        }

        foreach (var one in request.Batch ?? [])
        {
            if (NotAsAnyModel(one, check, passes) is { } refused)
            {
                return refused;
            }
        }

        return null;
    }

    /// <summary>A request passes where it does with every model that may have a part in it.</summary>
    private static ModelRequest? NotAsAnyModel<T>(ModelRequest request, T check, Func<T, ModelRequest, bool> passes)
    {
        // What is told of a refusal is of the model that is in the way. Nothing is copied for a request that passes.
        if (!passes(check, request))
        {
            return request with { AnyFallback = false };
        }

        foreach (var model in request.OtherModels)
        {
            var other = request with { Model = model, AnyFallback = false };
            if (!passes(check, other))
            {
                return other;
            }
        }

        return request.AnyFallback && !passes(check, request with { Model = AnyModel }) ? request : null;
    }

    private static Cap? StrictOf(ImmutableArray<Cap> caps)
    {
        foreach (var cap in caps)
        {
            if (cap is { Strict: true, Soft: false })
            {
                return cap;
            }
        }

        return null;
    }

    private static bool Offers(PolicyProvider provider, ModelRequest request)
        => provider.Models.IsEmpty || NamesNoModel(request) || Matches(provider.Models, request.Model);

    /// <summary>An empty list allows nothing.</summary>
    private static bool AllowsModel(Guardrail guardrail, ModelRequest request)
        => guardrail.AllowedModels is not { } allowed || NamesNoModel(request) || Matches(allowed, request.Model);

    /// <summary>The list of models is for everyone whom a policy lets in; what is in it is checked when it is used.</summary>
    private static bool NamesNoModel(ModelRequest request)
        => request.Kind is RequestKind.Models && request.Model.Length == 0;

    /// <summary>The API requires <c>max_tokens</c>; a request without one cannot be held to a ceiling and is refused.</summary>
    private static bool AllowsMaxTokens(Guardrail guardrail, ModelRequest request)
        => guardrail.MaxTokens is not { } ceiling
            || request.Kind is not RequestKind.Messages
            || request.MaxOutputTokens <= ceiling;

    private static bool Matches(IEnumerable<string> patterns, string model)
    {
        foreach (var pattern in patterns)
        {
            if (ModelPattern.Matches(pattern, model))
            {
                return true;
            }
        }

        return false;
    }
}
