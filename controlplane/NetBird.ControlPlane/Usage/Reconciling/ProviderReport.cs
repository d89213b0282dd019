using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage.Reconciling;

/// <summary>What a provider says was used, of whole days (UTC).</summary>
/// <param name="Keys">Its keys, with the part of their text that it shows.</param>
/// <param name="Usage">Tokens by day, key and model.</param>
/// <param name="Costs">Money by day and model, of the whole organisation: the provider does not split it by key.</param>
internal sealed record ProviderReport(
    IReadOnlyList<ReportedKey> Keys, IReadOnlyList<ReportedUsage> Usage, IReadOnlyList<ReportedCost> Costs);

/// <summary>A key of the organisation.</summary>
/// <param name="Id">The provider's id of it.</param>
/// <param name="Name">Given by people there.</param>
/// <param name="Hint">As <c>sk-ant-api03-R2D...igAA</c>.</param>
internal sealed record ReportedKey(string Id, string Name, string Hint)
{
    private const string Gap = "...";

    /// <summary>Whether a secret has the ends that the hint shows. A hint that shows nothing fits none.</summary>
    public bool Fits(string secret)
    {
        var gap = Hint.IndexOf(Gap, StringComparison.Ordinal);
        return gap > 0 && Hint.Length > gap + Gap.Length
            && secret.StartsWith(Hint.AsSpan(0, gap), StringComparison.Ordinal)
            && secret.EndsWith(Hint[(gap + Gap.Length)..], StringComparison.Ordinal);
    }
}

/// <summary>Tokens of a day, key and model.</summary>
/// <param name="Day">UTC.</param>
/// <param name="Key">The provider's id; empty where it names none.</param>
/// <param name="Model">As the provider writes it.</param>
/// <param name="Tokens">By bucket.</param>
/// <param name="WebSearches">Searches that the provider ran.</param>
internal sealed record ReportedUsage(DateOnly Day, string Key, string Model, TokenUsage Tokens, long WebSearches);

/// <summary>Money of a day.</summary>
/// <param name="Day">UTC.</param>
/// <param name="What">A model, or what else is charged, such as <c>web_search</c>.</param>
/// <param name="Cost">Dollars, to the nano-dollar.</param>
internal sealed record ReportedCost(DateOnly Day, string What, NanoUsd Cost);

/// <summary>The provider's report cannot be had; the message says why and what to do, without the key.</summary>
internal sealed class ReportException(string message) : Exception(message);
