namespace NetBird.Agent.Identity;

/// <summary>How the issuer is spoken to: its answers are bounded, and it is never waited for long.</summary>
internal static class IssuerHttp
{
    /// <summary>Ours: discovery documents and token answers are a few KiB.</summary>
    private const int LargestAnswerBytes = 1024 * 1024;

    /// <summary>Ours: for one answer; an issuer takes tenths of a second, and a person waits in front of it.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public static HttpMessageHandler Handler() => new SaysThatNothingCame
    {
        InnerHandler = new SocketsHttpHandler
        {
            ConnectTimeout = TimeSpan.FromSeconds(5),
            ActivityHeadersPropagator = null,
            UseCookies = false,
        },
    };

    public static HttpClient Client() => new(Handler())
    {
        Timeout = Patience * 2,
        MaxResponseContentBufferSize = LargestAnswerBytes,
    };

    /// <summary>HttpClient reports its own time limit as a cancellation, which reads as if somebody had wanted it.</summary>
    private sealed class SaysThatNothingCame : DelegatingHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            patience.CancelAfter(Patience);
            try
            {
                return await base.SendAsync(request, patience.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
            {
                throw new HttpRequestException($"no answer within {Patience.TotalSeconds:0} s", e);
            }
        }
    }
}
