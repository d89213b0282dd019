namespace NetBird.Policy.Limits;

/// <summary>
/// What the ledger knows of a counter, asked the first time a process meets it: usage since a moment, oldest first.
/// Called under the book's lock, so it answers from memory.
/// </summary>
/// <param name="cap">The cap whose counter is wanted.</param>
/// <param name="since">Earlier usage no longer counts.</param>
public delegate IEnumerable<PastUsage> CounterHistory(Cap cap, DateTimeOffset since);

/// <summary>A usage that was settled.</summary>
/// <param name="At">When it ended; where only a span is known, its end.</param>
/// <param name="Amount">In the counter's unit.</param>
public readonly record struct PastUsage(DateTimeOffset At, long Amount);
