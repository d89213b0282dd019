namespace NetBird.ControlPlane.Usage.Sums;

/// <summary>What requests of one hour are summed by, as numbers of a <see cref="WordPool"/>.</summary>
/// <param name="User">The person.</param>
/// <param name="Charged">The group charged.</param>
/// <param name="Groups">All groups of the caller, ids joined by spaces: budget rules count by them.</param>
/// <param name="Policy">The policy charged.</param>
/// <param name="Provider">Where it went.</param>
/// <param name="Model">The model.</param>
/// <param name="Denied">Refused by us.</param>
internal readonly record struct SumKey(
    int User, int Charged, int Groups, int Policy, int Provider, int Model, bool Denied);
