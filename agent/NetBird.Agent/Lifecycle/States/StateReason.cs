namespace NetBird.Agent.Lifecycle.States;

/// <summary>Why the agent is in a state, apart from what to do about it.</summary>
/// <param name="Lack">What happened or is lacking, in whole sentences; empty when all is well.</param>
/// <param name="Remedy">The command that mends it; empty where there is none, or it mends itself.</param>
/// <param name="Lead">The words before the command.</param>
internal readonly record struct StateReason(string Lack, string Remedy = "", string Lead = "Run:")
{
    /// <summary>Both, for people.</summary>
    public override string ToString() => Remedy.Length == 0 ? Lack : $"{Lack} {Lead} {Remedy}";
}
