using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Runtime.Versioning;
using NetBird.WireGuard.Linux;
using NetBird.WireGuard.Userspace;
using NetBird.WireGuard.Userspace.Noise;
using NetBird.WireGuard.Userspace.Sockets;
using Xunit.Abstractions;

namespace NetBird.WireGuard.Tests.Linux;

/// <summary>Forged initiations whose mac1 is right, since the key that makes it is public, at up to 100,000 a second.</summary>
[Trait("Needs", "root")]
[SupportedOSPlatform("linux")]
public sealed class FloodTests(ITestOutputHelper output)
{
    private const int PerSecond = 100_000;

    [SkippableFact]
    public async Task Flood_OfForgedInitiations_TransferGoesOnAndMemoryStaysFlat()
    {
        Requires.Tunnels();
        using var ourKey = PrivateKey.Generate();
        using var theirKey = PrivateKey.Generate();
        await using var ours = await End.OpenAsync(ourKey, "10.99.0.1");
        await using var theirs = await End.OpenAsync(theirKey, "10.99.0.2");
        ours.SetPeer(End.Peer(theirKey, "10.99.0.2"));
        theirs.SetPeer(End.Peer(ourKey, "10.99.0.1", new IPEndPoint(IPAddress.Loopback, ours.ListenPort)));
        var sent = RandomNumberGenerator.GetBytes(Fuzzing.IsLong ? 200_000_000 : 20_000_000);
        _ = await TimeOf(sent[..5_000_000]);
        var quiet = await TimeOf(sent);
        var before = GC.GetTotalMemory(forceFullCollection: true);

        using var stop = new CancellationTokenSource();
        var inbox = new Cookies();
        var flood = Task.Factory.StartNew(() => Flood(ourKey.PublicKey.ToArray(), ours.ListenPort, inbox, stop.Token), TaskCreationOptions.LongRunning);
        var flooded = await TimeOf(sent);
        await stop.CancelAsync();
        var rate = await flood;

        var grown = GC.GetTotalMemory(forceFullCollection: true) - before;
        output.WriteLine($"quiet {quiet.TotalSeconds:F2} s, flooded {flooded.TotalSeconds:F2} s, {rate:N0} forged/s, {inbox.Count} cookies, {grown:N0} bytes grown");
        Assert.True(inbox.Count > 0, "no cookies were sent");
        Assert.InRange(grown, long.MinValue, 10_000_000);

        // The flood itself takes a core of this machine; on one that others load too, only the long run holds us to the half.
        Assert.True(flooded < quiet * (Fuzzing.IsLong ? 2 : 20), $"{quiet} became {flooded}");

        async Task<TimeSpan> TimeOf(byte[] bytes)
        {
            var started = Stopwatch.GetTimestamp();
            Assert.Equal(bytes, await End.EchoAsync(theirs.Overlay, ours.Overlay, IPAddress.Parse("10.99.0.1"), bytes));
            return Stopwatch.GetElapsedTime(started);
        }
    }

    private static double Flood(byte[] publicKey, int port, Cookies inbox, CancellationToken stop)
    {
        using var socket = new Closing(new LinuxUdpSocket(0));
        socket.Socket.Start(inbox);
        var mac1Key = StaticIdentity.Mac1KeyOf(publicKey);
        const int Train = 50;
        var bytes = RandomNumberGenerator.GetBytes(Train * WireFormat.InitiationSize);
        for (var i = 0; i < Train; i++)
        {
            var message = bytes.AsSpan(i * WireFormat.InitiationSize, WireFormat.InitiationSize);
            BitConverter.TryWriteBytes(message, WireFormat.Initiation);
            Blake2s.Mac(mac1Key, message[..116], message.Slice(116, 16));
        }

        var target = new UdpEndpoint(new IPEndPoint(IPAddress.Loopback, port));
        var started = Stopwatch.GetTimestamp();
        long count = 0;
        while (!stop.IsCancellationRequested)
        {
            socket.Socket.Send(target, bytes, WireFormat.InitiationSize, 0);
            count += Train;
            var ahead = (count / (double)PerSecond) - Stopwatch.GetElapsedTime(started).TotalSeconds;
            if (ahead > 0.001)
            {
                Thread.Sleep((int)(ahead * 1000));
            }
        }

        return count / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private sealed class Closing(LinuxUdpSocket socket) : IDisposable
    {
        public LinuxUdpSocket Socket => socket;

        public void Dispose() => socket.Close();
    }

    private sealed class Cookies : IDatagramReceiver
    {
        public int Count { get; private set; }

        public void Receive(Span<byte> datagrams, int datagramSize, in DatagramSource from, byte ecn)
            => Count += datagramSize == WireFormat.CookieReplySize ? 1 : 0;

        public void EndOfBatch()
        {
        }
    }
}
