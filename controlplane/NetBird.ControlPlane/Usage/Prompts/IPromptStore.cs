using System.Collections.Immutable;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage.Prompts;

/// <summary>Sealed prompts. LiteDB in one process, PostgreSQL for several.</summary>
internal interface IPromptStore
{
    /// <exception cref="IOException">It was not kept.</exception>
    ValueTask AddAsync(SealedPrompt prompt, CancellationToken cancellationToken);

    /// <exception cref="IOException">It cannot be read.</exception>
    ValueTask<SealedPrompt?> FindAsync(RequestId request, CancellationToken cancellationToken);

    /// <summary>What is kept, newest first, without what was said.</summary>
    ValueTask<ImmutableArray<SealedPrompt>> ListAsync(UserId? user, int most, CancellationToken cancellationToken);

    /// <summary>Drops prompts from before a moment; says how many.</summary>
    ValueTask<long> DropAsync(DateTimeOffset before, CancellationToken cancellationToken);
}

/// <summary>A prompt at rest.</summary>
/// <param name="Request">Whose.</param>
/// <param name="At">When.</param>
/// <param name="User">Who.</param>
/// <param name="Sealed">What was said; empty in lists.</param>
internal sealed record SealedPrompt(RequestId Request, DateTimeOffset At, UserId User, byte[] Sealed);
