using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
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

    // A table as in wireguard-go's allowedips_test.go and the kernel's selftest: prefixes in prefixes, of both families, some given twice.
    [Theory]
    [InlineData("192.168.4.20", "a")]
    [InlineData("192.168.4.0", "a")]
    [InlineData("192.168.4.4", "b")]
    [InlineData("192.168.200.182", "c")]
    [InlineData("192.95.5.68", "c")]
    [InlineData("192.95.5.96", "e")]
    [InlineData("10.1.0.3", "f")]
    [InlineData("10.1.0.4", "e")]
    [InlineData("255.255.255.255", "e")]
    [InlineData("2607:5300:60:6b0::c05f:543", "d")]
    [InlineData("2607:5300:60:6b0::c02e:1ee", "c")]
    [InlineData("2607:5300:60:6b1::", "f")]
    [InlineData("2404:6800:4004:806::1006", "h")]
    [InlineData("2404:6800:4004:806:0:1234:0:5678", "g")]
    [InlineData("2404:67ff:4004:806::1006", "f")]
    [InlineData("24:2404:6800::1", null)]
    public void Find_NestedPrefixes_TheLongestOwns(string address, string? owner)
    {
        var (v4, v6) = (PrefixTrie<string>.Empty, PrefixTrie<string>.Empty);
        foreach (var (prefix, value) in ((string, string)[])
            [
                ("192.168.4.0/24", "a"), ("192.168.4.4/32", "b"), ("192.168.0.0/16", "c"), ("192.95.5.64/27", "d"), ("192.95.5.64/27", "c"),
                ("0.0.0.0/0", "e"), ("10.1.0.0/30", "f"),
                ("2607:5300:60:6b0::c05f:543/128", "d"), ("2607:5300:60:6b0::/64", "c"), ("2607:5300::/32", "f"), ("2404:6800::/32", "f"),
                ("2404:6800:4004:806::/64", "g"), ("2404:6800:4004:806::1006/128", "h"), ("2404:67ff::/32", "x"), ("2404:67ff::/32", "f"),
            ])
        {
            var network = IPNetwork.Parse(prefix);
            var bits = BitsOf(network.BaseAddress);
            (v4, v6) = network.BaseAddress.AddressFamily == AddressFamily.InterNetwork
                ? (v4.With(bits, network.PrefixLength, value), v6)
                : (v4, v6.With(bits, network.PrefixLength, value));
        }

        var asked = IPAddress.Parse(address);

        Assert.Equal(owner, (asked.AddressFamily == AddressFamily.InterNetwork ? v4 : v6).Find(BitsOf(asked)));

        static UInt128 BitsOf(IPAddress address)
        {
            var bytes = new byte[16];
            address.TryWriteBytes(bytes, out _);
            return BinaryPrimitives.ReadUInt128BigEndian(bytes);
        }
    }
}
