using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace FakeAnthropic;

/// <summary>Every request as it arrived.</summary>
public sealed class RequestLog
{
    private readonly ConcurrentQueue<RecordedRequest> _requests = new();

    public IReadOnlyList<RecordedRequest> All => [.. _requests];

    /// <summary>Requests that a real upstream would have refused, or that carried what must never leave the gateway.</summary>
    public IReadOnlyList<RecordedRequest> Violations => [.. _requests.Where(r => r.Violations.Count > 0)];

    public void Clear() => _requests.Clear();

    internal void Add(RecordedRequest request) => _requests.Enqueue(request);
}

/// <summary>One request; a repeated header is there as often as it came.</summary>
public sealed record RecordedRequest(
    int Number,
    string RequestId,
    string Method,
    string Target,
    IReadOnlyList<KeyValuePair<string, string>> Headers,
    byte[] Body,
    IReadOnlyList<string> Violations)
{
    public string BodySha256 { get; } = Convert.ToHexStringLower(SHA256.HashData(Body));

    /// <summary>Every value of a header, in order.</summary>
    public IReadOnlyList<string> HeaderValues(string name)
        => [.. Headers.Where(h => h.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Select(h => h.Value)];
}
