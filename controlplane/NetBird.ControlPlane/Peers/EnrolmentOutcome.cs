using NetBird.ControlPlane.Users;

namespace NetBird.ControlPlane.Peers;

/// <summary>What became of an enrolment.</summary>
/// <param name="Sentence">For the person; empty when it went well.</param>
internal abstract record EnrolmentOutcome(string Sentence)
{
    /// <summary>The machine is in.</summary>
    public sealed record Enrolled(Peer Peer, User User) : EnrolmentOutcome("");

    /// <summary>Known, and not permitted.</summary>
    public sealed record Refused(string Why) : EnrolmentOutcome(Why);

    /// <summary>The secret is not accepted.</summary>
    public sealed record NotBelieved(string Why) : EnrolmentOutcome(Why);

    /// <summary>The machine was removed meanwhile.</summary>
    public sealed record Gone() : EnrolmentOutcome("This machine was removed.");

    /// <summary>Every overlay address is taken.</summary>
    public sealed record Full() : EnrolmentOutcome("Every address of the overlay is taken. Ask your administrator to remove machines.");
}
