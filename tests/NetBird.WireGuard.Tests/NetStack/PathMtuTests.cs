using NetBird.WireGuard.NetStack;

namespace NetBird.WireGuard.Tests.NetStack;

/// <summary>The size of packet that a path carries: told, or found out. RFC 1191, 8201, 2923, 4821, 8899.</summary>
public sealed class PathMtuTests
{
    // 1280 bytes of the outer path less 80 of WireGuard and 60 of our headers.
    private const int Small = 1_140;
    private const int Large = 1_400;

    /// <summary>RFC 1191 section 6, RFC 8201 section 5.2: smaller segments from now on, and the lost ones again at once.</summary>
    [Fact]
    public void PacketTooBig_ForASegmentInFlight_ResendsSmaller()
    {
        var script = TcpScript.Established().Write(2_000);
        ExpectSegments(script, 1, 2);

        script.Connection.OnPacketTooBig(unchecked(TcpScript.OurInitial + 1), 600, script.Now);
        script.Connection.Output(script.Now);
        script.ExpectData(1, 600).ExpectData(601, 400).ExpectData(1_001, 600).ExpectData(1_601, 400).ExpectNothing();
    }

    /// <summary>RFC 2923 section 2.1, RFC 8899 section 4.3: large segments vanish without a word, so smaller ones are tried.</summary>
    [Fact]
    public void Write_FullSegmentsTimeOutAgain_SmallerOnesAreTried()
    {
        var script = TcpScript.Established(mss: 1_400).Write(2_800).ExpectData(1, 1_400).ExpectData(1_401, 1_400);

        // The probe of the tail, the first timeout, then the second: 1140 bytes, what fits a path of 1280.
        var smallest = int.MaxValue;
        for (var waited = 0; waited < 2_000 && smallest > 1_140; waited++)
        {
            foreach (var length in script.Wait(1).TakeDataLengths())
            {
                smallest = Math.Min(smallest, length);
            }
        }

        Assert.InRange(smallest, 1_100, 1_140);
    }

    /// <summary>A single timeout is a lost segment, and says nothing of the path (RFC 8899 section 4.3: excessive loss of a size does).</summary>
    [Fact]
    public void Write_OneTimeout_KeepsTheSegmentSize()
    {
        var script = TcpScript.Established(sack: false, mss: 1_400).Write(1_400).ExpectData(1, 1_400);

        script.Wait(201).ExpectData(1, 1_400).ExpectNothing();
    }

    /// <summary>RFC 5927 section 7: one that quotes nothing in flight is somebody's guess.</summary>
    [Fact]
    public void PacketTooBig_ForNothingInFlight_IsIgnored()
    {
        var script = TcpScript.Established().Write(1_000).ExpectData(1, 1_000);

        script.Connection.OnPacketTooBig(unchecked(TcpScript.OurInitial + 5_000), 600, script.Now);
        script.Connection.Output(script.Now);
        script.ExpectNothing();
    }

    /// <summary>RFC 1191 section 3, RFC 8201 section 4: one that says less than every path carries does not make segments larger than they were.</summary>
    [Fact]
    public void PacketTooBig_BelowTheFloorWithSmallSegments_ChangesNothing()
    {
        var script = TcpScript.Established(settings: new TcpSettings { MaximumSegment = 300 }).Write(600).ExpectData(1, 300).ExpectData(301, 300);

        script.Connection.OnPacketTooBig(unchecked(TcpScript.OurInitial + 1), 100, script.Now);
        script.Connection.Output(script.Now);
        script.ExpectNothing().Peer(1, 601).Write(600).ExpectData(601, 300).ExpectData(901, 300);
    }

    /// <summary>RFC 8899 section 4.3: a path that carried large segments and then drops them, in the middle of a connection.</summary>
    [Fact]
    public void Write_PathShrinksAfterLargeSegmentsArrived_SmallerOnesAreTriedAfterThreeTimeouts()
    {
        var script = TcpScript.Established(mss: Large);
        var peer = new ReceivingPeer(script);
        Assert.Equal(Large, peer.Take(10 * Large).Max());

        var began = script.Now;
        var lengths = peer.Take(5 * Large, largest: Small);

        // The probe of the tail and three timeouts; then nothing large.
        Assert.Equal(Large, lengths[0]);
        Assert.InRange(lengths.Count(length => length == Large), 6, 9);
        Assert.Equal(Small, lengths.SkipWhile(length => length == Large).Max());
        Assert.InRange(script.Now - began, 1_000_000, 5_000_000);
    }

    /// <summary>RFC 8899 section 5.3: an outage looks the same, so the larger size is tried once it is over, and kept when it arrives.</summary>
    [Fact]
    public void Write_OutageThatLookedLikeABlackHole_LargeSegmentsReturn()
    {
        var (script, peer) = Escaped();
        Assert.Equal(Small, peer.Take(20 * Large).Max());

        script.Wait(2_000);
        Assert.Single(peer.Take(10 * Small), length => length == Large);
        Assert.Equal(Large, peer.Take(10 * Large).Min());
    }

    /// <summary>RFC 4821 section 7.6.2: the probe's loss is no congestion; RFC 8899 section 5.1.1: the next one comes after ten minutes.</summary>
    [Fact]
    public void Write_LargeSegmentIsLostAgain_GoesInPiecesAndTheWindowStays()
    {
        var (script, peer) = Escaped();
        _ = peer.Take(40 * Large, largest: Small);
        script.Wait(2_000);
        var threshold = script.Connection.SlowStartThreshold;
        var began = script.Now;

        Assert.Single(peer.Take(20 * Small, largest: Small), length => length > Small);
        Assert.True(script.Now - began < 200_000, "the loss was found by the timer");
        Assert.Equal(threshold, script.Connection.SlowStartThreshold);

        // Nothing larger for ten minutes; then once more.
        for (var minute = 0; minute < 9; minute++)
        {
            script.Wait(60_000);
            Assert.Equal(Small, peer.Take(20 * Small, largest: Small).Max());
        }

        script.Wait(61_000);
        Assert.Single(peer.Take(20 * Small, largest: Small), length => length > Small);
    }

    /// <summary>RFC 4821 section 7.4: without enough behind it the loss would cost a timeout, so a short write probes nothing.</summary>
    [Fact]
    public void Write_TooLittleBehindAProbe_NoneIsSent()
    {
        var (script, peer) = Escaped();
        script.Wait(3_000);

        Assert.Equal(Small, peer.Take(4 * Small).Max());
    }

    /// <summary>RFC 8899 section 4.3 and 5.3 in simulated time: the path shrinks and grows again under a transfer, for many seeds and losses.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(0.01)]
    [InlineData(0.05)]
    public void Transfer_PathShrinksAndGrowsMeanwhile_ArrivesIntact(double loss)
    {
        for (var seed = 1; seed <= 20; seed++)
        {
            var wide = new PathTrouble(loss, Delay: 5_000, BytesPerSecond: 2_000_000, QueueBytes: 100_000);
            var path = new SimulatedPath(seed, wide);
            var client = new SimulatedEnd(path, 0, seed, 6_000_000);
            var server = new SimulatedEnd(path, 1, seed, 400_000);
            (client.Other, server.Other) = (server, client);
            client.Connect();
            path.At(1_500_000, () => path.Trouble = wide with { LargestPacket = 1_200 });
            path.At(12_000_000 + (seed * 100_000), () => path.Trouble = wide);
            path.At(16_000_000, () => path.Trouble = wide with { LargestPacket = 1_300 });

            Assert.True(path.Run(() => client.IsEnded && server.IsEnded, 120_000_000), $"seed {seed}: {client.Connection} {server.Connection}");
            Assert.Equal(client.SentHash, server.ReceivedHash());
            Assert.Equal(server.SentHash, client.ReceivedHash());
        }
    }

    /// <summary>A connection whose large segments arrived and then vanished, now small.</summary>
    private static (TcpScript Script, ReceivingPeer Peer) Escaped()
    {
        var script = TcpScript.Established(mss: Large);
        var peer = new ReceivingPeer(script);
        _ = peer.Take(10 * Large);
        Assert.Contains(Small, peer.Take(2 * Large, largest: Small));
        return (script, peer);
    }

    /// <summary>Acknowledges what reaches it, with SACK, 20 ms after it left.</summary>
    private sealed class ReceivingPeer(TcpScript script)
    {
        private readonly SortedList<uint, uint> _beyond = [];
        private uint _next = 1;

        /// <summary>Writes so much and takes all of it over a path that carries payloads up to a size.</summary>
        /// <returns>Payload lengths of everything that was sent, in order.</returns>
        public List<int> Take(int bytes, int largest = int.MaxValue)
        {
            var end = _next + (uint)bytes;
            var lengths = new List<int>();
            script.Write(bytes);
            for (var waited = 0; _next < end; waited++)
            {
                Assert.True(waited < 60_000, $"nothing moves: {script.Connection}");
                var arrived = script.TakeData();
                lengths.AddRange(arrived.Select(segment => segment.Length));
                script.Wait(arrived.Count > 0 ? 20 : 1);
                foreach (var (start, length) in arrived.Where(segment => segment.Length <= largest))
                {
                    Receive(start, start + (uint)length);
                    var sacks = _beyond.Select(range => (range.Key, range.Value)).Take(3).ToArray();
                    script.Peer(1, _next, sacks: sacks);
                }
            }

            return lengths;
        }

        private void Receive(uint start, uint end)
        {
            if (end > _next)
            {
                _beyond[Math.Max(start, _next)] = end;
            }

            while (_beyond.Count > 0 && _beyond.GetKeyAtIndex(0) <= _next)
            {
                _next = Math.Max(_next, _beyond.GetValueAtIndex(0));
                _beyond.RemoveAt(0);
            }
        }
    }

    private static TcpScript ExpectSegments(TcpScript script, uint from, int count)
    {
        for (var i = 0; i < count; i++)
        {
            script.ExpectData(from + (uint)(i * 1_000), 1_000);
        }

        return script;
    }
}
