using System.Collections.Concurrent;
using System.Net;
using System.Runtime.Versioning;
using NetBird.WireGuard.Linux;
using NetBird.WireGuard.Userspace.Sockets;

namespace NetBird.WireGuard.Tests.Linux;

/// <summary>The outer socket on loopback.</summary>
[SupportedOSPlatform("linux")]
public sealed class LinuxUdpSocketTests
{
    [SkippableTheory]
    [InlineData("127.0.0.1", 1452, 45, 0)]
    [InlineData("127.0.0.1", 100, 64, 2)]
    [InlineData("::1", 1452, 45, 1)]
    [InlineData("127.0.0.1", 1452, 1, 3)]

    // A datagram larger than any path takes in one: the kernel refuses to cut such a train, so each is sent alone.
    [InlineData("127.0.0.1", 40_000, 3, 1)]
    public async Task Send_Train_ArrivesWholeInOrderWithEcn(string address, int size, int count, byte ecn)
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "needs Linux");
        var inbox = new Inbox();
        await using var to = new LinuxUdpSocket(0);
        await using var from = new LinuxUdpSocket(0);
        to.Start(inbox);
        var bytes = new byte[(size * (count - 1)) + Math.Max(1, size / 3)];
        new Random(1).NextBytes(bytes);

        Assert.True(from.Send(new UdpEndpoint(new IPEndPoint(IPAddress.Parse(address), to.Port)), bytes, size, ecn));

        await inbox.WaitForAsync(count);
        var received = inbox.Datagrams.ToArray();
        Assert.Equal(bytes, received.SelectMany(d => d.Bytes));
        Assert.All(received, d => Assert.Equal(ecn, d.Ecn));
        Assert.All(received[..^1], d => Assert.Equal(size, d.Bytes.Length));
        Assert.All(received, d => Assert.Equal(from.Port, d.From.Port));
        Assert.All(received, d => Assert.Equal(new UdpEndpoint(new IPEndPoint(IPAddress.Parse(address), 1)).Address, d.From.Local));
    }

    [SkippableFact]
    public async Task Send_Answer_LeavesFromTheAddressThatWasAsked()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "needs Linux");
        var (serverInbox, clientInbox) = (new Inbox(), new Inbox());
        await using var server = new LinuxUdpSocket(0);
        await using var client = new LinuxUdpSocket(0);
        server.Start(serverInbox);
        client.Start(clientInbox);

        // Any of 127/8 is ours; the routing table alone would answer from 127.0.0.1.
        Assert.True(client.Send(new UdpEndpoint(new IPEndPoint(IPAddress.Parse("127.9.8.7"), server.Port)), [1], 1, 0));
        await serverInbox.WaitForAsync(1);
        serverInbox.Datagrams.TryPeek(out var asked);
        Assert.True(server.Send(asked!.From.ToEndpoint(), [2], 1, 0));
        await clientInbox.WaitForAsync(1);

        clientInbox.Datagrams.TryPeek(out var answer);
        Assert.Equal(UdpEndpoint.ToMapped(IPAddress.Parse("127.9.8.7")), answer!.From.Address);
    }

    [SkippableFact]
    public async Task Send_SourceThatIsGone_LeavesFromAnother()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "needs Linux");
        var inbox = new Inbox();
        await using var to = new LinuxUdpSocket(0);
        await using var from = new LinuxUdpSocket(0);
        to.Start(inbox);

        var endpoint = new UdpEndpoint(
            UdpEndpoint.ToMapped(IPAddress.Loopback), (ushort)to.Port, 0, UdpEndpoint.ToMapped(IPAddress.Parse("198.51.100.1")));
        Assert.True(from.Send(endpoint, [1, 2, 3], 3, 0));

        await inbox.WaitForAsync(1);
    }

    [SkippableFact]
    public async Task Close_WhileOthersSend_RefusesQuietly()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "needs Linux");
        var socket = new LinuxUdpSocket(0);
        socket.Start(new Inbox());
        var target = new UdpEndpoint(new IPEndPoint(IPAddress.Loopback, socket.Port));
        var sending = Task.Run(() =>
        {
            while (socket.Send(target, new byte[100], 100, 0))
            {
            }
        });

        await socket.DisposeAsync();

        await sending.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.False(socket.Send(target, new byte[100], 100, 0));
    }

    private sealed class Inbox : IDatagramReceiver
    {
        private readonly SemaphoreSlim _arrived = new(0);

        public ConcurrentQueue<Received> Datagrams { get; } = new();

        public void Receive(Span<byte> datagrams, int datagramSize, in DatagramSource from, byte ecn)
        {
            while (!datagrams.IsEmpty)
            {
                var size = Math.Min(datagramSize, datagrams.Length);
                Datagrams.Enqueue(new Received(datagrams[..size].ToArray(), from, ecn));
                _arrived.Release();
                datagrams = datagrams[size..];
            }
        }

        public void EndOfBatch()
        {
        }

        public async Task WaitForAsync(int count)
        {
            for (var i = 0; i < count; i++)
            {
                Assert.True(await _arrived.WaitAsync(TimeSpan.FromSeconds(10)));
            }
        }

        public sealed record Received(byte[] Bytes, DatagramSource From, byte Ecn);
    }
}
