namespace NetBird.Gateway;

/// <summary>Settings of the gateway; read-only after start.</summary>
public sealed class GatewayOptions
{
    /// <summary>The most a request body may have. 32 MB: Anthropic's own ceiling for <c>/v1/messages</c>.</summary>
    public long MaxBodyBytes { get; set; } = 32 * 1024 * 1024;

    /// <summary>
    /// After how much silence of a provider mid-stream we send an <c>event: ping</c> of our own. 15 s; Claude Code gives a stream
    /// up after 300 s.
    /// </summary>
    public TimeSpan SilenceBeforePing { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>How long a connection to a provider may take to come up. 10 s.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a provider may take to the first byte of its answer. 10 minutes: the SDK's own limit.</summary>
    public TimeSpan AnswerTimeout { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// How long we go on reading after the caller left, to learn the usage of an answer that was already on its way. 200 ms; then
    /// the provider is told by closing the connection. Under a strict cap, and while a batch is made, it is <see cref="AnswerTimeout"/>.
    /// </summary>
    public TimeSpan GraceAfterCallerLeft { get; set; } = TimeSpan.FromMilliseconds(200);
}
