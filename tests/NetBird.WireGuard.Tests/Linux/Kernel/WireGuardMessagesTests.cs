using System.Net;
using CsCheck;
using NetBird.Primitives;
using NetBird.WireGuard.Configuration;
using NetBird.WireGuard.Linux.Kernel;
using NetBird.WireGuard.Linux.Netlink;

namespace NetBird.WireGuard.Tests.Linux.Kernel;

/// <summary>The writer against the reader.</summary>
public sealed class WireGuardMessagesTests
{
    [Fact]
    public void Write_AnyChange_SaysItAllInMessagesThatFit()
        => Changes.Sample(
            change =>
            {
                var (state, messages) = RoundTrip(change);
                using (state)
                {
                    Assert.All(messages, length => Assert.InRange(length, 0, ushort.MaxValue));
                    Assert.Equal(change.ListenPort ?? 0, state.ListenPort);
                    Assert.Equal(change.FirewallMark ?? 0, state.FirewallMark);
                    Assert.Equal(change.Peers.Select(p => p.PublicKey), state.Peers.Select(p => p.Status.PublicKey));
                    foreach (var (wanted, got) in change.Peers.Zip(state.Peers))
                    {
                        Assert.Equal(wanted.Endpoint, got.Status.Endpoint);
                        Assert.Equal(wanted.AllowedIPs, got.Status.AllowedIPs);
                        Assert.Equal(wanted.PersistentKeepaliveSeconds ?? 0, got.Status.PersistentKeepalive.TotalSeconds);
                        Assert.Equal(wanted.PresharedKey, got.PresharedKey);
                    }
                }
            },
            iter: Math.Min(Fuzzing.Cases / 100, 20_000),
            threads: 1);

    [Fact]
    public void Write_TenThousandPeers_TakesSeveralMessages()
    {
        var peers = Enumerable.Range(1, 10_000)
            .Select(i => new PeerChange
            {
                PublicKey = KeyOf(i),
                ReplaceAllowedIPs = true,
                AllowedIPs = [new IPNetwork(new IPAddress((long)i), 32)],
            })
            .ToArray();

        var (state, messages) = RoundTrip(new InterfaceChange { Peers = peers });

        Assert.Equal(10_000, state.Peers.Count);
        Assert.InRange(messages.Count, 10, 100);
    }

    [Fact]
    public void Write_PeerWithTenThousandPrefixes_GoesOnInTheNextMessage()
    {
        var prefixes = Enumerable.Range(1, 10_000).Select(i => new IPNetwork(new IPAddress((long)i), 32)).ToArray();

        var (state, messages) = RoundTrip(new InterfaceChange
        {
            Peers = [new PeerChange { PublicKey = KeyOf(1), AllowedIPs = prefixes }],
        });

        Assert.Equal(prefixes, Assert.Single(state.Peers).Status.AllowedIPs);
        Assert.True(messages.Count > 3);
    }

    [Fact]
    public void Add_AnyBytes_IsReadOrFoundInvalid()
        => Gen.Select(Changes, Gen.Int[0, 4000].Array[0, 4], Gen.Byte.Array[4]).Sample(
            (change, places, with) =>
            {
                foreach (var payload in Payloads(change))
                {
                    for (var i = 0; i < places.Length; i++)
                    {
                        if (places[i] < payload.Length)
                        {
                            payload[places[i]] = with[i];
                        }
                    }

                    using var reader = new WireGuardReader();
                    try
                    {
                        reader.Add(payload);
                        reader.Complete().Dispose();
                    }
                    catch (InvalidDataException)
                    {
                    }
                }
            },
            iter: Fuzzing.Cases / 20,
            threads: 1);

    private static readonly Gen<IPNetwork> Prefix = Gen.OneOf(
        Gen.Select(Gen.Byte.Array[4], Gen.Int[0, 32]).Select((a, n) => RouteSocket.Prefix(new IPAddress(a), n)),
        Gen.Select(Gen.Byte.Array[16], Gen.Int[0, 128]).Select((a, n) => RouteSocket.Prefix(new IPAddress(a), n)));

    private static readonly Gen<PeerChange> Peer =
        from key in Gen.Byte.Array[32]
        from endpoint in Gen.Select(Gen.Byte.Array[4], Gen.Byte.Array[16], Gen.Int[0, 2], Gen.UShort)
        from keepalive in Gen.UShort
        from preshared in Gen.Byte[1, 255].Array[32]
        from hasPreshared in Gen.Bool
        from prefixes in Prefix.Array[0, 40]
        select new PeerChange
        {
            PublicKey = new PublicKey(key),
            Endpoint = endpoint.Item3 == 0
                ? null
                : new IPEndPoint(new IPAddress(endpoint.Item3 == 1 ? endpoint.Item1 : endpoint.Item2), endpoint.Item4),
            PersistentKeepaliveSeconds = keepalive,
            PresharedKey = hasPreshared ? preshared : null,
            AllowedIPs = prefixes,
        };

    private static readonly Gen<InterfaceChange> Changes =
        from port in Gen.UShort
        from mark in Gen.UInt
        from replace in Gen.Bool
        from peers in Peer.Array[0, 30]
        select new InterfaceChange { ListenPort = port, FirewallMark = mark, ReplacePeers = replace, Peers = peers };

    private static PublicKey KeyOf(int number)
    {
        var bytes = new byte[32];
        BitConverter.TryWriteBytes(bytes, number);
        return new PublicKey(bytes);
    }

    private static (InterfaceState State, List<int> Messages) RoundTrip(InterfaceChange change)
    {
        using var reader = new WireGuardReader();
        var payloads = Payloads(change);
        payloads.ForEach(payload => reader.Add(payload));
        return (reader.Complete(), [.. payloads.Select(payload => payload.Length)]);
    }

    private static List<byte[]> Payloads(InterfaceChange change)
    {
        var payloads = new List<byte[]>();
        using var writer = new WireGuardWriter(
            () => new NetlinkMessage(30, NetlinkFlags.Request).Fixed([1, 1, 0, 0]),
            message => payloads.Add(message.Complete(1)[(NetlinkMessage.HeaderSize + GenericSocket.HeaderSize)..].ToArray()),
            "wg0");
        writer.Write(change);
        return payloads;
    }
}
