namespace NetBird.Agent.Identity;

/// <summary>How the issuer is spoken to: its answers are bounded, and it is never waited for long.</summary>
internal static class IssuerHttp
{
    /// <summary>Ours: discovery documents and token answers are a few KiB.</summary>
    private const int LargestAnswerBytes = 1024 * 1024;

    public static HttpMessageHandler Handler() => new SocketsHttpHandler
    {
        ConnectTimeout = TimeSpan.FromSeconds(5),
        ActivityHeadersPropagator = null,
        UseCookies = false,
    };

    public static HttpClient Client() => new(Handler())
    {
        Timeout = TimeSpan.FromSeconds(15),
        MaxResponseContentBufferSize = LargestAnswerBytes,
    };
}
