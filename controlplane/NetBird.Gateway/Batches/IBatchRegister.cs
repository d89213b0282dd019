using NetBird.Primitives;

namespace NetBird.Gateway.Batches;

/// <summary>Who created which batch. The provider's key is everybody's, so that only this tells whose a batch is.</summary>
public interface IBatchRegister
{
    /// <summary>A batch, or null when none of this id was created here.</summary>
    /// <exception cref="IOException">The register cannot be read; the caller refuses (closed).</exception>
    ValueTask<RegisteredBatch?> FindAsync(string id, CancellationToken cancellationToken);

    /// <summary>Keeps a batch; what returned is durable. Entries older than the provider keeps results are forgotten.</summary>
    /// <exception cref="IOException">It was not kept.</exception>
    ValueTask AddAsync(RegisteredBatch batch, CancellationToken cancellationToken);
}

/// <summary>A batch as it was created.</summary>
/// <param name="Id">The provider's id.</param>
/// <param name="Provider">Where it is.</param>
/// <param name="User">Whose it is.</param>
/// <param name="Policy">What allowed it.</param>
/// <param name="Group">Which group it is charged to.</param>
/// <param name="SessionId">Claude Code's session, or null.</param>
/// <param name="CreatedAt">When: its price is the price of that day.</param>
/// <param name="Requests">How many.</param>
/// <param name="Bytes">Of all of them.</param>
public sealed record RegisteredBatch(
    string Id, ProviderId Provider, UserId User, PolicyId Policy, GroupId Group, string? SessionId, DateTimeOffset CreatedAt, int Requests, long Bytes)
{
    /// <summary>Ours: the provider keeps results for 29 days.</summary>
    public static readonly TimeSpan KeptFor = TimeSpan.FromDays(60);
}
