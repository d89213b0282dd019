using System.Net;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using NetBird.WireGuard.Configuration;
using NetBird.WireGuard.Linux;
using NetBird.WireGuard.Linux.Kernel;
using NetBird.WireGuard.Linux.Netlink;
using NetBird.WireGuard.Tests.Uapi;
using NetBird.WireGuard.Tests.Userspace;
using NetBird.WireGuard.Uapi;
using NetBird.WireGuard.Userspace;
using NetBird.WireGuard.Userspace.Noise;
using NetBird.WireGuard.Userspace.Sockets;
using NetBird.WireGuard.Windows;
using Xunit.Abstractions;

namespace NetBird.WireGuard.Tests.Fuzz;

/// <summary>
/// Every parser of what others send us, each over its own folder of Corpus: whatever comes, it answers or refuses as its callers expect,
/// ends, and keeps nothing.
/// </summary>
[SupportedOSPlatform("linux")]
[Collection(MemoryIsMeasured.Name)]
public sealed class ParserFuzzTests(ITestOutputHelper output)
{
    private const int Covered = 2 * WireFormat.MacSize;

    private delegate void Parser(Span<byte> bytes);

    [SkippableFact]
    public async Task Wire_AnyDatagram_IsTakenOrDropped()
    {
        await using var world = new World();
        var source = new DatagramSource(((UInt128)0xFFFF << 32) | 0xCB007105, 5, 0, default, 0);
        var mac1Key = StaticIdentity.Mac1KeyOf(world.BobKey.PublicKey.ToArray());
        var receiver = (IDatagramReceiver)world.Bob.Engine;

        // This world's own messages are seeds beside those of the folder: their keys are right.
        world.AliceSends();
        world.BobSends();
        var own = world.Wire.Sent.Select(datagram => datagram.Bytes).ToList();
        Run("wire", own, bytes =>
        {
            // Half of the handshake messages get past the first check.
            if (bytes.Length is WireFormat.InitiationSize or WireFormat.ResponseSize && bytes[7] % 2 == 0)
            {
                Blake2s.Mac(mac1Key, bytes[..^Covered], bytes.Slice(bytes.Length - Covered, WireFormat.MacSize));
            }

            receiver.Receive(bytes, Math.Max(1, bytes.Length), in source, (byte)(bytes.Length & 3));
            Forget(world);
        });
        world.Settle();
        Assert.InRange(world.Bob.Engine.Indices.Count, 0, 8);
    }

    [SkippableFact]
    public async Task Inner_AnyAuthenticPacket_IsDeliveredOrDropped()
    {
        await using var world = new World();
        world.Connect();
        var to = World.BobInner.GetAddressBytes();
        Run("inner", [World.Packet(World.AliceInner, World.BobInner)], bytes =>
        {
            if (bytes.Length >= 20)
            {
                // Else it would not be routed to Bob at all.
                bytes[0] = (byte)(0x40 | (bytes[0] & 15));
                to.CopyTo(bytes[16..]);
            }

            world.Alice.Device.Send(bytes);
            foreach (var packet in world.Bob.Device.Written)
            {
                Assert.True(packet.AsSpan(12, 4).SequenceEqual(World.AliceInner.GetAddressBytes()));
            }

            Forget(world);
        });
    }

    [SkippableFact]
    public async Task Offload_AnyFrame_IsCutOrDropped()
    {
        await using var world = new World();
        world.Connect();
        var train = world.Alice.Engine.RentTrain();
        var coalescer = new TcpCoalescer(_ => { });
        Run("offload", [], bytes =>
        {
            if (bytes.Length > VirtioHeader.Size)
            {
                SegmentSplitter.Split(MemoryMarshal.Read<VirtioHeader>(bytes), bytes[VirtioHeader.Size..], train);
                coalescer.Add(bytes[VirtioHeader.Size..]);
                coalescer.Flush();
            }

            Forget(world);
        });
    }

    [SkippableFact]
    public void NetlinkRoute_AnyDatagram_IsReadOrFoundInvalid() => Run("netlink-route", [], bytes =>
    {
        try
        {
            ReadOnlySpan<byte> rest = bytes;
            while (NetlinkSocket.TryTake(ref rest, out var type, out var flags, out _, out var payload))
            {
                _ = RouteSocket.ParseLink(payload);
                _ = RouteSocket.ParseAddress(payload);
                _ = RouteSocket.ParseRoute(payload);
                NetlinkSocket.ThrowOnError(type, flags, payload, "fuzz");
            }
        }
        catch (Exception e) when (e is InvalidDataException or NetlinkException)
        {
        }
    });

    [SkippableFact]
    public void NetlinkFamily_AnyPayload_IsReadOrFoundInvalid() => Run("netlink-family", [], bytes =>
    {
        try
        {
            _ = GenericSocket.ParseFamily(bytes);
        }
        catch (InvalidDataException)
        {
        }
    });

    [SkippableFact]
    public void NetlinkWireGuard_AnyPayload_IsReadOrFoundInvalid() => Run("netlink-wireguard", [], bytes =>
    {
        using var reader = new WireGuardReader();
        try
        {
            reader.Add(bytes);
            reader.Add(bytes);
            reader.Complete().Dispose();
        }
        catch (InvalidDataException)
        {
        }
    });

    [SkippableFact]
    public void Uapi_AnyConversation_IsAnsweredOrEnds() => Run("uapi", [], bytes =>
    {
        using var stream = new Client(bytes.ToArray());
        using var conversation = new UapiConversation(stream, new MemoryInterface());
        try
        {
            Assert.True(conversation.RunAsync(default).IsCompletedSuccessfully || stream.Length > UapiConversation.LongestLine);
        }
        catch (UapiException)
        {
        }
    });

    [SkippableFact]
    public void Configuration_AnyFile_IsReadOrItsMistakeFound() => Run("configuration", [], bytes =>
    {
        try
        {
            using var file = WgFileParser.Parse(bytes);
        }
        catch (WgFileException e)
        {
            Assert.InRange(e.Line, 1, bytes.Count((byte)'\n') + 1);
            Assert.InRange(e.Column, 1, bytes.Length + 1);
        }
    });

    [SkippableFact]
    public void ControlMessages_AnyBytes_AreReadOrPassedOver() => Run("control", [], bytes =>
    {
        ControlMessages.Read(bytes, out _, out _, out var ecn);
        Assert.InRange(ecn, 0, 3);
    });

    [SkippableFact]
    public void Driver_AnyConfiguration_IsReadOrFoundInvalid() => Run("driver", [], bytes =>
    {
        try
        {
#pragma warning disable CA1416 // It reads bytes; the driver's calls alone need Windows.
            using var state = NtConfiguration.Read("x", bytes);
#pragma warning restore CA1416
        }
        catch (InvalidDataException)
        {
        }
    });

    private static void Forget(World world)
    {
        world.Wire.Sent.Clear();
        world.Bob.Device.Written.Clear();
        world.Alice.Device.Written.Clear();
    }

    private void Run(string folder, IReadOnlyList<byte[]> more, Parser parse)
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "these parsers are Linux's");
        var files = Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "Fuzz", "Corpus", folder)).Order(StringComparer.Ordinal);
        List<byte[]> corpus = [.. files.Select(File.ReadAllBytes), .. more];
        Assert.NotEmpty(corpus);
        var mutator = new Mutator(corpus);
        var settled = Fuzzing.Cases / 10;
        var (before, slowest) = (0L, TimeSpan.Zero);
        for (var number = 0; number < Fuzzing.Cases; number++)
        {
            if (number == settled)
            {
                before = GC.GetTotalMemory(forceFullCollection: true);
            }

            var started = TimeProvider.System.GetTimestamp();
            try
            {
                parse(mutator.Make(number));
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"case {number}: {Convert.ToHexString(mutator.Make(number))}", e);
            }

            var took = TimeProvider.System.GetElapsedTime(started);
            slowest = took > slowest ? took : slowest;
        }

        var grown = GC.GetTotalMemory(forceFullCollection: true) - before;
        output.WriteLine($"{folder}: {Fuzzing.Cases:N0} cases of {corpus.Count} seeds, {grown:N0} bytes grown, slowest {slowest.TotalMilliseconds:F1} ms");
        Assert.InRange(grown, long.MinValue, 4 * 1024 * 1024);
    }

    /// <summary>Says what it has to say, hears nothing, hangs up.</summary>
    private sealed class Client(byte[] request) : MemoryStream(request)
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;
    }
}
