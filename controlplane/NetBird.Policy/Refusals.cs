using System.Collections.Immutable;
using System.Globalization;
using NetBird.Policy.Limits;

namespace NetBird.Policy;

/// <summary>How far a policy came before it refused; further is nearer to allowing.</summary>
internal enum RefusalStep
{
    /// <summary>No policy names a group of the caller.</summary>
    Group = 0,

    /// <summary>The policy leads to no provider that is enabled.</summary>
    Provider = 1,

    /// <summary>Batches are not switched on.</summary>
    Batches = 2,

    /// <summary>A guardrail that the policy names is not there.</summary>
    GuardrailMissing = 3,

    /// <summary>The model is not offered, or not allowed.</summary>
    Model = 4,

    /// <summary>Over the ceiling.</summary>
    MaxTokens = 5,

    /// <summary>A batch, or tools that the provider runs, under a strict cap.</summary>
    StrictLimit = 6,
}

/// <summary>Where one policy refused. The default value is "no policy matched".</summary>
/// <param name="Step">How far it came.</param>
/// <param name="Policy">Which policy.</param>
/// <param name="Guardrail">Which guardrail of it, where one refused.</param>
/// <param name="Offender">What did not pass: of a batch one request in it; null: the request itself.</param>
/// <param name="Strict">The strict cap that takes nothing without a bound.</param>
internal readonly record struct Refusal(
    RefusalStep Step, AccessPolicy? Policy, Guardrail? Guardrail = null, ModelRequest? Offender = null, Cap? Strict = null);

/// <summary>
/// The sentences refused people read. They say what happened and what would have been allowed; the gateway adds
/// whom to ask. Names of policies are the account's own words; the caller's model id is cut and cleaned.
/// </summary>
internal static class Refusals
{
    private const int ModelsShown = 6;
    private const int TextShown = 80;

    public static PolicyDecision.Denied CallNotOffered()
        => new(DenyReason.CallNotOffered, "This call of the API is not offered here.");

    public static PolicyDecision.Denied Explain(Refusal refusal, Caller caller, ModelRequest request)
    {
        var policy = Clean(refusal.Policy?.Name ?? "");
        request = refusal.Offender ?? request;
        return refusal.Step switch
        {
            RefusalStep.Group when caller.Groups.IsEmpty => new(
                DenyReason.NoMatchingPolicy, "No policy gives you access: you are in no group, and access is given to groups."),
            RefusalStep.Group => new(
                DenyReason.NoMatchingPolicy, "No policy gives you access: none of your groups is named by an enabled policy."),
            RefusalStep.Provider => new(
                DenyReason.NoMatchingPolicy, $"Policy \"{policy}\" covers you but leads to no enabled provider."),
            RefusalStep.Batches => new(
                DenyReason.CallNotOffered, $"Batches are not offered: policy \"{policy}\" does not allow them."),
            RefusalStep.GuardrailMissing => new(
                DenyReason.CheckFailed, $"Policy \"{policy}\" names a guardrail that does not exist, so the request cannot be checked."),
            RefusalStep.Model when request.AnyFallback => new(
                DenyReason.ModelNotAllowed,
                $"The `fallbacks` parameter is not supported as \"default\" here: the provider would choose the model, and policy \"{policy}\" allows only some. Name the models to fall back to."),
            RefusalStep.Model when request.Model.Length == 0 => new(
                DenyReason.ModelNotAllowed, $"Policy \"{policy}\" allows only some models, and this request names none."),
            RefusalStep.Model when refusal.Guardrail is null => new(
                DenyReason.ModelNotAllowed,
                $"Model \"{Clean(request.Model)}\" is not offered by the providers of policy \"{policy}\"."),
            RefusalStep.Model => new(
                DenyReason.ModelNotAllowed,
                $"Model \"{Clean(request.Model)}\" is not allowed by policy \"{policy}\". {Allowed(refusal.Guardrail)}"),
            RefusalStep.MaxTokens => new(DenyReason.MaxTokensTooHigh, MaxTokens(refusal.Guardrail!, request, policy)),
            RefusalStep.StrictLimit when request.Batch is null => new(
                DenyReason.CallNotOffered,
                $"Tools that the provider runs (web search, code execution, MCP servers, advisors, tool search), and compaction on the way, are not offered under the strict limit of \"{Clean(refusal.Strict!.SourceName)}\": how often it runs them is known only afterwards."),
            RefusalStep.StrictLimit => new(
                DenyReason.CallNotOffered,
                $"Batches are not offered under the strict limit of \"{Clean(refusal.Strict!.SourceName)}\": what a batch costs is known only when its results are read."),
            _ => throw new ArgumentOutOfRangeException(nameof(refusal), refusal.Step, "Not a step."),
        };
    }

    private static string Allowed(Guardrail guardrail)
    {
        var models = guardrail.AllowedModels ?? [];
        if (models.IsEmpty)
        {
            return $"Guardrail \"{Clean(guardrail.Name)}\" allows no model at all.";
        }

        var shown = string.Join(", ", models.Take(ModelsShown).Select(Clean));
        return models.Length > ModelsShown
            ? string.Create(CultureInfo.InvariantCulture, $"Allowed are {shown} and {models.Length - ModelsShown} more.")
            : $"Allowed: {shown}.";
    }

    private static string MaxTokens(Guardrail guardrail, ModelRequest request, string policy)
        => request.MaxOutputTokens is { } asked
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"max_tokens {asked} is over the ceiling of {guardrail.MaxTokens} that policy \"{policy}\" sets.")
            : string.Create(
                CultureInfo.InvariantCulture,
                $"The request sets no max_tokens, and policy \"{policy}\" has a ceiling of {guardrail.MaxTokens}.");

    /// <summary>Text from outside: at most 80 characters, and nothing that moves a terminal's cursor or breaks a line.</summary>
    private static string Clean(string text)
    {
        var cut = text.Length > TextShown ? string.Concat(text.AsSpan(0, TextShown), "...") : text;
        return cut.Any(IsUnsafe) ? string.Concat(cut.Select(c => IsUnsafe(c) ? '?' : c)) : cut;
    }

    private static bool IsUnsafe(char c) => char.IsControl(c) || char.IsSurrogate(c) || c is '"' or '\u2028' or '\u2029'
        || char.GetUnicodeCategory(c) is UnicodeCategory.Format;
}
