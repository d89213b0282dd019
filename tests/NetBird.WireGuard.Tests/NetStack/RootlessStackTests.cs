using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.WireGuard.NetStack;

namespace NetBird.WireGuard.Tests.NetStack;

[Collection(MemoryIsMeasured.Name)]
public sealed class RootlessStackTests
{
    private readonly CancellationToken _soon = new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Write_EchoRequest_IsAnswered(bool v6)
    {
        var (ours, theirs) = v6 ? ("fd23::1", "fd23::9") : ("10.23.0.1", "10.23.0.9");
        await using var stack = new RootlessStack([IPAddress.Parse(ours)], 1420, TimeProvider.System, NullLoggerFactory.Instance);
        var sent = new List<byte[]>();
        stack.Start(packet => sent.Add(packet.ToArray()));
        var request = Packet(theirs, ours, v6 ? IpPacket.IcmpV6 : IpPacket.Icmp, v6 ? (byte)128 : (byte)8, 0, "hello, echo"u8);

        stack.Write(request);

        Assert.True(IpPacket.TryParse(Assert.Single(sent), out var answer));
        Assert.Equal(v6 ? 129 : 0, answer.Payload[0]);
        Assert.Equal("hello, echo", Encoding.ASCII.GetString(answer.Payload[8..]));
        Assert.Equal(IPAddress.Parse(theirs), new IPAddress(answer.Destination));
        Assert.Equal(0, Checksum(answer, v6));
    }

    [Fact]
    public async Task Write_DatagramForNobody_IsUnreachable()
    {
        await using var stack = new RootlessStack([IPAddress.Parse("10.23.0.1")], 1420, TimeProvider.System, NullLoggerFactory.Instance);
        var sent = new List<byte[]>();
        stack.Start(packet => sent.Add(packet.ToArray()));
        var datagram = Packet("10.23.0.9", "10.23.0.1", IpPacket.Udp, 0, 0, new byte[40]);

        stack.Write(datagram);

        Assert.True(IpPacket.TryParse(Assert.Single(sent), out var answer));
        Assert.Equal((3, 3), (answer.Payload[0], answer.Payload[1]));
        Assert.Equal(datagram, answer.Payload[8..].ToArray());
    }

    [Fact]
    public async Task Write_NotForUsOrBroken_IsIgnored()
    {
        await using var stack = new RootlessStack([IPAddress.Parse("10.23.0.1")], 1420, TimeProvider.System, NullLoggerFactory.Instance);
        stack.Start(packet => Assert.Fail("answered"));
        var request = Packet("10.23.0.9", "10.23.0.1", IpPacket.Icmp, 8, 0, "x"u8);
        stack.Write(Packet("10.23.0.9", "10.23.0.77", IpPacket.Icmp, 8, 0, "x"u8));
        stack.Write([]);
        stack.Write(request.AsSpan(0, 19));
        request[^1] ^= 1;
        stack.Write(request);
    }

    [Fact]
    public async Task Listen_ForeignAddressOrTakenPort_SaysSo()
    {
        await using var stack = new RootlessStack([IPAddress.Parse("10.23.0.1")], 1420, TimeProvider.System, NullLoggerFactory.Instance);
        await using var first = await stack.ListenAsync(new IPEndPoint(IPAddress.Parse("10.23.0.1"), 23200), _soon);

        Assert.Equal(SocketError.AddressAlreadyInUse, await ListenErrorAsync(stack, "10.23.0.1"));
        Assert.Equal(SocketError.AddressNotAvailable, await ListenErrorAsync(stack, "10.23.0.2"));
    }

    [Fact]
    public async Task Connect_ToOwnAddress_Works()
    {
        await using var stack = new RootlessStack([IPAddress.Parse("10.23.0.1")], 1420, TimeProvider.System, NullLoggerFactory.Instance);
        await using var listener = await stack.ListenAsync(new IPEndPoint(IPAddress.Parse("10.23.0.1"), 0), _soon);
        await using var client = await stack.ConnectAsync(listener.LocalEndPoint, _soon);
        var accepted = await listener.AcceptAsync(_soon);
        await using var server = accepted!.Stream;

        await client.WriteAsync("myself"u8.ToArray(), _soon);
        var read = new byte[6];
        await server.ReadExactlyAsync(read, _soon);
        Assert.Equal("myself", Encoding.ASCII.GetString(read));
        Assert.Equal(((TcpStream)client).Local, accepted.Remote);
    }

    [Fact]
    public async Task Connect_Cancelled_LeavesNothing()
    {
        await using var stack = new RootlessStack([IPAddress.Parse("10.23.0.1")], 1420, TimeProvider.System, NullLoggerFactory.Instance);
        using var cancel = new CancellationTokenSource();
        var connecting = stack.ConnectAsync(new IPEndPoint(IPAddress.Parse("10.23.0.9"), 80), cancel.Token).AsTask();
        await cancel.CancelAsync();

        await Assert.ThrowsAsync<OperationCanceledException>(() => connecting);
        Assert.Equal(0, stack.ConnectionCount);
    }

    [Fact]
    public async Task Read_Cancelled_LosesNothing()
    {
        await using var pair = new StackPair();
        var (near, far) = await pair.ConnectAsync(_soon);
        using var cancel = new CancellationTokenSource();
        var reading = near.ReadAsync(new byte[10], cancel.Token).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);

        await far.WriteAsync("still here"u8.ToArray(), _soon);
        var read = new byte[10];
        await near.ReadExactlyAsync(read, _soon);
        Assert.Equal("still here", Encoding.ASCII.GetString(read));
    }

    [Fact]
    public async Task Write_NobodyReads_WaitsAndCanBeCancelled()
    {
        await using var pair = new StackPair();
        var (near, far) = await pair.ConnectAsync(_soon);
        using var cancel = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await near.WriteAsync(new byte[50_000_000], cancel.Token));
        Assert.InRange(pair.Near.Pool.InUseBytes + pair.Far.Pool.InUseBytes, 1, 9 * 1024 * 1024);
        far.Abort();
        await Assert.ThrowsAsync<IOException>(async () => await near.WriteAsync(new byte[50_000_000], _soon));
    }

    [Fact]
    public async Task Read_EmptyBuffer_WaitsForData()
    {
        await using var pair = new StackPair();
        var (near, far) = await pair.ConnectAsync(_soon);
        var waiting = near.ReadAsync(Memory<byte>.Empty, _soon).AsTask();
        Assert.False(waiting.IsCompleted);

        await far.WriteAsync(new byte[1], _soon);
        Assert.Equal(0, await waiting);
        Assert.Equal(1, await near.ReadAsync(new byte[10], _soon));
    }

    /// <summary>As a socket's: HttpClient ends a request whose answer never comes by disposing the stream under its read.</summary>
    [Fact]
    public async Task Dispose_WhileAReadAndAWriteWait_BothEnd()
    {
        await using var pair = new StackPair();
        var (near, _) = await pair.ConnectAsync(_soon);
        var reading = near.ReadAsync(new byte[1], _soon).AsTask();
        var writing = near.WriteAsync(new byte[32_000_000], _soon).AsTask();
        Assert.False(reading.IsCompleted || writing.IsCompleted);

        await near.DisposeAsync();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => reading.WaitAsync(_soon));
        await Assert.ThrowsAsync<IOException>(() => writing.WaitAsync(_soon));
    }

    [Fact]
    public async Task Dispose_BothEnds_NothingIsHeldButTimeWait()
    {
        await using var pair = new StackPair();
        for (var i = 0; i < 50; i++)
        {
            var (near, far) = await pair.ConnectAsync(_soon);
            await near.WriteAsync(new byte[1_000], _soon);
            await far.ReadExactlyAsync(new byte[1_000], _soon);
            await near.DisposeAsync();
            Assert.Equal(0, await far.ReadAsync(new byte[1], _soon));
            await far.DisposeAsync();
        }

        for (var i = 0; i < 100 && pair.Far.ConnectionCount > 0; i++)
        {
            await Task.Delay(20, _soon);
        }

        Assert.Equal(0, pair.Far.ConnectionCount);
        Assert.Equal(0, pair.Near.CountConnections(s => s != TcpState.TimeWait));
        Assert.Equal((0L, 0L), (pair.Near.Pool.InUseBytes, pair.Far.Pool.InUseBytes));
    }

    [Fact]
    public async Task Connections_Idle_TakeLessThan64KiBEach()
    {
        const int Count = 500;
        await using var pair = new StackPair();
        await pair.ConnectAsync(_soon);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var streams = new List<Stream>();
        for (var i = 0; i < Count; i++)
        {
            var (near, far) = await pair.ConnectAsync(_soon);
            await near.WriteAsync(new byte[5_000], _soon);
            await far.ReadExactlyAsync(new byte[5_000], _soon);
            await far.WriteAsync(new byte[5_000], _soon);
            await near.ReadExactlyAsync(new byte[5_000], _soon);
            streams.AddRange([near, far]);
        }

        await Task.Delay(100, _soon);
        var each = (GC.GetTotalMemory(forceFullCollection: true) - before) / streams.Count;
        Console.WriteLine($"an idle connection takes {each} bytes");
        Assert.InRange(each, 1, 64 * 1024);
        Assert.Equal(0, pair.Near.Pool.InUseBytes);
        GC.KeepAlive(streams);
    }

    [Fact]
    public async Task HttpClient_OverConnectCallback_StreamsAnAnswer()
    {
        await using var pair = new StackPair();
        await using var listener = await pair.Far.ListenAsync(new IPEndPoint(StackPair.FarAddress, 0), _soon);
        var serving = Task.Run(
            async () =>
            {
                var accepted = await listener.AcceptAsync(_soon);
                await using var stream = accepted!.Stream;
                using var reader = new StreamReader(stream);
                while (await reader.ReadLineAsync(_soon) is { Length: > 0 })
                {
                }

                await stream.WriteAsync("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"u8.ToArray(), _soon);
                for (var i = 0; i < 5; i++)
                {
                    await stream.WriteAsync(Encoding.ASCII.GetBytes($"7\r\npart {i}\n\r\n"), _soon);
                }

                await stream.WriteAsync("0\r\n\r\n"u8.ToArray(), _soon);
            },
            _soon);
        using var client = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (context, token) => await pair.Near.ConnectAsync(listener.LocalEndPoint, token),
        });

        Assert.Equal("part 0\npart 1\npart 2\npart 3\npart 4\n", await client.GetStringAsync(new Uri("http://gateway.overlay/"), _soon));
        await serving;
    }

    private async Task<SocketError> ListenErrorAsync(RootlessStack stack, string address)
    {
        var error = await Assert.ThrowsAsync<IOException>(
            async () => await stack.ListenAsync(new IPEndPoint(IPAddress.Parse(address), 23200), _soon));
        return ((SocketException)error.InnerException!).SocketErrorCode;
    }

    private static byte[] Packet(string from, string to, byte protocol, byte type, byte code, ReadOnlySpan<byte> data)
    {
        var (source, destination) = (OverlayAddress.From(IPAddress.Parse(from)), OverlayAddress.From(IPAddress.Parse(to)));
        var ipSize = IpPacket.HeaderSize(source.IsV6);
        var packet = new byte[ipSize + 8 + data.Length];
        IpPacket.WriteHeader(packet, protocol, source, destination, 8 + data.Length);
        (packet[ipSize], packet[ipSize + 1]) = (type, code);
        data.CopyTo(packet.AsSpan(ipSize + 8));
        if (protocol != IpPacket.Udp)
        {
            Assert.True(IpPacket.TryParse(packet, out var parsed));
            BinaryPrimitives.WriteUInt16LittleEndian(packet.AsSpan(ipSize + 2), Checksum(parsed, source.IsV6));
        }

        return packet;
    }

    private static ushort Checksum(in IpPacket packet, bool v6)
    {
        var sum = v6 ? InternetChecksum.PseudoHeader(packet.Source, packet.Destination, IpPacket.IcmpV6, packet.Payload.Length) : 0;
        return InternetChecksum.Finish(InternetChecksum.Add(sum, packet.Payload));
    }
}
