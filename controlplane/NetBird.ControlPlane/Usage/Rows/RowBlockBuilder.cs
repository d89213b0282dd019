using NetBird.Gateway.Metering;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage.Rows;

/// <summary>
/// Packs rows: a table of the words they share (people, groups, models, sessions) and, for each row, what a filter
/// asks for first. About 120 bytes a row, and a search reads a million of them in a fraction of a second.
/// </summary>
/// <remarks>
/// Stored format, version 1: version, words, rows; each row with its length in front, so that fields can be added at its end.
/// Read by <see cref="RowBlock"/>.
/// </remarks>
internal sealed class RowBlockBuilder
{
    internal const byte Version = 1;

    private readonly Dictionary<string, int> _words = new(StringComparer.Ordinal);
    private readonly ByteSink _wordBytes = new();
    private readonly ByteSink _rows = new();
    private readonly ByteSink _row = new();

    public int Count { get; private set; }

    public int Bytes => _rows.Length + _wordBytes.Length;

    public void Clear()
    {
        _words.Clear();
        _wordBytes.Clear();
        _rows.Clear();
        Count = 0;
    }

    public void Add(UsageRecord record)
    {
        _row.Clear();
        _row.Int64(record.Timestamp.UtcTicks);
        Word(record.User?.Value);
        _row.Varint(record.Groups.Length);
        foreach (var group in record.Groups)
        {
            Word(group.Value);
        }

        Word(record.Provider?.Value);
        Word(record.Policy?.Value);
        Word(record.Model);
        Word(record.SessionId);
        _row.Byte((byte)(record.DenyReason ?? 0));
        _row.Byte((byte)record.Kind);
        AddRest(record);
        _rows.Varint(_row.Length);
        _rows.Bytes(_row.Written);
        Count++;
    }

    public void WriteTo(ByteSink sink)
    {
        sink.Byte(Version);
        sink.Varint(_words.Count);
        sink.Bytes(_wordBytes.Written);
        sink.Varint(Count);
        sink.Bytes(_rows.Written);
    }

    public byte[] ToArray()
    {
        var sink = new ByteSink();
        WriteTo(sink);
        return sink.Written.ToArray();
    }

    private void AddRest(UsageRecord record)
    {
        _row.Text(record.Id.Value);
        Word(record.UserName);
        Word(record.Peer?.Value);
        Word(record.ChargedGroup?.Value);
        Word(record.AgentId);
        Word(record.DenyText);
        _row.Varint(Math.Max(0, record.StatusCode));
        _row.Varint(Math.Max(0, record.Duration.Ticks));
        _row.Varint(record.TimeToFirstByte is { } first ? Math.Max(0, first.Ticks) + 1 : 0);
        _row.Byte((byte)((record.Stream ? RowFlags.Stream : 0)
            | (record.PriceUnknown ? RowFlags.PriceUnknown : 0)
            | (record.Usage.Fast ? RowFlags.Fast : 0)
            | (record.Usage.InferenceInUs ? RowFlags.InferenceInUs : 0)));
        _row.Byte((byte)record.Completeness);
        _row.Byte((byte)record.Usage.Tier);
        _row.Varint(record.Usage.Tokens.Input);
        _row.Varint(record.Usage.Tokens.Output);
        _row.Varint(record.Usage.Tokens.CacheRead);
        _row.Varint(record.Usage.Tokens.CacheWrite5m);
        _row.Varint(record.Usage.Tokens.CacheWrite1h);
        _row.Varint(record.Usage.WebSearchRequests);
        _row.Varint(record.Usage.CodeExecutionRequests);
        _row.Varint(record.Cost.Value);
        _row.Text(record.ProviderRequestId ?? "");
        _row.Varint(Math.Max(0, record.RequestBytes));
        _row.Varint(Math.Max(0, record.ResponseBytes));

        // What came later stands at the end: rows from before end earlier.
        Word(record.KeyId);
    }

    /// <summary>Writes the word's number, 0 for none.</summary>
    private void Word(string? word)
    {
        if (word is null)
        {
            _row.Varint(0);
            return;
        }

        if (!_words.TryGetValue(word, out var number))
        {
            number = _words.Count + 1;
            _words.Add(word, number);
            _wordBytes.Text(word);
        }

        _row.Varint(number);
    }
}

/// <summary>Stored: never renumber.</summary>
[Flags]
internal enum RowFlags : byte
{
    Stream = 1,
    PriceUnknown = 2,
    Fast = 4,
    InferenceInUs = 8,
}
