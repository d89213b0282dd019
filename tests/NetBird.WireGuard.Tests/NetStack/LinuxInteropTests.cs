using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using NetBird.WireGuard.NetStack;

namespace NetBird.WireGuard.Tests.NetStack;

/// <summary>Our stack against Linux's TCP, the reference, over a TUN device and a wire that misbehaves.</summary>
[Trait("Needs", "root")]
public sealed class LinuxInteropTests
{
    private readonly CancellationToken _soon = new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token;

    [SkippableTheory]
    [InlineData("clean", 0, 0, 0, 0, 1420, false, 20_000_000)]
    [InlineData("loss 0.1 %", 0.001, 0, 0, 0, 1420, false, 20_000_000)]
    [InlineData("loss 1 %", 0.01, 0, 0, 2_000, 1420, false, 4_000_000)]
    [InlineData("loss 5 %", 0.05, 0, 0, 2_000, 1420, true, 1_000_000)]
    [InlineData("reordering", 0, 0, 0.25, 0, 1420, false, 4_000_000)]
    [InlineData("duplication", 0, 0.2, 0, 0, 1420, true, 4_000_000)]
    [InlineData("delay 200 ms", 0.002, 0, 0, 100_000, 1420, false, 2_000_000)]
    [InlineData("MTU 1280", 0.001, 0.01, 0.01, 0, 1280, true, 4_000_000)]
    public async Task Transfer_BothWaysWithLinux_ArrivesIntact(
        string name, double loss, double duplication, double reordering, int delay, int mtu, bool v6, int bytes)
    {
        await using var peer = new LinuxPeer(new PathTrouble(loss, duplication, reordering, delay), mtu, v6);
        foreach (var weConnect in (bool[])[true, false])
        {
            var (ours, linux) = weConnect ? await peer.ConnectAsync(_soon) : await peer.AcceptAsync(_soon);
            await using var linuxEnd = linux;
            await using var ourEnd = ours;
            var (up, down) = (Payload.Random(bytes, 1), Payload.Random(bytes, 2));
            var clock = Stopwatch.StartNew();
            var sending = Payload.SendAsync(ours, up, _soon);
            var replying = Payload.SendAsync(linux, down, _soon);
            var received = Payload.HashAsync(linux, _soon);
            var answered = Payload.HashAsync(ours, _soon);

            await Task.WhenAll(sending, replying, received, answered);
            Assert.Equal(SHA256.HashData(up), await received);
            Assert.Equal(SHA256.HashData(down), await answered);
            Console.WriteLine($"{name}, {(weConnect ? "we" : "Linux")} opened: {2.0 * bytes * 8 / clock.Elapsed.TotalSeconds / 1e6:F0} Mbit/s");
        }

        await NothingHeldAsync(peer.Stack);
    }

    /// <summary>RFC 2923 section 2.1: packets over 1280 bytes vanish. Linux escapes where it is told to (tcp_mtu_probing), we always.</summary>
    [SkippableFact]
    public async Task Transfer_PathThatDropsLargePackets_ArrivesIntactBothWays()
    {
        await using var peer = new LinuxPeer(new PathTrouble(Delay: 0, LargestPacket: 1280));
        peer.Execute("sysctl", "-qw", "net.ipv4.tcp_mtu_probing=1");
        var (ours, linux) = await peer.ConnectAsync(_soon);
        await using var linuxEnd = linux;
        await using var ourEnd = ours;
        var (up, down) = (Payload.Random(2_000_000, 5), Payload.Random(1_000_000, 6));

        var sending = Payload.SendAsync(ours, up, _soon);
        Assert.Equal(SHA256.HashData(up), await Payload.HashAsync(linux, _soon));
        await sending;
        var replying = Payload.SendAsync(linux, down, _soon);
        Assert.Equal(SHA256.HashData(down), await Payload.HashAsync(ours, _soon));
        await replying;
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Transfer_ReaderStops_WriterWaitsAndContinues(bool weRead)
    {
        await using var peer = new LinuxPeer();
        var (ours, linux) = await peer.ConnectAsync(_soon);
        await using var linuxEnd = linux;
        await using var ourEnd = ours;
        var (reader, writer) = weRead ? ((Stream)ours, (Stream)linux) : (linux, ours);
        var data = Payload.Random(30_000_000, 3);
        var sending = Payload.SendAsync(writer, data, _soon);

        // Long enough for the window to close and for probes of it to be answered.
        await Task.Delay(1_500, _soon);
        Assert.False(sending.IsCompleted);
        var hash = await Payload.HashAsync(reader, _soon);
        await sending;

        Assert.Equal(SHA256.HashData(data), hash);
    }

    [SkippableFact]
    public async Task CompleteWrites_OtherSideStillSends_BothSeeTheirEnd()
    {
        await using var peer = new LinuxPeer();
        var (ours, linux) = await peer.ConnectAsync(_soon);
        await using var linuxEnd = linux;
        await using var ourEnd = ours;

        await ours.WriteAsync("question"u8.ToArray(), _soon);
        ours.CompleteWrites();
        var question = await new StreamReader(linux).ReadToEndAsync(_soon);
        var data = Payload.Random(1_000_000, 4);
        var answering = Payload.SendAsync(linux, data, _soon);
        var hash = await Payload.HashAsync(ours, _soon);
        await answering;

        Assert.Equal("question", question);
        Assert.Equal(SHA256.HashData(data), hash);
    }

    [SkippableFact]
    public async Task Read_LinuxResets_Throws()
    {
        await using var peer = new LinuxPeer();
        var (ours, linux) = await peer.ConnectAsync(_soon);
        await using var ourEnd = ours;
        var reading = ours.ReadAsync(new byte[10], _soon).AsTask();
        linux.Socket.LingerState = new LingerOption(enable: true, seconds: 0);
        linux.Socket.Dispose();

        var error = await Assert.ThrowsAsync<IOException>(() => reading);
        Assert.Equal(SocketError.ConnectionReset, ((SocketException)error.InnerException!).SocketErrorCode);
        Assert.Equal(0, peer.Stack.ConnectionCount);
    }

    [SkippableFact]
    public async Task Abort_LinuxReads_SeesAReset()
    {
        await using var peer = new LinuxPeer();
        var (ours, linux) = await peer.ConnectAsync(_soon);
        await using var linuxEnd = linux;
        ours.Abort();

        var error = await Assert.ThrowsAsync<IOException>(async () => await linux.ReadExactlyAsync(new byte[1], _soon));
        Assert.Equal(SocketError.ConnectionReset, ((SocketException)error.InnerException!).SocketErrorCode);
    }

    [SkippableFact]
    public async Task Dispose_WithUnsentData_LinuxGetsAllOfItAndAnEnd()
    {
        await using var peer = new LinuxPeer(new PathTrouble(Loss: 0.02, Delay: 5_000));
        var (ours, linux) = await peer.ConnectAsync(_soon);
        await using var linuxEnd = linux;
        var data = Payload.Random(60_000, 5);
        await ours.WriteAsync(data, _soon);
        await ours.DisposeAsync();

        Assert.Equal(SHA256.HashData(data), await Payload.HashAsync(linux, _soon));
    }

    [SkippableFact]
    public async Task Connect_NobodyListens_IsRefused()
    {
        await using var peer = new LinuxPeer();

        var error = await Assert.ThrowsAsync<IOException>(
            async () => await peer.Stack.ConnectAsync(new IPEndPoint(peer.Linux, 23001), _soon));
        Assert.Equal(SocketError.ConnectionRefused, ((SocketException)error.InnerException!).SocketErrorCode);

        using var socket = peer.Open();
        var refused = await Assert.ThrowsAsync<SocketException>(
            async () => await socket.ConnectAsync(new IPEndPoint(peer.Ours, 23001), _soon));
        Assert.Equal(SocketError.ConnectionRefused, refused.SocketErrorCode);
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Connections_AThousandAtOnce_AllAnswerAndNoneLeaks(bool weConnect)
    {
        await using var peer = new LinuxPeer(new PathTrouble(Loss: 0.001, Delay: 0));
        peer.Execute("sysctl", "-qw", "net.ipv4.tcp_max_syn_backlog=4096", "net.core.somaxconn=4096");
        using var server = peer.Listen();
        await using var listener = await peer.Stack.ListenAsync(new IPEndPoint(peer.Ours, 0), _soon);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(_soon);
        var serving = weConnect ? ServeLinuxAsync(server, stop.Token) : ServeOursAsync(listener, stop.Token);
        var clients = Enumerable.Range(0, 1_000).Select(async number =>
        {
            await using var stream = weConnect
                ? await peer.Stack.ConnectAsync((IPEndPoint)server.LocalEndPoint!, _soon)
                : await ConnectLinuxAsync(peer, listener.LocalEndPoint);
            var data = Payload.Random(5_000, number);
            await stream.WriteAsync(data, _soon);
            var echo = new byte[data.Length];
            await stream.ReadExactlyAsync(echo, _soon);
            Assert.Equal(data, echo);
            Payload.EndWrites(stream);
            Assert.Equal(0, await stream.ReadAsync(new byte[1], _soon));
        });

        await Task.WhenAll(clients);
        await stop.CancelAsync();
        await serving;
        await NothingHeldAsync(peer.Stack);
    }

    private async Task<Stream> ConnectLinuxAsync(LinuxPeer peer, IPEndPoint to)
    {
        var socket = peer.Open();
        await socket.ConnectAsync(to, _soon);
        return new NetworkStream(socket, ownsSocket: true);
    }

    private static async Task ServeLinuxAsync(Socket server, CancellationToken stop)
    {
        var echoes = new List<Task>();
        try
        {
            while (true)
            {
                echoes.Add(EchoAsync(new NetworkStream(await server.AcceptAsync(stop), ownsSocket: true)));
            }
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(echoes);
        }
    }

    private static async Task ServeOursAsync(IOverlayListener listener, CancellationToken stop)
    {
        var echoes = new List<Task>();
        try
        {
            while (await listener.AcceptAsync(stop) is { } connection)
            {
                echoes.Add(EchoAsync(connection.Stream));
            }
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(echoes);
        }
    }

    private static async Task EchoAsync(Stream stream)
    {
        await using (stream)
        {
            await stream.CopyToAsync(stream);
            Payload.EndWrites(stream);
        }
    }

    /// <summary>Only TIME-WAIT is left, and no payload memory.</summary>
    private static async Task NothingHeldAsync(RootlessStack stack)
    {
        for (var i = 0; i < 200 && (stack.Pool.InUseBytes > 0 || stack.CountConnections(s => s != TcpState.TimeWait) > 0); i++)
        {
            await Task.Delay(25);
        }

        Assert.Equal(0, stack.Faults);
        Assert.Equal(0, stack.Pool.InUseBytes);
        Assert.Equal(0, stack.CountConnections(s => s != TcpState.TimeWait));
    }
}
