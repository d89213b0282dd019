using NetBird.Primitives;

namespace NetBird.Policy.Limits;

/// <summary>One ceiling on usage in the last <paramref name="Window"/>, at any moment.</summary>
/// <param name="Counter">Whose usage of what is counted. Equal keys are the same counter.</param>
/// <param name="Unit">Tokens or money.</param>
/// <param name="Limit">The most that may count, in <paramref name="Unit"/>; above zero.</param>
/// <param name="Window">At least 60 s.</param>
/// <param name="Strict">Reserve the upper bound, so that the cap is never passed; else an estimate.</param>
/// <param name="SourceName">Policy or budget rule, for refusals.</param>
/// <param name="Soft">Warns only: it is counted, and passing it refuses nobody.</param>
public sealed record Cap(
    CounterKey Counter, CapUnit Unit, long Limit, TimeSpan Window, bool Strict, string SourceName, bool Soft = false);

/// <summary>What a cap counts.</summary>
public enum CapUnit
{
    /// <summary>Every token once, whatever its bucket.</summary>
    Tokens = 1,

    /// <summary>Cost in 10^-9 dollars.</summary>
    NanoUsd = 2,
}

/// <summary>Whose usage a counter holds.</summary>
public enum CapScope
{
    /// <summary>One person's.</summary>
    User = 1,

    /// <summary>A group's, shared by all in it.</summary>
    Group = 2,

    /// <summary>Everyone's.</summary>
    Account = 3,
}

/// <summary>Identity of a counter: its source rule, its scope and who in it.</summary>
/// <param name="Source">Id of the policy or budget rule.</param>
/// <param name="Scope">User, group or account.</param>
/// <param name="Subject">User or group id; empty for the account.</param>
/// <param name="Unit">Tokens or money.</param>
/// <param name="FromRule">The source is a budget rule: a policy may carry the same id and is another counter.</param>
public readonly record struct CounterKey(
    string Source, CapScope Scope, string Subject, CapUnit Unit, bool FromRule = false);

/// <summary>A counter as people see it.</summary>
/// <param name="Cap">The cap.</param>
/// <param name="Used">What counts now.</param>
/// <param name="Reserved">What requests in flight hold.</param>
/// <param name="FreesUpAt">When the oldest usage stops counting, or null when nothing is used.</param>
public sealed record CounterReading(Cap Cap, long Used, long Reserved, DateTimeOffset? FreesUpAt);
