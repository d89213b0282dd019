using System.Net;
using CsCheck;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.WireGuard.NetStack;

namespace NetBird.WireGuard.Tests.NetStack;

/// <summary>Anything may arrive: nothing throws, nothing leaks, and what must hold holds after every step.</summary>
public sealed class FuzzTests
{
    private const int StepsPerRun = 100;

    [Fact]
    public void Connection_AnySegmentsCallsAndTimes_KeepsItsInvariants()
        => Gen.Int.Sample(RunConnection, iter: Fuzzing.Cases / StepsPerRun);

    [Fact]
    public void Stack_AnyPackets_NeitherThrowsNorFaults()
        => Gen.Int.Sample(RunStack, iter: Fuzzing.Cases / StepsPerRun);

    [Fact]
    public void Header_WrittenAndParsed_IsTheSame()
        => Gen.Int.Sample(
            seed =>
            {
                var random = new Random(seed);
                var header = RandomHeader(random, (uint)random.Next(), (uint)random.Next());
                var bytes = new byte[TcpHeader.MaximumSize];
                Assert.Equal(header.Size, header.Write(bytes));
                Assert.True(TcpHeader.TryParse(bytes, out var parsed, out var size));
                Assert.Equal(header.Size, size);
                var again = new byte[TcpHeader.MaximumSize];
                parsed.Write(again);
                Assert.Equal(bytes, again);
            },
            iter: Fuzzing.Cases / 10);

    private static void RunConnection(int seed)
    {
        var random = new Random(seed);
        var pool = new BlockPool(random.Next(4) == 0 ? 64 * 1024 : 4 * 1024 * 1024);
        var settings = new TcpSettings { MaximumSegment = random.Next(88, 9_000), MaximumReceiveWindow = 256 * 1024, MaximumSendBuffer = 256 * 1024 };
        var ours = (uint)random.Next() * 2;
        var theirs = (uint)random.Next() * 2;
        long now = 1_000_000;
        uint? first = null;
        var edge = long.MinValue;
        TcpConnection? connection = null;
        var sequence = theirs;
        var acknowledgment = ours;
        void Take(in TcpHeader header, BlockBuffer? payload, long position, int length)
        {
            payload?.Read(position, new byte[length]);
            Assert.True(length + header.Size - TcpHeader.MinimumSize <= Math.Max(settings.MaximumSegment, 88), "a segment is larger than agreed");
            acknowledgment = header.Sequence + (uint)length + (header.Has(TcpFlags.Syn) || header.Has(TcpFlags.Fin) ? 1u : 0);
            sequence = header.Has(TcpFlags.Ack) ? header.Acknowledgment : sequence;
            if (header.Has(TcpFlags.Ack) && !header.Has(TcpFlags.Syn) && !header.Has(TcpFlags.Rst))
            {
                first ??= header.Acknowledgment;
                var now = (long)(int)(header.Acknowledgment - first.Value) + ((long)header.Window << (connection!.IsScaled ? 3 : 0));
                Assert.True(now >= edge, $"the window's edge moved back from {edge} to {now}");
                edge = now;
            }
        }

        var syn = RandomHeader(random, theirs, ours + 1);
        syn.Flags = TcpFlags.Syn;
        syn.SackPermitted |= random.Next(2) == 0;
        connection = random.Next(2) == 0
            ? TcpConnection.Connect(settings, pool, Take, ours, (uint)random.Next(), now)
            : TcpConnection.Accept(settings, pool, Take, ours, (uint)random.Next(), in syn, now);
        connection.Start(now);
        if (random.Next(8) > 0)
        {
            // Most runs are about what comes after the handshake.
            syn.Flags = connection.State == TcpState.SynSent ? TcpFlags.Syn | TcpFlags.Ack : TcpFlags.Ack;
            syn.Sequence = connection.State == TcpState.SynSent ? theirs : theirs + 1;
            connection.OnSegment(in syn, [], now);
            Assert.Equal(TcpState.Established, connection.State);
        }

        var buffer = new byte[70_000];
        for (var step = 0; step < StepsPerRun; step++)
        {
            Step(random, connection, buffer, sequence, acknowledgment, now);
            if (random.Next(3) > 0)
            {
                connection.Output(now);
            }

            Assert.True(connection.HeldBlocks * (long)BlockPool.BlockSize <= 1024 * 1024, "one connection holds too much");
            now += random.Next(10) == 0 ? random.NextInt64(70_000_000) : random.NextInt64(20_000);
            if (connection.NextDeadline <= now)
            {
                connection.OnTimer(now);
                connection.Output(now);
            }
        }

        connection.Close(now);
        connection.Abort();
        connection.Output(now);
        Assert.Equal(TcpState.Closed, connection.State);
        Assert.Equal(0, pool.InUseBytes);
        Assert.Equal(long.MaxValue, connection.NextDeadline);
    }

    private static void Step(Random random, TcpConnection connection, byte[] buffer, uint sequence, uint acknowledgment, long now)
    {
        switch (random.Next(12))
        {
            case 0:
                connection.Write(buffer.AsSpan(0, random.Next(buffer.Length)));
                break;
            case 1:
                connection.Read(buffer.AsSpan(0, random.Next(buffer.Length)), now);
                break;
            case 2 when random.Next(20) == 0:
                connection.CloseWrites();
                break;
            case 3 when random.Next(40) == 0:
                connection.Close(now);
                break;
            case 4 when random.Next(10) == 0:
                connection.OnPacketTooBig(acknowledgment - (uint)random.Next(5_000), random.Next(1_500), now);
                break;
            default:
                // Mostly near what is expected, or nothing interesting would ever be reached.
                var header = RandomHeader(random, Near(random, sequence), Near(random, acknowledgment));
                connection.OnSegment(in header, buffer.AsSpan(0, random.Next(3) == 0 ? 0 : random.Next(3_000)), now);
                break;
        }
    }

    private static uint Near(Random random, uint value) => random.Next(6) switch
    {
        0 or 1 or 2 => value,
        3 => value + (uint)random.Next(5_000),
        4 => value - (uint)random.Next(5_000),
        _ => random.Next(10) == 0 ? (uint)random.Next() * 2 : value + (uint)random.Next(100_000),
    };

    private static TcpHeader RandomHeader(Random random, uint sequence, uint acknowledgment)
    {
        var header = new TcpHeader
        {
            Sequence = sequence,
            Acknowledgment = acknowledgment,
            Flags = random.Next(4) == 0 ? (TcpFlags)random.Next(64) : TcpFlags.Ack,
            Window = (ushort)random.Next(random.Next(4) == 0 ? 2 : 65536),
            WindowScale = random.Next(4) == 0 ? (sbyte)random.Next(15) : (sbyte)-1,
            MaximumSegment = random.Next(3) == 0 ? (ushort)random.Next(65536) : (ushort)0,
            SackPermitted = random.Next(2) == 0,
            HasTimestamp = false,
        };
        if (header.MaximumSegment == 0 && header.WindowScale < 0 && random.Next(2) == 0)
        {
            header.SackPermitted = false;
            for (; header.SackCount < random.Next(5); header.SackCount++)
            {
                var start = Near(random, acknowledgment);
                header.Sacks[header.SackCount] = new SackBlock(start, start + (uint)random.Next(10_000));
            }
        }
        else
        {
            header.HasTimestamp = random.Next(2) == 0;
            (header.TimestampValue, header.TimestampEcho) = header.HasTimestamp ? ((uint)random.Next(), (uint)random.Next()) : (0, 0);
        }

        return header;
    }

    private static void RunStack(int seed)
    {
        var random = new Random(seed);
        var ours = new RootlessStack([IPAddress.Parse("10.0.0.1"), IPAddress.Parse("fd00::1")], 1420, TimeProvider.System, NullLoggerFactory.Instance);
        var packets = new Queue<byte[]>();
        var theirs = new RootlessStack([IPAddress.Parse("10.0.0.2"), IPAddress.Parse("fd00::2")], 1420, TimeProvider.System, NullLoggerFactory.Instance);
        ours.Start(packet => packets.Enqueue(packet.ToArray()));
        theirs.Start(packet => packets.Enqueue(packet.ToArray()));
        var v6 = seed % 2 == 0;
        var to = new IPEndPoint(IPAddress.Parse(v6 ? "fd00::1" : "10.0.0.1"), 23100);
        _ = ours.ListenAsync(to, default).AsTask();
        _ = theirs.ConnectAsync(to, default).AsTask();
        for (var step = 0; step < StepsPerRun; step++)
        {
            var packet = packets.TryDequeue(out var next) ? next : RandomBytes(random, v6);
            for (var i = random.Next(4) == 0 ? random.Next(4) : 0; i > 0 && packet.Length > 0; i--)
            {
                packet[random.Next(packet.Length)] = (byte)random.Next(256);
            }

            if (random.Next(8) == 0)
            {
                packet = packet[..random.Next(packet.Length + 1)];
            }

            ours.Write(packet);
            theirs.Write(packet);
            ours.Flush();
            theirs.Flush();
        }

        ours.DisposeAsync().AsTask().GetAwaiter().GetResult();
        theirs.DisposeAsync().AsTask().GetAwaiter().GetResult();
        Assert.Equal((0, 0), (ours.Faults, theirs.Faults));
        Assert.Equal((0L, 0L), (ours.Pool.InUseBytes, theirs.Pool.InUseBytes));
    }

    private static byte[] RandomBytes(Random random, bool v6)
    {
        var packet = new byte[random.Next(120)];
        random.NextBytes(packet);
        if (packet.Length > 40)
        {
            // Right as far as the addresses, so that the parts behind them are reached.
            var from = OverlayAddress.From(IPAddress.Parse(v6 ? "fd00::2" : "10.0.0.2"));
            var to = OverlayAddress.From(IPAddress.Parse(v6 ? "fd00::1" : "10.0.0.1"));
            byte[] protocols = [IpPacket.Tcp, IpPacket.Udp, IpPacket.Icmp, IpPacket.IcmpV6, 0, 43, 44, 60];
            IpPacket.WriteHeader(packet, protocols[random.Next(protocols.Length)], from, to, packet.Length - IpPacket.HeaderSize(v6));
        }

        return packet;
    }
}
