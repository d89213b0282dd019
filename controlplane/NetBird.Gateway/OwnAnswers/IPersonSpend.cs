using NetBird.Primitives;

namespace NetBird.Gateway.OwnAnswers;

/// <summary>What a person spent, where no limit counts it. Asked when somebody opens Claude Code's <c>/usage</c> page, seldom.</summary>
public interface IPersonSpend
{
    /// <summary>Over the last day, 7 and 30 days.</summary>
    /// <exception cref="IOException">The ledger cannot be read.</exception>
    ValueTask<PersonSpend> OfAsync(UserId user, DateTimeOffset now, CancellationToken cancellationToken);
}

/// <summary>Cost of a person's requests.</summary>
public readonly record struct PersonSpend(NanoUsd Day, NanoUsd Week, NanoUsd Month);
