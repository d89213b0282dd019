using NetBird.ControlPlane.Policies;
using NetBird.ControlPlane.Store;
using NetBird.Policy;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Dashboard.Viewing;

/// <summary>What policies, guardrails and budget rules do, in plain sentences.</summary>
internal sealed class Sentences(IConfigurationStore store, DisplayNames names)
{
    private const int NamesInASentence = 11;
    private const int LettersInASentence = 320;

    public string Of(PolicyRecord policy) => Policy(
        policy.SourceGroups, policy.Providers, policy.Guardrails, policy.Limits.ToLimits());

    public string Policy(
        IEnumerable<GroupId> groups, IEnumerable<ProviderId> providers, IEnumerable<GuardrailId> guardrails, PolicyLimits limits)
    {
        var who = List(groups.Select(id => id == Groups.Group.AllId ? "everyone" : names.Group(id)), "nobody yet");
        var where = List(providers.Select(id => names.Provider(id)), "no provider yet");
        var rails = guardrails.Select(id => store.Current.Guardrails.GetValueOrDefault(id)).OfType<GuardrailRecord>().Select(Rail).ToList();
        return $"{Capital(who)} may use {where}{(rails.Count == 0 ? "" : ", " + string.Join(", ", rails))}. {Limits(limits)}";
    }

    public string Of(BudgetRuleRecord rule)
    {
        var who = rule.TargetGroups.IsEmpty && rule.TargetUsers.IsEmpty
            ? "everyone"
            : List(rule.TargetGroups.Select(id => names.Group(id)).Concat(rule.TargetUsers.Select(id => names.User(id))), "nobody");
        return $"Whatever policies allow, for {who}: {Limits(rule.Limits.ToLimits())}";
    }

    public static string Of(GuardrailRecord rail)
    {
        var text = Rail(rail);
        return text.Length == 0 ? "Checks nothing." : Capital(text) + ".";
    }

    /// <summary>A sentence of its own.</summary>
    public static string Limits(PolicyLimits limits)
    {
        var parts = new List<string>();
        Add(limits.Money, value => Figures.Usd(new NanoUsd(value)));
        Add(limits.Tokens, value => Figures.Count(value) + " tokens");
        return parts.Count == 0 ? "There is no limit." : Capital(string.Join(" and ", parts)) + ".";

        void Add(Limit? limit, Func<long, string> text)
        {
            if (limit is null)
            {
                return;
            }

            var window = $"in any {Figures.Window(limit.Window)}" + (limit.Strict ? ", never exceeded" : limit.Soft ? ", beyond which there is a warning and no refusal" : "");
            if (limit.UserCap > 0)
            {
                parts.Add($"each person may use up to {text(limit.UserCap)} {window}");
            }

            if (limit.GroupCap > 0)
            {
                parts.Add($"each group together up to {text(limit.GroupCap)} {window}");
            }
        }
    }

    private static string Rail(GuardrailRecord rail)
    {
        var parts = new List<string>();
        if (rail.AllowlistEnabled)
        {
            parts.Add(rail.AllowedModels.IsEmpty ? "no model at all" : "only " + List(rail.AllowedModels, ""));
        }

        if (rail.MaxTokensEnabled)
        {
            parts.Add($"answers of at most {Figures.Count(rail.MaxTokens)} tokens");
        }

        if (rail.CaptureEnabled)
        {
            parts.Add("prompts are kept" + (rail.CaptureRedactPii ? " without personal data" : ""));
        }

        return string.Join(", ", parts);
    }

    /// <summary>The first few by name, ten at most: a sentence that goes on for a page says nothing, and the editor has them all.</summary>
    public static string List(IEnumerable<string> items, string none)
    {
        var all = items.ToList();
        return all.Count switch
        {
            0 => none,
            1 => all[0],
            var count when Told(all) is var told && told < count => string.Join(", ", all.Take(told)) + $" and {Figures.Count(count - told)} more",
            _ => string.Join(", ", all.Take(all.Count - 1)) + " and " + all[^1],
        };
    }

    /// <summary>How many of some names a sentence tells.</summary>
    private static int Told(List<string> names)
    {
        if (names.Count <= NamesInASentence && names.Sum(name => name.Length) <= LettersInASentence)
        {
            return names.Count;
        }

        var (told, letters) = (0, 0);
        while (told < Math.Min(names.Count, NamesInASentence - 1) && (told == 0 || letters + names[told].Length <= LettersInASentence))
        {
            letters += names[told++].Length;
        }

        return told;
    }

    private static string Capital(string text) => text.Length == 0 ? text : char.ToUpperInvariant(text[0]) + text[1..];
}
