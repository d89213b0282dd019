using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace FakeAnthropic;

/// <summary>What the provider would put on its bill: one entry for each answer.</summary>
public sealed class Ledger(string? file) : IDisposable
{
    private readonly ConcurrentQueue<LedgerEntry> _entries = new();
    private readonly Lock _fileLock = new();
    private readonly StreamWriter? _file = file is null ? null : new(file, append: true) { AutoFlush = true };

    public IReadOnlyList<LedgerEntry> Entries => [.. _entries];

    public void Clear() => _entries.Clear();

    public void Dispose() => _file?.Dispose();

    /// <summary>Also for tests that want an entry of another day.</summary>
    public void Add(LedgerEntry entry)
    {
        _entries.Enqueue(entry);
        if (_file is not null)
        {
            lock (_fileLock)
            {
                _file.WriteLine(JsonSerializer.Serialize(entry, Json.Wire));
            }
        }
    }
}

/// <summary>One answer. JSON names are the snake_case of these.</summary>
public sealed record LedgerEntry
{
    public required string RequestId { get; init; }

    public required DateTimeOffset At { get; init; }

    /// <summary>messages, count_tokens, models, batch.</summary>
    public required string Kind { get; init; }

    /// <summary>The model that answered.</summary>
    public required string Model { get; init; }

    public bool Stream { get; init; }

    public int Status { get; init; } = 200;

    /// <summary>completed; cut (by the caller or by a scenario); error (nothing is billed).</summary>
    public required string Outcome { get; init; }

    public long InputTokens { get; init; }

    /// <summary>Of the whole answer, also where it was cut.</summary>
    public long OutputTokens { get; init; }

    public long CacheReadInputTokens { get; init; }

    [JsonPropertyName("cache_creation_5m_input_tokens")]
    public long CacheCreation5mInputTokens { get; init; }

    [JsonPropertyName("cache_creation_1h_input_tokens")]
    public long CacheCreation1hInputTokens { get; init; }

    public long WebSearchRequests { get; init; }

    public string ServiceTier { get; init; } = "standard";

    public string InferenceGeo { get; init; } = "";

    public string Speed { get; init; } = "standard";

    /// <summary>Usage as the scenario sent it: figures, none, malformed.</summary>
    public string UsageForm { get; init; } = "figures";

    /// <summary>Events written before the end, complete ones only.</summary>
    public int SentEvents { get; init; }

    /// <summary>Output tokens of the deltas written: what a cut answer is billed by.</summary>
    public long SentOutputTokens { get; init; }

    /// <summary>What the caller could know: none, start (input figures), final (all of it).</summary>
    public string SentUsage { get; init; } = "none";

    public string? SessionId { get; init; }

    /// <summary>The provider's id of the key.</summary>
    public string KeyId { get; init; } = "";

    public int KeyNumber { get; init; }
}
