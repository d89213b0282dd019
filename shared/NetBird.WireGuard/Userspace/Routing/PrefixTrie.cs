namespace NetBird.WireGuard.Userspace.Routing;

/// <summary>
/// A path-compressed binary trie over 128-bit keys, immutable: each change makes a new trie that shares all but the changed
/// path. Readers therefore need no lock and see one state. Depth is bounded by the key, and by about log2 of the count in practice.
/// </summary>
internal sealed class PrefixTrie<T>
    where T : class
{
    private readonly Node? _root;

    private PrefixTrie(Node? root) => _root = root;

    public static PrefixTrie<T> Empty { get; } = new(null);

    /// <summary>The value of the longest prefix that covers <paramref name="key"/>, or null.</summary>
    public T? Find(UInt128 key)
    {
        T? best = null;
        var node = _root;
        while (node is not null && ((key ^ node.Bits) & MaskOf(node.Length)) == 0)
        {
            best = node.Value ?? best;
            if (node.Length == 128)
            {
                break;
            }

            node = BitAt(key, node.Length) ? node.One : node.Zero;
        }

        return best;
    }

    /// <summary>The value of exactly this prefix, or null.</summary>
    public T? FindExact(UInt128 bits, int length)
    {
        var node = _root;
        while (node is not null && node.Length <= length && ((bits ^ node.Bits) & MaskOf(node.Length)) == 0)
        {
            if (node.Length == length)
            {
                return node.Value;
            }

            node = BitAt(bits, node.Length) ? node.One : node.Zero;
        }

        return null;
    }

    /// <param name="bits">The prefix in the high bits; the rest is ignored.</param>
    /// <param name="length">0 to 128.</param>
    /// <param name="value">Replaces what the same prefix had.</param>
    public PrefixTrie<T> With(UInt128 bits, int length, T value)
        => new(Insert(_root, new Node(bits & MaskOf(length), length, value, null, null)));

    public PrefixTrie<T> Without(UInt128 bits, int length) => new(Remove(_root, bits & MaskOf(length), length));

    public static UInt128 MaskOf(int length) => length == 0 ? UInt128.Zero : UInt128.MaxValue << (128 - length);

    private static Node Insert(Node? node, Node added)
    {
        if (node is null)
        {
            return added;
        }

        var common = Math.Min(Math.Min(node.Length, added.Length), (int)UInt128.LeadingZeroCount(node.Bits ^ added.Bits));
        if (common == node.Length)
        {
            if (common == added.Length)
            {
                return node with { Value = added.Value };
            }

            return BitAt(added.Bits, common)
                ? node with { One = Insert(node.One, added) }
                : node with { Zero = Insert(node.Zero, added) };
        }

        if (common == added.Length)
        {
            return BitAt(node.Bits, common) ? added with { One = node } : added with { Zero = node };
        }

        var bits = added.Bits & MaskOf(common);
        return BitAt(added.Bits, common)
            ? new Node(bits, common, null, node, added)
            : new Node(bits, common, null, added, node);
    }

    private static Node? Remove(Node? node, UInt128 bits, int length)
    {
        if (node is null || node.Length > length || ((bits ^ node.Bits) & MaskOf(node.Length)) != 0)
        {
            return node;
        }

        if (node.Length == length)
        {
            return Joined(node with { Value = null });
        }

        if (BitAt(bits, node.Length))
        {
            var one = Remove(node.One, bits, length);
            return ReferenceEquals(one, node.One) ? node : Joined(node with { One = one });
        }

        var zero = Remove(node.Zero, bits, length);
        return ReferenceEquals(zero, node.Zero) ? node : Joined(node with { Zero = zero });
    }

    // A node without a value stays only where the path branches.
    private static Node? Joined(Node node)
        => node.Value is not null || (node.Zero is not null && node.One is not null) ? node : node.Zero ?? node.One;

    private static bool BitAt(UInt128 bits, int index) => ((bits >> (127 - index)) & UInt128.One) != 0;

    private sealed record Node(UInt128 Bits, int Length, T? Value, Node? Zero, Node? One);
}
