using System.Runtime.CompilerServices;

namespace NetBird.WireGuard.NetStack;

/// <summary>A block of RFC 2018 section 3: first sequence number and the one after the last.</summary>
internal readonly record struct SackBlock(uint Start, uint End);

/// <summary>As many as fit the 40 bytes of options (RFC 2018 section 3).</summary>
[InlineArray(Capacity)]
internal struct SackBlocks
{
    public const int Capacity = 4;

    private SackBlock _first;
}
