namespace FakeAnthropic;

/// <summary>One request on its way to an answer.</summary>
internal sealed record Call(
    FakeUpstream Upstream, HttpContext Http, string RequestId, int Number, int Seed, string Target, byte[] Body)
{
    /// <summary>The body's meaning, once a route has read it.</summary>
    public MessageRequest? Message { get; init; }

    public CancellationToken Gone => Http.RequestAborted;

    /// <summary>A ledger entry of this call, with no tokens yet.</summary>
    public LedgerEntry Entry(string outcome, int status = 200) => new()
    {
        RequestId = RequestId,
        At = TimeProvider.System.GetUtcNow(),
        Kind = "messages",
        Model = Message?.AnsweringModel ?? "",
        Stream = Message?.Stream ?? false,
        Status = status,
        Outcome = outcome,
        SessionId = Http.Request.Headers["x-claude-code-session-id"],
        KeyId = AdminApi.IdOf(Http.Request.Headers["x-api-key"].ToString()),
        KeyNumber = Http.Request.Headers["x-api-key"] == Upstream.Key ? 1 : 2,
    };
}
