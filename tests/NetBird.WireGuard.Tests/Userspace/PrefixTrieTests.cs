using System.Diagnostics;
using CsCheck;
using NetBird.WireGuard.Userspace.Routing;

namespace NetBird.WireGuard.Tests.Userspace;

/// <summary>The trie against a plain list of prefixes.</summary>
public sealed class PrefixTrieTests
{
    [Fact]
    public void Find_AfterAnyChanges_AgreesWithALinearSearch()
    {
        // Few distinct bits, so that prefixes nest and collide.
        var bits = Gen.Select(Gen.UInt[0, 15], Gen.UInt[0, 3], Gen.UInt, (high, low, any) =>
            ((UInt128)high << 124) | ((UInt128)low << 100) | ((UInt128)(any & 0x0101) << 20) | (any & 1));
        var length = Gen.OneOf(Gen.Int[0, 8], Gen.Int[20, 32], Gen.Int[96, 128], Gen.Const(128), Gen.Const(0));
        Gen.Select(bits, length, Gen.Int[0, 3]).List[1, 120].Sample(
            changes =>
            {
                var trie = PrefixTrie<object>.Empty;
                var model = new Dictionary<(UInt128, int), object>();
                foreach (var (key, size, kind) in changes)
                {
                    var masked = key & PrefixTrie<object>.MaskOf(size);
                    if (kind == 0)
                    {
                        trie = trie.Without(key, size);
                        model.Remove((masked, size));
                    }
                    else
                    {
                        var value = new object();
                        trie = trie.With(key, size, value);
                        model[(masked, size)] = value;
                    }

                    if (trie.FindExact(masked, size) != model.GetValueOrDefault((masked, size)))
                    {
                        return false;
                    }
                }

                return changes.All(change => trie.Find(change.Item1) == Longest(model, change.Item1));
            },
            iter: Fuzzing.Cases / 40);

        static object? Longest(Dictionary<(UInt128 Bits, int Length), object> model, UInt128 key)
            => model.Where(entry => (key & PrefixTrie<object>.MaskOf(entry.Key.Length)) == entry.Key.Bits)
                .OrderByDescending(entry => entry.Key.Length).Select(entry => entry.Value).FirstOrDefault();
    }

    [Fact]
    public void Find_HundredThousandPrefixes_IsRightAndQuick()
    {
        var random = new Random(1);
        var trie = PrefixTrie<object>.Empty;
        var prefixes = new Dictionary<(UInt128, int), object>();
        while (prefixes.Count < 100_000)
        {
            var length = random.Next(12, 33);
            var bits = ((UInt128)(uint)random.NextInt64(uint.MaxValue) << 96) & PrefixTrie<object>.MaskOf(length);
            var value = new object();
            prefixes[(bits, length)] = value;
            trie = trie.With(bits, length, value);
        }

        Assert.All(prefixes.Take(2_000), entry => Assert.Same(entry.Value, trie.FindExact(entry.Key.Item1, entry.Key.Item2)));
        var started = Stopwatch.GetTimestamp();
        var found = 0;
        for (var i = 0; i < 100_000; i++)
        {
            found += trie.Find((UInt128)(uint)random.NextInt64(uint.MaxValue) << 96) is null ? 0 : 1;
        }

        var each = Stopwatch.GetElapsedTime(started) / 100_000;
        Assert.True(found > 0);
        Assert.InRange(each, TimeSpan.Zero, TimeSpan.FromMicroseconds(50));
        foreach (var ((bits, length), _) in prefixes)
        {
            trie = trie.Without(bits, length);
        }

        Assert.Null(trie.Find(UInt128.Zero));
    }
}
