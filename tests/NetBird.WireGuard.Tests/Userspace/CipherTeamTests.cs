using System.Buffers.Binary;
using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.WireGuard.Userspace;
using NetBird.WireGuard.Userspace.Sockets;

namespace NetBird.WireGuard.Tests.Userspace;

/// <summary>Trains that several threads seal and open: what arrives, and in which order, is as with one.</summary>
public sealed class CipherTeamTests
{
    private const int Trains = 400;
    private const int PerTrain = 60;

    [Theory]
    [InlineData(0, 0)]
    [InlineData(3, 3)]
    [InlineData(3, 0)]
    [InlineData(0, 2)]
    public async Task Carry_TrainsWithHelpers_ArriveWholeAndInOrder(int sealing, int opening)
    {
        await using var pair = new Pair(sealing, opening);
        var expected = new List<int>();
        for (var train = 0; train < Trains; train++)
        {
            // The last one shorter, as a train may be; its length differs from train to train.
            expected.AddRange(pair.SendTrain(train * PerTrain, 1 + (train % PerTrain), lastLength: 200 + train));
        }

        Assert.Equal(expected, pair.Received.Select(Number));
        Assert.Equal(0, pair.Far.Counters.Unauthenticated);
    }

    /// <summary>On any machine the helpers come to do some of it: this cannot pass by the owner's work alone.</summary>
    [Fact]
    public async Task Carry_WithHelpers_TheyDoSomeOfTheWork()
    {
        await using var pair = new Pair(2, 2);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        for (var train = 0; pair.Near.Cipher.Helped == 0 || pair.Far.Cipher.Helped == 0; train++)
        {
            limit.Token.ThrowIfCancellationRequested();
            pair.Received.Clear();
            var sent = pair.SendTrain(train * PerTrain, PerTrain, lastLength: 1_000);
            Assert.Equal(sent, pair.Received.Select(Number));
        }
    }

    [Fact]
    public async Task Receive_TrainWithForgeries_TheRestArrivesInOrder()
    {
        await using var pair = new Pair(0, 3);
        pair.Change = (train, size) =>
        {
            train[(5 * size) + 100] ^= 1;
            train[(17 * size) + size - 1] ^= 1;
            BinaryPrimitives.WriteUInt32LittleEndian(train.AsSpan((30 * size) + 4), 0xDEADBEEF);
            BinaryPrimitives.WriteUInt32LittleEndian(train.AsSpan(40 * size), 9);
        };

        var sent = pair.SendTrain(0, PerTrain, lastLength: 1_000);

        Assert.Equal(sent.Except([5, 17, 30, 40]), pair.Received.Select(Number));
        Assert.Equal((3, 1), (pair.Far.Counters.Unauthenticated, pair.Far.Counters.Malformed));
    }

    [Fact]
    public async Task Receive_TheSameTrainTwice_IsTakenOnce()
    {
        await using var pair = new Pair(0, 3) { Twice = true };

        var sent = pair.SendTrain(0, PerTrain, lastLength: 1_000);

        Assert.Equal(sent, pair.Received.Select(Number));
        Assert.Equal(PerTrain, pair.Far.Counters.Unauthenticated);
    }

    [Fact]
    public async Task Receive_NothingOrTrainsOfNonsense_IsSilent()
    {
        await using var pair = new Pair(0, 3);
        foreach (var (length, size) in (ReadOnlySpan<(int, int)>)[(0, 0), (0, 1), (100, 1), (1_000, 31), (6_400, 32), (64, 64)])
        {
            pair.Far.Receive(GC.AllocateArray<byte>(length, pinned: true), size, default, ecn: 0);
        }

        Assert.Empty(pair.Received);
        Assert.Equal(100 + 33 + 200 + 1, pair.Far.Counters.Malformed);
        Assert.Equal(PerTrain, pair.SendTrain(0, PerTrain, lastLength: 1_000).Count());
        Assert.Equal(PerTrain, pair.Received.Count);
    }

    /// <summary>Several threads, each with trains of its own, share the same helpers.</summary>
    [Fact]
    public async Task Carry_FromSeveralThreads_EachInItsOrder()
    {
        await using var pair = new Pair(3, 3);
        var threads = Enumerable.Range(0, 3).Select(thread => Task.Factory.StartNew(
            () =>
            {
                var train = pair.Near.RentTrain();
                for (var i = 0; i < Trains; i++)
                {
                    Pair.Fill(train, (thread << 24) + (i * PerTrain), PerTrain, lastLength: 500);
                    train.Flush();
                }
            },
            default, TaskCreationOptions.LongRunning, TaskScheduler.Default)).ToArray();
        await Task.WhenAll(threads);

        var numbers = pair.Received.Select(Number).ToList();
        // A thread that was held up while the others sent more than the replay window holds comes too late, as on any network.
        Assert.Equal(3 * Trains * PerTrain, numbers.Count + pair.Far.Counters.Unauthenticated);
        foreach (var one in numbers.GroupBy(number => number >> 24))
        {
            Assert.Equal(one.Order(), one);
        }
    }

    private static int Number(byte[] packet)
    {
        var number = BinaryPrimitives.ReadInt32BigEndian(packet.AsSpan(20));
        Assert.False(packet.AsSpan(24).ContainsAnyExcept((byte)number));
        return number;
    }

    /// <summary>Two engines, each train of the one handed to the other whole, as UDP_GRO does.</summary>
    private sealed class Pair : IAsyncDisposable
    {
        private static readonly IPEndPoint s_nearOuter = IPEndPoint.Parse("192.0.2.1:1");
        private static readonly IPEndPoint s_farOuter = IPEndPoint.Parse("192.0.2.2:2");
        private readonly PrivateKey _nearKey = PrivateKey.Generate();
        private readonly PrivateKey _farKey = PrivateKey.Generate();
        private readonly Device _device = new();

        public Pair(int sealing, int opening)
        {
            var (nearSocket, farSocket) = (new Link(this, s_nearOuter), new Link(this, s_farOuter));
            Near = new Engine(_nearKey, new Device(), nearSocket, TimeProvider.System, NullLoggerFactory.Instance, sealing);
            Far = new Engine(_farKey, _device, farSocket, TimeProvider.System, NullLoggerFactory.Instance, opening);
            (nearSocket.Other, farSocket.Other) = (Far, Near);
            Near.Start();
            Far.Start();
            Far.SetPeer(new PeerConfiguration { PublicKey = _nearKey.PublicKey, AllowedIPs = [new IPNetwork(World.AliceInner, 32)] });
            Near.SetPeer(new PeerConfiguration
            {
                PublicKey = _farKey.PublicKey,
                AllowedIPs = [new IPNetwork(World.BobInner, 32)],
                Endpoint = s_farOuter,
            });
            var train = Near.RentTrain();
            Fill(train, 0, 1, 100);
            train.Flush();
            Assert.True(SpinWait.SpinUntil(() => Received.Count == 1, TimeSpan.FromSeconds(30)), "no handshake");
            Received.Clear();
        }

        public Engine Near { get; }

        public Engine Far { get; }

        public List<byte[]> Received => _device.Written;

        /// <summary>What happens to a train on the way.</summary>
        public Action<byte[], int>? Change { get; set; }

        public bool Twice { get; init; }

        public static void Fill(OutboundTrain train, int first, int count, int lastLength)
        {
            for (var number = first; number < first + count; number++)
            {
                var packet = World.Packet(World.AliceInner, World.BobInner, number == first + count - 1 ? lastLength : 1_000);
                packet.AsSpan(20).Fill((byte)number);
                BinaryPrimitives.WriteInt32BigEndian(packet.AsSpan(20), number);
                train.Add(packet);
            }
        }

        public IEnumerable<int> SendTrain(int first, int count, int lastLength)
        {
            var train = Near.RentTrain();
            Fill(train, first, count, lastLength);
            train.Flush();
            Near.ReturnTrain(train);
            return Enumerable.Range(first, count);
        }

        public async ValueTask DisposeAsync()
        {
            await Near.DisposeAsync();
            await Far.DisposeAsync();
            _nearKey.Dispose();
            _farKey.Dispose();
        }

        private sealed class Link(Pair pair, IPEndPoint local) : IUdpSocket
        {
            public Engine? Other { get; set; }

            public int Port => local.Port;

            public void Start(IDatagramReceiver receiver)
            {
            }

            public bool Send(UdpEndpoint to, ReadOnlySpan<byte> datagrams, int datagramSize, byte ecn)
            {
                var copy = GC.AllocateUninitializedArray<byte>(datagrams.Length, pinned: true);
                datagrams.CopyTo(copy);
                if (copy.Length > datagramSize)
                {
                    pair.Change?.Invoke(copy, datagramSize);
                }

                var from = new UdpEndpoint(local);
                var again = pair.Twice && copy.Length > datagramSize ? copy.ToArray() : [];
                Other!.Receive(copy, datagramSize, new DatagramSource(from.Address, from.Port, 0, default, 0), ecn);
                if (again.Length > 0)
                {
                    Other.Receive(again, datagramSize, new DatagramSource(from.Address, from.Port, 0, default, 0), ecn);
                }

                return true;
            }

            public void Rebind()
            {
            }

            public ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }

        private sealed class Device : IBatchingPacketDevice
        {
            private readonly Lock _gate = new();

            public List<byte[]> Written { get; } = [];

            public int Mtu => 1420;

            public void Start(Func<OutboundTrain> open)
            {
            }

            public void Start(OutboundPacket outbound) => throw new NotSupportedException();

            public void Write(ReadOnlySpan<byte> packet)
            {
                lock (_gate)
                {
                    Written.Add(packet.ToArray());
                }
            }

            public void Flush()
            {
            }

            public ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }
}
