using System.Runtime.InteropServices;

namespace NetBird.ControlPlane.Usage.Sums;

/// <summary>What requests of one hour are summed by, as numbers of a <see cref="WordPool"/>. Ordered by person first.</summary>
/// <param name="User">The person.</param>
/// <param name="Charged">The group charged.</param>
/// <param name="Groups">All groups of the caller, ids joined by spaces: budget rules count by them.</param>
/// <param name="Policy">The policy charged.</param>
/// <param name="Provider">Where it went.</param>
/// <param name="Model">The model.</param>
/// <param name="Denied">Refused by us.</param>
internal readonly record struct SumKey(
    int User, int Charged, int Groups, int Policy, int Provider, int Model, bool Denied) : IComparable<SumKey>
{
    public int Part(OverviewKey by) => by switch
    {
        OverviewKey.User => User,
        OverviewKey.Group => Charged,
        OverviewKey.Model => Model,
        _ => Provider,
    };

    public int CompareTo(SumKey other)
        => User != other.User ? User.CompareTo(other.User)
            : Charged != other.Charged ? Charged.CompareTo(other.Charged)
            : Model != other.Model ? Model.CompareTo(other.Model)
            : Groups != other.Groups ? Groups.CompareTo(other.Groups)
            : Policy != other.Policy ? Policy.CompareTo(other.Policy)
            : Provider != other.Provider ? Provider.CompareTo(other.Provider)
            : Denied.CompareTo(other.Denied);
}

internal static class SumsByWord
{
    /// <summary>Adds to a word's sum, or takes off it.</summary>
    public static void Add(this Dictionary<int, UsageTotals> byWord, int word, in UsageTotals totals, int sign)
    {
        ref var sum = ref CollectionsMarshal.GetValueRefOrAddDefault(byWord, word, out _);
        sum = sign > 0 ? sum + totals : sum - totals;
    }
}
