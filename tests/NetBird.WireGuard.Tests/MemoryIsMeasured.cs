namespace NetBird.WireGuard.Tests;

/// <summary>Tests that measure the heap of this process: no other test may run beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class MemoryIsMeasured
{
    public const string Name = "memory is measured";
}
