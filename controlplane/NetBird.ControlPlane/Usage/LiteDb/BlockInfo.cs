namespace NetBird.ControlPlane.Usage.LiteDb;

/// <summary>What is known of a block of rows without reading it.</summary>
/// <param name="Id">Grows with time.</param>
/// <param name="First">Earliest timestamp in it, UTC ticks.</param>
/// <param name="Last">Latest timestamp in it.</param>
/// <param name="Count">Rows.</param>
internal readonly record struct BlockInfo(long Id, long First, long Last, int Count);
