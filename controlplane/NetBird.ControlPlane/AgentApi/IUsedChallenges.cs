namespace NetBird.ControlPlane.AgentApi;

/// <summary>Which nonces a proof was made over, until they expire.</summary>
internal interface IUsedChallenges
{
    /// <summary>True for the first that names it.</summary>
    /// <param name="nonce">As it was given out.</param>
    /// <param name="expires">When it may be forgotten.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="IOException">It cannot be remembered; the proof is refused.</exception>
    ValueTask<bool> TryAddAsync(string nonce, DateTimeOffset expires, CancellationToken cancellationToken);
}
