using System.Collections.Immutable;

namespace NetBird.Policy;

/// <summary>What a call asks for, read from its path and body before anything is decided.</summary>
/// <param name="Kind">Which call of the provider's API.</param>
/// <param name="Model">Model id as the caller wrote it; empty where the call names none.</param>
/// <param name="Stream">Whether the answer is to be streamed.</param>
/// <param name="MaxOutputTokens">The caller's <c>max_tokens</c>, or null where it set none.</param>
/// <param name="BodyBytes">Bytes of the request body: the bound from which input tokens are estimated.</param>
/// <param name="SessionId">Claude Code's session, or null.</param>
/// <param name="AgentId">Claude Code's subagent, or null.</param>
/// <param name="Fast">The caller asked for fast mode.</param>
/// <param name="CacheWrite1h">The body asks for one-hour cache writes, the dearest place input can go.</param>
/// <param name="UnboundedInput">
/// The body refers to input whose tokens its bytes do not bound (an image, a document, a URL, a file id, a tool that
/// the provider runs): strict limits then reserve the longest prompt a model takes.
/// </param>
/// <param name="AddedPrompt">
/// The body asks for something for which the provider puts words of its own into the prompt (tools, a format of the answer, skills).
/// </param>
/// <param name="ProviderTools">
/// The body offers what the provider runs by itself, as often as it likes, each time with a prompt or a fee: tools of its own, compaction on the way.
/// </param>
/// <param name="OtherModels">Models beside it that the body names, by which the request may be answered or helped: fallbacks, advisors. Default: none.</param>
/// <param name="AnyFallback">The body leaves it to the provider by which other model the request is answered when its own declines.</param>
/// <param name="Batch">The requests of a batch that is being created, each as if it came by itself; null for every other call.</param>
public sealed record ModelRequest(
    RequestKind Kind,
    string Model,
    bool Stream,
    long? MaxOutputTokens,
    long BodyBytes,
    string? SessionId = null,
    string? AgentId = null,
    bool Fast = false,
    bool CacheWrite1h = false,
    bool UnboundedInput = false,
    bool AddedPrompt = false,
    bool ProviderTools = false,
    ImmutableArray<ModelRequest>? Batch = null,
    ImmutableArray<string> OtherModels = default,
    bool AnyFallback = false)
{
    /// <summary>Models beside it that the body names; empty where it names none.</summary>
    public ImmutableArray<string> OtherModels { get; init => field = Named(value); } = Named(OtherModels);

    private static ImmutableArray<string> Named(ImmutableArray<string> models) => models.IsDefault ? [] : models;
}

/// <summary>The provider's calls that policy tells apart. Stored: add at the end.</summary>
public enum RequestKind
{
    /// <summary><c>POST /v1/messages</c>.</summary>
    Messages = 1,

    /// <summary><c>POST /v1/messages/count_tokens</c>: free, needs a policy, counts against no cap.</summary>
    CountTokens = 2,

    /// <summary><c>GET /v1/models[/{id}]</c>: free, needs a policy.</summary>
    Models = 3,

    /// <summary><c>/v1/messages/batches...</c>: refused unless a policy says so.</summary>
    Batches = 4,

    /// <summary>Anything else: refused.</summary>
    Other = 5,

    /// <summary>One result of a batch, recorded when it is read for the first time; never a call of its own.</summary>
    BatchResult = 6,

    /// <summary>
    /// What the provider ran within a request and bills beside it, told in <c>usage.iterations</c>: the advice of another model, a compaction.
    /// Never a call of its own.
    /// </summary>
    Part = 7,
}
