using System.Collections.Immutable;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage;

/// <summary>Requests of one person under one Claude Code session id, within the range asked for.</summary>
/// <param name="SessionId">Claude Code's id. Two people who claim the same id are two sessions.</param>
/// <param name="User">The person.</param>
/// <param name="UserName">Their name at the last request.</param>
/// <param name="FirstAt">First request.</param>
/// <param name="LastAt">Last request.</param>
/// <param name="Turns">Requests to a model that were let through.</param>
/// <param name="Agents">Distinct subagents.</param>
/// <param name="Models">Models used, by name.</param>
/// <param name="Totals">Sums, refused requests included in their count.</param>
internal sealed record SessionSummary(
    string SessionId,
    UserId? User,
    string UserName,
    DateTimeOffset FirstAt,
    DateTimeOffset LastAt,
    long Turns,
    int Agents,
    ImmutableArray<string> Models,
    UsageTotals Totals);
