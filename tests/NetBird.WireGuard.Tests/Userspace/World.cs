using System.Buffers.Binary;
using System.Net;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.WireGuard.Userspace;

namespace NetBird.WireGuard.Tests.Userspace;

/// <summary>Two engines, Alice 10.0.0.1 and Bob 10.0.0.2, on one wire and one clock. Alice knows where Bob is, not the reverse.</summary>
internal sealed class World : IAsyncDisposable
{
    public static readonly IPAddress AliceInner = IPAddress.Parse("10.0.0.1");
    public static readonly IPAddress BobInner = IPAddress.Parse("10.0.0.2");

    public World(byte[]? alicePsk = null, byte[]? bobPsk = null, int aliceKeepalive = 0, IPacketDevice? aliceDevice = null, ILoggerFactory? logging = null)
    {
        Logging = logging ?? NullLoggerFactory.Instance;
        Alice = new Party(this, AliceKey, "192.0.2.1:51820", aliceDevice);
        Bob = new Party(this, BobKey, "192.0.2.2:51820");
        Bob.Engine.SetPeer(new PeerConfiguration
        {
            PublicKey = AliceKey.PublicKey,
            AllowedIPs = [new IPNetwork(AliceInner, 32)],
            PresharedKey = bobPsk,
        });
        Alice.Engine.SetPeer(new PeerConfiguration
        {
            PublicKey = BobKey.PublicKey,
            AllowedIPs = [new IPNetwork(BobInner, 32)],
            Endpoint = Bob.Socket.Local,
            PresharedKey = alicePsk,
            PersistentKeepalive = TimeSpan.FromSeconds(aliceKeepalive),
        });
        Settle();
    }

    public ILoggerFactory Logging { get; }

    public JumpingTime Time { get; } = new(new DateTimeOffset(2026, 1, 5, 12, 0, 0, TimeSpan.Zero));

    public Wire Wire { get; } = new();

    public PrivateKey AliceKey { get; } = PrivateKey.Generate();

    public PrivateKey BobKey { get; } = PrivateKey.Generate();

    public Party Alice { get; }

    public Party Bob { get; }

    /// <summary>An IPv4 packet with that payload.</summary>
    public static byte[] Packet(IPAddress from, IPAddress to, int payload = 40, byte ecn = 0)
    {
        var packet = new byte[20 + payload];
        RandomNumberGenerator.Fill(packet.AsSpan(20));
        packet[0] = 0x45;
        packet[1] = ecn;
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), (ushort)packet.Length);
        packet[8] = 64;
        packet[9] = 253;
        from.GetAddressBytes().CopyTo(packet, 12);
        to.GetAddressBytes().CopyTo(packet, 16);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(10), HeaderChecksum(packet));
        return packet;
    }

    /// <summary>The header's ones' complement sum, zero in a valid header (RFC 1071).</summary>
    public static ushort HeaderChecksum(ReadOnlySpan<byte> packet)
    {
        uint sum = 0;
        for (var i = 0; i < 20; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(packet[i..]);
        }

        sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)~((sum & 0xFFFF) + (sum >> 16));
    }

    public byte[] AliceSends(int payload = 40, byte ecn = 0)
    {
        var packet = Packet(AliceInner, BobInner, payload, ecn);
        Alice.Device.Send(packet);
        Settle();
        return packet;
    }

    public byte[] BobSends(int payload = 40)
    {
        var packet = Packet(BobInner, AliceInner, payload);
        Bob.Device.Send(packet);
        Settle();
        return packet;
    }

    /// <summary>Handshake done and confirmed, in both directions.</summary>
    public void Connect()
    {
        AliceSends();
        BobSends();
        Alice.Device.Written.Clear();
        Bob.Device.Written.Clear();
        Wire.Sent.Clear();
    }

    /// <summary>Moves the clock in small steps, so that what a timer starts happens at its time.</summary>
    public void Pass(double seconds)
    {
        var left = TimeSpan.FromSeconds(seconds);
        var step = TimeSpan.FromMilliseconds(100);
        while (left > TimeSpan.Zero)
        {
            Time.Advance(left < step ? left : step);
            left -= step;
            Settle();
        }
    }

    /// <summary>Waits until no handshake message is being handled, here or there.</summary>
    public void Settle()
    {
        // The second look is for what the first engine's last message made the other do.
        for (var quiet = 0; quiet < 2;)
        {
            if (Alice.Engine.IsIdle && Bob.Engine.IsIdle)
            {
                quiet++;
            }
            else
            {
                quiet = 0;
                Thread.Yield();
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Alice.Engine.DisposeAsync();
        await Bob.Engine.DisposeAsync();
        AliceKey.Dispose();
        BobKey.Dispose();
    }

    /// <summary>One end.</summary>
    internal sealed class Party
    {
        public Party(World world, PrivateKey key, string address, IPacketDevice? device = null)
        {
            Socket = world.Wire.Open(address);
            Engine = new Engine(key, device ?? Device, Socket, world.Time, world.Logging);
            Engine.Start();
        }

        public RecordingDevice Device { get; } = new();

        public Wire.Socket Socket { get; }

        public Engine Engine { get; }

        public PeerStatus Peer => Assert.Single(Engine.GetPeers());
    }
}
