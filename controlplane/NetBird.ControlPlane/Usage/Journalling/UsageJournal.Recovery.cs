using System.Buffers.Binary;
using NetBird.ControlPlane.Usage.Rows;
using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage.Journalling;

/// <summary>The start: what the last process left is read back before anything is accepted.</summary>
internal sealed partial class UsageJournal
{
    /// <summary>Ours, for a row that a crash left without any figure: what an answer is taken to have been.</summary>
    private const long UnseenOutputTokens = 1_000;

    /// <summary>Opens the journal of a state directory and starts handing records to the ledger.</summary>
    /// <param name="directory">Of the segments; made where it is not.</param>
    /// <param name="ledger">Gets every record, in order.</param>
    /// <param name="finished">Told of each finished record at once, those read back included, before the ledger has it.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Faults and their end.</param>
    /// <param name="cancellationToken">Gives up opening.</param>
    /// <exception cref="IOException">The directory or the ledger cannot be used.</exception>
    public static async Task<UsageJournal> OpenAsync(
        string directory,
        IUsageLedger ledger,
        Action<UsageRecord> finished,
        TimeProvider time,
        ILogger<UsageJournal> logger,
        CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(directory);
        var journal = new UsageJournal(directory, ledger, finished, time, logger);
        journal.Recover(await ledger.LastSequenceAsync(cancellationToken));
        journal._loop = journal.RunAsync();
        return journal;
    }

    private void Recover(long ledgerHas)
    {
        var begun = new Dictionary<RequestId, UnderWay>();
        _sequence = ledgerHas;
        DateTimeOffset newest = default;
        foreach (var path in Directory.GetFiles(_directory, "*.journal").Order(StringComparer.Ordinal))
        {
            _segmentNumber = Math.Max(_segmentNumber, long.TryParse(Path.GetFileNameWithoutExtension(path), out var n) ? n : 0);
            var frames = JournalSegment.ReadFrames(path, out var torn);
            if (torn > 0)
            {
                Log.TornTail(_logger, Path.GetFileName(path), torn);
            }

            foreach (var frame in frames)
            {
                if (frame[0] is not (BeginFrame or CompleteFrame))
                {
                    continue;
                }

                var sequence = BinaryPrimitives.ReadInt64LittleEndian(frame.AsSpan(1));
                var record = new RowBlock(frame[9..]).All().Single();
                newest = Later(newest, record.Timestamp + record.Duration);
                var whole = record.Kind is RequestKind.Part ? begun.GetValueOrDefault(UsageRecord.WholeId(record.Id)) : null;
                if (frame[0] == BeginFrame)
                {
                    // A request's own comes before those of what is billed beside it, and takes the place of all there were.
                    if (whole is null)
                    {
                        begun[record.Id] = new(record, []);
                    }
                    else
                    {
                        whole.Beside.Add(record);
                    }

                    continue;
                }

                begun.Remove(record.Id);
                whole?.Beside.RemoveAll(part => part.Id == record.Id);
                _recent.Add(record.Id);
                if (sequence > ledgerHas && sequence > _sequence)
                {
                    _sequence = sequence;
                    _ready.Add(new(sequence, record));
                    _finished(record);
                }
            }

            _old.Add((path, _sequence));
        }

        _segment = JournalSegment.Create(SegmentPath(++_segmentNumber));
        foreach (var record in begun.Values.OrderBy(request => request.Record.Timestamp).SelectMany(request => request.Beside.Append(request.Record)))
        {
            // Written as finished before anything else happens: a crash during recovery finds it done.
            var interrupted = RecordBounds.Apply(Interrupted(record, newest));
            if (_recent.Add(record.Id) && !TryCompleteLocked(interrupted))
            {
                throw new IOException("The usage journal cannot be written.");
            }

            _finished(interrupted);
            Log.Interrupted(_logger, record.Id, record.UserName);
        }

        Log.Opened(_logger, _ready.Count, begun.Count);
    }

    /// <summary>
    /// A request that the last process did not see the end of: with the figures it began with, or where it had none, a token for
    /// every four bytes of its body and an answer of 1,000 tokens. It ended, at the latest, with the last sign of life.
    /// </summary>
    private static UsageRecord Interrupted(UsageRecord record, DateTimeOffset lastSign)
    {
        var usage = record.Usage;
        var cost = record.Cost;
        var unknown = record.PriceUnknown;
        if (usage == default && record.Kind is RequestKind.Messages)
        {
            usage = new(new TokenUsage(record.RequestBytes / 4, UnseenOutputTokens));
        }

        if (cost == NanoUsd.Zero && usage != default)
        {
            var priced = PriceTable.Default.Price(record.Provider ?? default, record.Model, usage, record.Timestamp);
            (cost, unknown) = (priced.Cost, !priced.Known);
        }

        return record with
        {
            Usage = usage,
            Cost = cost,
            PriceUnknown = unknown,
            Completeness = Completeness.Interrupted,
            Duration = lastSign > record.Timestamp ? lastSign - record.Timestamp : TimeSpan.Zero,
        };
    }

    private static DateTimeOffset Later(DateTimeOffset a, DateTimeOffset b) => a > b ? a : b;
}
