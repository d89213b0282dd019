using System.Buffers.Binary;
using System.Net;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using CsCheck;
using System.Runtime.Versioning;
using NetBird.WireGuard.Linux;
using NetBird.WireGuard.NetStack;
using NetBird.WireGuard.Tests.Userspace;
using NetBird.WireGuard.Userspace;

namespace NetBird.WireGuard.Tests.Linux;

/// <summary>Large packets cut, carried and put together again are what they were.</summary>
[SupportedOSPlatform("linux")]
public sealed class OffloadTests
{
    private static readonly IPAddress AliceV6 = IPAddress.Parse("fd00::1");
    private static readonly IPAddress BobV6 = IPAddress.Parse("fd00::2");

    [Fact]
    public async Task SplitAndCoalesce_AnyTcpPacket_IsTheSamePacket()
    {
        var device = new TrainDevice();
        await using var world = Connected(device);
        Gen.Select(Gen.Bool, Gen.Int[1, 60_000], Gen.Int[500, 1_340], Gen.Int[0, 10], Gen.Bool, Gen.Int).Sample(
            (v6, payload, mss, optionWords, push, seed) =>
            {
                var transport = v6 ? IpHeader.V6Size : IpHeader.V4Size;
                var headers = transport + 20 + (optionWords * 4);
                var packet = TcpPacket(v6, headers, payload, push, new Random(seed));
                var frame = WithPartialChecksum(packet, transport, headers, mss);
                world.Bob.Device.Written.Clear();

                SegmentSplitter.Split(MemoryMarshal.Read<VirtioHeader>(frame), frame.AsSpan(VirtioHeader.Size), device.Train!);
                device.Train!.Flush();

                var segments = world.Bob.Device.Written.ToArray();
                Assert.Equal((payload + mss - 1) / mss, segments.Length);
                var frames = new List<byte[]>();
                var coalescer = new TcpCoalescer(written => frames.Add(written.ToArray()));
                foreach (var segment in segments)
                {
                    Assert.True(segment.Length <= headers + mss);
                    AssertValid(segment, transport);
                    coalescer.Add(segment);
                }

                coalescer.Flush();
                var joined = Assert.Single(frames);
                var header = MemoryMarshal.Read<VirtioHeader>(joined);
                var result = joined[VirtioHeader.Size..];
                if (segments.Length > 1)
                {
                    Assert.Equal(VirtioHeader.NeedsChecksum, header.Flags);
                    Assert.Equal(mss, header.SegmentSize);
                    Assert.Equal(headers, header.HeaderLength);
                    Complete(result, transport);
                }

                Assert.Equal(packet, result);
            },
            iter: Fuzzing.Cases / 100,
            threads: 1);
    }

    [Fact]
    public void Coalesce_WhatDoesNotFollow_StaysApartAndInOrder()
    {
        var random = new Random(3);
        var headers = IpHeader.V4Size + 20;
        var first = TcpPacket(false, headers, 1_000, push: false, random);
        var second = Next(first, 1_000, headers);
        var gap = Next(second, 5_000, headers);
        var otherPort = Next(second, 1_000, headers);
        otherPort[20] ^= 1;
        Complete(otherPort, IpHeader.V4Size);
        var broken = Next(second, 1_000, headers);
        broken[^1] ^= 1;
        var acknowledgement = Next(second, 1_000, headers)[..headers];
        BinaryPrimitives.WriteUInt16BigEndian(acknowledgement.AsSpan(2), (ushort)headers);
        Complete(acknowledgement, IpHeader.V4Size);
        var reset = Next(second, 1_000, headers);
        reset[IpHeader.V4Size + 13] |= 4;
        Complete(reset, IpHeader.V4Size);

        foreach (var stranger in (byte[][])[gap, otherPort, broken, acknowledgement, reset, [0x45], World.Packet(World.AliceInner, World.BobInner)])
        {
            var frames = new List<byte[]>();
            var coalescer = new TcpCoalescer(written => frames.Add(written.ToArray()));
            coalescer.Add(first);
            coalescer.Add(second);
            coalescer.Add(stranger);
            coalescer.Flush();

            Assert.Equal(2, frames.Count);
            Assert.Equal(VirtioHeader.Size + first.Length + 1_000, frames[0].Length);
            Assert.Equal(stranger, frames[1][VirtioHeader.Size..]);

            // What we could not vouch for, the kernel checks itself.
            Assert.NotEqual(VirtioHeader.NeedsChecksum, frames[1][0]);
        }

        byte[] Next(byte[] before, int step, int headerSize)
        {
            var packet = before.ToArray();
            random.NextBytes(packet.AsSpan(headerSize));
            var at = packet.AsSpan(IpHeader.V4Size + 4);
            BinaryPrimitives.WriteUInt32BigEndian(at, BinaryPrimitives.ReadUInt32BigEndian(at) + (uint)step);
            Complete(packet, IpHeader.V4Size);
            return packet;
        }
    }

    [Fact]
    public async Task Split_AnyHeaderAndBytes_NeverThrowsNorOverfills()
    {
        var device = new TrainDevice();
        await using var world = Connected(device);
        Gen.Select(Gen.Int[0, 200], Gen.Byte, Gen.Byte, Gen.UShort[0, 300], Gen.UShort[0, 80], Gen.Int).Sample(
            (length, flags, kind, size, start, seed) =>
            {
                var bytes = new byte[length];
                new Random(seed).NextBytes(bytes);
                if (length > 0)
                {
                    bytes[0] = (byte)(seed % 2 == 0 ? 0x45 : 0x60);
                }

                SegmentSplitter.Split(
                    new VirtioHeader
                    {
                        Flags = flags,
                        SegmentKind = (byte)(kind % 7),
                        SegmentSize = size,
                        ChecksumStart = start,
                        ChecksumOffset = (ushort)(seed & 31),
                    },
                    bytes,
                    device.Train!);
                new TcpCoalescer(_ => { }).Add(bytes);
            },
            iter: Fuzzing.Cases,
            threads: 1);
    }

    [Fact]
    public void NativeStructs_HaveTheKernelsSizes()
    {
        Assert.Equal(10, Unsafe.SizeOf<VirtioHeader>());
        Assert.Equal(16, Unsafe.SizeOf<Libc.Vector>());
        Assert.Equal(56, Unsafe.SizeOf<Libc.Message>());
        Assert.Equal(64, Unsafe.SizeOf<Libc.MultiMessage>());
        Assert.Equal(28, Unsafe.SizeOf<Libc.SocketAddressV6>());
        Assert.Equal(16, Unsafe.SizeOf<Libc.ControlHeader>());
        Assert.Equal(8, Unsafe.SizeOf<Libc.PollDescriptor>());
        Assert.Equal(56, (int)Marshal.OffsetOf<Libc.MultiMessage>(nameof(Libc.MultiMessage.Length)));
        Assert.Equal(32, (int)Marshal.OffsetOf<Libc.Message>(nameof(Libc.Message.Control)));
    }

    private static World Connected(TrainDevice device)
    {
        var world = new World(aliceDevice: device);
        world.Alice.Engine.SetPeer(new PeerConfiguration
        {
            PublicKey = world.BobKey.PublicKey,
            AllowedIPs = [new IPNetwork(World.BobInner, 32), new IPNetwork(BobV6, 128)],
        });
        world.Bob.Engine.SetPeer(new PeerConfiguration
        {
            PublicKey = world.AliceKey.PublicKey,
            AllowedIPs = [new IPNetwork(World.AliceInner, 32), new IPNetwork(AliceV6, 128)],
        });
        device.Train!.Add(World.Packet(World.AliceInner, World.BobInner));
        device.Train.Flush();
        world.Settle();
        Assert.Single(world.Bob.Device.Written);
        return world;
    }

    private static byte[] TcpPacket(bool v6, int headers, int payload, bool push, Random random)
    {
        var packet = new byte[headers + payload];
        random.NextBytes(packet);
        var transport = v6 ? IpHeader.V6Size : IpHeader.V4Size;
        if (v6)
        {
            packet[0] = 0x60;
            packet[1] &= 0x0F;
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), (ushort)(packet.Length - IpHeader.V6Size));
            packet[6] = 6;
            AliceV6.GetAddressBytes().CopyTo(packet, 8);
            BobV6.GetAddressBytes().CopyTo(packet, 24);
        }
        else
        {
            packet[0] = 0x45;
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), (ushort)packet.Length);
            packet[6] = 0x40;
            packet[7] = 0;
            packet[9] = 6;
            World.AliceInner.GetAddressBytes().CopyTo(packet, 12);
            World.BobInner.GetAddressBytes().CopyTo(packet, 16);
        }

        packet[transport + 12] = (byte)((headers - transport) / 4 << 4);
        packet[transport + 13] = (byte)(0x10 | (push ? 8 : 0));
        Complete(packet, transport);
        return packet;
    }

    private static byte[] WithPartialChecksum(byte[] packet, int transport, int headers, int mss)
    {
        var frame = new byte[VirtioHeader.Size + packet.Length];
        packet.CopyTo(frame, VirtioHeader.Size);
        var header = new VirtioHeader
        {
            Flags = VirtioHeader.NeedsChecksum,
            SegmentKind = packet.Length - headers <= mss ? VirtioHeader.NoSegments : transport == IpHeader.V4Size ? VirtioHeader.TcpV4 : VirtioHeader.TcpV6,
            SegmentSize = (ushort)mss,
            HeaderLength = (ushort)headers,
            ChecksumStart = (ushort)transport,
            ChecksumOffset = 16,
        };
        MemoryMarshal.Write(frame, in header);
        InternetChecksum.Store(frame.AsSpan(VirtioHeader.Size + transport + 16), (ushort)~InternetChecksum.Finish(Pseudo(packet, transport)));
        return frame;
    }

    private static void Complete(byte[] packet, int transport)
    {
        if (transport == IpHeader.V4Size)
        {
            packet.AsSpan(10, 2).Clear();
            InternetChecksum.Store(packet.AsSpan(10), InternetChecksum.Finish(InternetChecksum.Add(0, packet.AsSpan(0, 20))));
        }

        packet.AsSpan(transport + 16, 2).Clear();
        InternetChecksum.Store(
            packet.AsSpan(transport + 16), InternetChecksum.Finish(InternetChecksum.Add(Pseudo(packet, transport), packet.AsSpan(transport))));
    }

    private static void AssertValid(byte[] packet, int transport)
    {
        Assert.Equal(packet.Length, IpHeader.LengthOf(packet));
        Assert.Equal(0, InternetChecksum.Finish(InternetChecksum.Add(Pseudo(packet, transport), packet.AsSpan(transport))));
        if (transport == IpHeader.V4Size)
        {
            Assert.Equal(0, World.HeaderChecksum(packet));
        }
    }

    private static ulong Pseudo(byte[] packet, int transport)
    {
        var (source, size) = transport == IpHeader.V4Size ? (12, 4) : (8, 16);
        return InternetChecksum.PseudoHeader(packet.AsSpan(source, size), packet.AsSpan(source + size, size), 6, packet.Length - transport);
    }

    private sealed class TrainDevice : IBatchingPacketDevice
    {
        public OutboundTrain? Train { get; private set; }

        public int Mtu => 1420;

        public void Start(Func<OutboundTrain> open) => Train = open();

        public void Start(OutboundPacket outbound) => throw new NotSupportedException();

        public void Write(ReadOnlySpan<byte> packet)
        {
        }

        public void Flush()
        {
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
