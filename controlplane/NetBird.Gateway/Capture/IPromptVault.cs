using NetBird.Primitives;

namespace NetBird.Gateway.Capture;

/// <summary>Where captured prompts go: sealed, and looked at only with a trace.</summary>
public interface IPromptVault
{
    /// <summary>Keeps a prompt; what returned is durable.</summary>
    /// <exception cref="IOException">It was not kept; the request is refused (closed).</exception>
    ValueTask KeepAsync(CapturedPrompt prompt, CancellationToken cancellationToken);
}

/// <summary>What a request said.</summary>
/// <param name="Request">The request: its row in the access log has the same id.</param>
/// <param name="At">When.</param>
/// <param name="User">Who.</param>
/// <param name="UserName">Their name at that time.</param>
/// <param name="Model">The model asked for.</param>
/// <param name="SessionId">Claude Code's session, or null.</param>
/// <param name="Redacted">Personal data was taken out.</param>
/// <param name="Truncated">Older messages were left out.</param>
/// <param name="Json">UTF-8: <c>{"system": ..., "messages": [...]}</c>, as the request had them but for what was taken out.</param>
public sealed record CapturedPrompt(
    RequestId Request,
    DateTimeOffset At,
    UserId User,
    string UserName,
    string Model,
    string? SessionId,
    bool Redacted,
    bool Truncated,
    ReadOnlyMemory<byte> Json);
