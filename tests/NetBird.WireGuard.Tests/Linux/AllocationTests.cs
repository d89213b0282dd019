using System.Net;
using System.Runtime.Versioning;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.WireGuard.Linux;
using NetBird.WireGuard.Tests.Userspace;
using NetBird.WireGuard.Userspace;
using Xunit.Abstractions;

namespace NetBird.WireGuard.Tests.Linux;

/// <summary>The packet path makes no garbage: two engines over real sockets on loopback, each thread's own count of allocated bytes.</summary>
[SupportedOSPlatform("linux")]
[Collection(MemoryIsMeasured.Name)]
public sealed class AllocationTests(ITestOutputHelper output)
{
    private const int Packets = 50_000;
    private const int PerBurst = 100;

    [SkippableTheory]
    [InlineData(64)]
    [InlineData(1420)]
    public async Task Carry_ManyPackets_AllocatesNothing(int size)
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "the socket is Linux's");
        using var aliceKey = PrivateKey.Generate();
        using var bobKey = PrivateKey.Generate();
        var (sending, receiving) = (new Device(), new Device());
        var bobSocket = new LinuxUdpSocket(0);
        await using var alice = new Engine(aliceKey, sending, new LinuxUdpSocket(0), TimeProvider.System, NullLoggerFactory.Instance);
        await using var bob = new Engine(bobKey, receiving, bobSocket, TimeProvider.System, NullLoggerFactory.Instance);
        alice.Start();
        bob.Start();
        alice.SetPeer(new PeerConfiguration
        {
            PublicKey = bobKey.PublicKey,
            AllowedIPs = [new IPNetwork(World.BobInner, 32)],
            Endpoint = new IPEndPoint(IPAddress.Loopback, bobSocket.Port),
        });
        bob.SetPeer(new PeerConfiguration { PublicKey = aliceKey.PublicKey, AllowedIPs = [new IPNetwork(World.AliceInner, 32)] });
        var packet = World.Packet(World.AliceInner, World.BobInner, size - 20);

        // The first rounds make what is made once: the session, the buffers, the threads' own things.
        var sent = Send(2_000, 0);
        receiving.Begin();
        var before = GC.GetAllocatedBytesForCurrentThread();
        sent = Send(Packets, sent);
        var bySender = GC.GetAllocatedBytesForCurrentThread() - before;

        output.WriteLine($"{Packets} packets of {size}: sender {bySender} bytes, receiver {receiving.Allocated} bytes, {receiving.Count} arrived");
        Assert.InRange(receiving.Count, sent / 2, sent);
        Assert.InRange(bySender, 0, Packets / 100);
        Assert.InRange(receiving.Allocated, 0, Packets / 100);

        long Send(int count, long already)
        {
            for (var i = 0; i < count; i += PerBurst)
            {
                for (var j = 0; j < PerBurst; j++)
                {
                    sending.Train!.Add(packet);
                }

                sending.Train!.Flush();

                // The receiver may be slow: what its socket cannot hold is lost, and after a while not waited for.
                already += PerBurst;
                for (var spins = 0; receiving.Count < already && spins < 2_000; spins++)
                {
                    Thread.Yield();
                }
            }

            return already;
        }
    }

    private sealed class Device : IBatchingPacketDevice
    {
        private long _count;
        private long _before;
        private long _now;
        private bool _begin;

        public int Mtu => 1420;

        public OutboundTrain? Train { get; private set; }

        public long Count => Volatile.Read(ref _count);

        /// <summary>Bytes that the thread which writes here allocated since <see cref="Begin"/>.</summary>
        public long Allocated => Volatile.Read(ref _now) - _before;

        public void Begin() => Volatile.Write(ref _begin, true);

        public void Start(Func<OutboundTrain> open) => Train = open();

        public void Start(OutboundPacket outbound) => throw new NotSupportedException();

        public void Write(ReadOnlySpan<byte> packet)
        {
            var allocated = GC.GetAllocatedBytesForCurrentThread();
            if (Volatile.Read(ref _begin))
            {
                Volatile.Write(ref _begin, false);
                _before = allocated;
            }

            Volatile.Write(ref _now, allocated);
            Volatile.Write(ref _count, _count + 1);
        }

        public void Flush()
        {
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
