using NetBird.Agent.Enrolment;
using NetBird.WireGuard;

namespace NetBird.Agent.Tunnel;

/// <summary>How the tunnel is, at one moment.</summary>
/// <param name="IsOpen">The interface is up.</param>
/// <param name="Problem">Why it is not, for people; null when it is or was never asked for.</param>
/// <param name="Gateways">Each gateway with what is known of it; the one in use first among equals.</param>
internal sealed record TunnelReport(
    bool IsOpen, string? Problem, string Kind, string KindReason, string InterfaceName, IReadOnlyList<GatewayReport> Gateways)
{
    public static readonly TunnelReport Closed = new(false, null, "", "", "", []);

    public bool AnyAnswers => Gateways.Any(gateway => gateway.Answers);

    /// <summary>None answers, and one at least takes connections all the same.</summary>
    public bool Hangs => !AnyAnswers && Gateways.Any(gateway => gateway.Hangs);
}

/// <summary>One gateway of a report.</summary>
/// <param name="Hangs">It takes connections and answers nothing.</param>
internal sealed record GatewayReport(GatewayLink Link, PeerStatus? Peer, bool Answers, bool Hangs, bool IsActive);
