using System.Text.Json;
using NetBird.ControlPlane.Store;

namespace NetBird.ControlPlane.Audit;

/// <summary>Outcome of checking the whole audit log.</summary>
/// <param name="Entries">How many were read.</param>
/// <param name="Faults">What is wrong, first one first; empty: nothing. At most <see cref="MaxFaults"/>.</param>
internal sealed record AuditVerification(long Entries, IReadOnlyList<string> Faults)
{
    /// <summary>One edit can make every later entry wrong; the first few say where.</summary>
    public const int MaxFaults = 20;

    public static async Task<AuditVerification> RunAsync(
        IDocumentStore documents, AuditChain chain, CancellationToken cancellationToken)
    {
        // The head is read first: entries that are appended while we read lie beyond it.
        var expected = (await documents.ReadAsync(cancellationToken)).AuditHead;
        var faults = new List<string>();
        var previous = AuditHead.Empty;
        var entries = 0L;
        var seenHead = expected.Sequence == 0;
        try
        {
            await foreach (var entry in documents.ReadAuditAsync(from: 1, descending: false, cancellationToken))
            {
                entries++;
                if (chain.Check(entry, previous) is { } fault && faults.Count < MaxFaults)
                {
                    faults.Add(fault);
                }

                previous = new(entry.Sequence, entry.Hash);
                seenHead |= previous == expected;
            }
        }
        catch (Exception fault) when (fault is JsonException or InvalidDataException)
        {
            // Nothing of ours writes what cannot be read back.
            faults.Add($"Entries after {previous.Sequence} cannot be read: they were changed after they were written.");
            return new(entries, faults);
        }

        if (!seenHead && faults.Count < MaxFaults)
        {
            faults.Add($"The log should hold entry {expected.Sequence} as its newest; it ends at {previous.Sequence} or was replaced.");
        }

        return new(entries, faults);
    }
}
