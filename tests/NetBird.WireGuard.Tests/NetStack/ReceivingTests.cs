using NetBird.WireGuard.NetStack;

namespace NetBird.WireGuard.Tests.NetStack;

/// <summary>Receiving: acknowledgments, windows, SACK, timestamps. RFC 9293, 5681, 2018, 2883, 7323.</summary>
public sealed class ReceivingTests
{
    /// <summary>RFC 9293 section 3.8.6.3: two full segments, or 40 ms here (at most 500).</summary>
    [Fact]
    public void Data_AfterTheFirstSegments_IsAcknowledgedEverySecondOrDelayed()
    {
        var script = AfterQuickAcks(out var at);
        script.Peer(at, 1, length: 1_000).ExpectNothing();
        script.Peer(at + 1_000, 1, length: 1_000).ExpectAck(at + 2_000);

        script.Peer(at + 2_000, 1, length: 1_000).ExpectNothing().Wait(39).ExpectNothing().Wait(1).ExpectAck(at + 3_000);
    }

    /// <summary>RFC 9293 section 3.8.6.3: an ACK rides on data that leaves meanwhile.</summary>
    [Fact]
    public void Data_WeAnswerAtOnce_AcknowledgmentRidesAlong()
    {
        var script = AfterQuickAcks(out var at);
        script.Peer(at, 1, length: 100).ExpectNothing().Write(50);
        script.Expect(TcpFlags.Ack, sequence: 1, acknowledgment: at + 100, length: 50);

        script.Peer(at + 100, 51).Wait(100).ExpectNothing();
    }

    /// <summary>RFC 5681 section 4.2, RFC 2018 section 4: at once, with the newest block first.</summary>
    [Fact]
    public void Data_BeyondGaps_ReportsNewestBlockFirst()
    {
        var script = TcpScript.Established();
        script.Peer(1_001, 1, length: 1_000);
        Assert.Equal([(1_001, 2_001)], Blocks(script.Expect(TcpFlags.Ack, acknowledgment: 1)));
        script.Peer(5_001, 1, length: 1_000);
        Assert.Equal([(5_001, 6_001), (1_001, 2_001)], Blocks(script.Expect(TcpFlags.Ack, acknowledgment: 1)));
        script.Peer(2_001, 1, length: 1_000);
        Assert.Equal([(1_001, 3_001), (5_001, 6_001)], Blocks(script.Expect(TcpFlags.Ack, acknowledgment: 1)));

        script.Peer(1, 1, length: 1_000);
        Assert.Equal([(5_001, 6_001)], Blocks(script.Expect(TcpFlags.Ack, acknowledgment: 3_001)));
        script.Peer(3_001, 1, length: 2_000);
        Assert.Equal([], Blocks(script.Expect(TcpFlags.Ack, acknowledgment: 6_001)));
        script.Read(6_000);
        Assert.Equal(0, script.Pool.InUseBytes);
    }

    /// <summary>RFC 2883 section 4.1: a duplicate is reported in the first block, below the ACK.</summary>
    [Fact]
    public void Data_Duplicate_IsReported()
    {
        var script = TcpScript.Established().Peer(1, 1, length: 1_000).ExpectAck(1_001);

        script.Peer(1, 1, length: 1_000);
        Assert.Equal([(1, 1_001)], Blocks(script.Expect(TcpFlags.Ack, acknowledgment: 1_001)));
    }

    /// <summary>RFC 2883 section 4.2: a duplicate of something beyond a gap, then the block that holds it.</summary>
    [Fact]
    public void Data_DuplicateBeyondGap_IsReportedBeforeItsBlock()
    {
        var script = TcpScript.Established().Peer(1_001, 1, length: 1_000).Peer(2_001, 1, length: 1_000).ExpectAck(1).ExpectAck(1);

        script.Peer(1_001, 1, length: 1_000);
        Assert.Equal([(1_001, 2_001), (1_001, 3_001)], Blocks(script.Expect(TcpFlags.Ack, acknowledgment: 1)));
    }

    /// <summary>RFC 2018 section 2: no blocks for a peer that did not ask.</summary>
    [Fact]
    public void Data_BeyondGapWithoutSack_OnlyRepeatsTheAck()
    {
        var script = TcpScript.Established(sack: false).Peer(1_001, 1, length: 1_000);

        Assert.Equal(0, script.Expect(TcpFlags.Ack, acknowledgment: 1).SackCount);
    }

    /// <summary>RFC 9293 section 3.10.7.4, first: partly old, partly beyond the window; the middle is taken.</summary>
    [Fact]
    public void Data_OverlapsBothEdges_IsTrimmed()
    {
        var script = TcpScript.Established().Peer(1, 1, length: 500).ExpectAck(501);
        script.Peer(201, 1, length: 1_000).ExpectAck(1_201);
        Assert.Equal(1_200, script.Connection.ReadableBytes);

        var settings = new TcpSettings { MaximumSegment = 1_000, InitialReceiveWindow = 2_000, MaximumReceiveWindow = 2_000 };
        script = TcpScript.Established(settings: settings).Peer(1_501, 1, length: 1_000).ExpectAck(1);
        script.Peer(1, 1, length: 1_500).ExpectAck(2_001);
        Assert.Equal(2_000, script.Connection.ReadableBytes);
    }

    /// <summary>RFC 9293 section 3.8.6.1 and 3.8.6.2.2: probes of a closed window are answered; it opens by enough at once.</summary>
    [Fact]
    public void Window_FilledAndRead_ClosesAnswersProbesAndOpens()
    {
        var settings = new TcpSettings { MaximumSegment = 1_000, InitialReceiveWindow = 4_000, MaximumReceiveWindow = 4_000 };
        var script = TcpScript.Established(settings: settings);
        for (uint at = 1; at <= 3_001; at += 1_000)
        {
            script.Peer(at, 1, length: 1_000);
        }

        script.ExpectAck(1_001).ExpectAck(2_001).ExpectAck(3_001);
        Assert.Equal(0, script.Expect(TcpFlags.Ack, acknowledgment: 4_001).Window);
        script.Wait(500).Peer(4_001, 1, length: 1);
        Assert.Equal(0, script.Expect(TcpFlags.Ack, acknowledgment: 4_001).Window);

        script.Read(500).ExpectNothing();
        script.Read(1_500);
        Assert.Equal(2_000, script.Expect(TcpFlags.Ack, acknowledgment: 4_001).Window);
    }

    /// <summary>RFC 9293 section 3.8.6.2.2: the right edge never moves back.</summary>
    [Fact]
    public void Window_ManySizes_EdgeNeverMovesBack()
    {
        var script = TcpScript.Established();
        var random = new Random(1);
        uint at = 1;
        long edge = 0;
        for (var i = 0; i < 300; i++)
        {
            var length = random.Next(1, 1_000);
            script.Peer(at, 1, length: length);
            at += (uint)length;
            if (random.Next(3) == 0)
            {
                script.Connection.Read(new byte[random.Next(1, 4_000)], script.Now);
                script.Connection.Output(script.Now);
            }

            script.Wait(41);
            while (script.TrySent(out var sent))
            {
                var now = sent.Acknowledgment - TcpScript.PeerInitial + ((long)sent.Window << 7);
                Assert.True(now >= edge, $"{now} < {edge}");
                edge = now;
            }
        }
    }

    /// <summary>RFC 7323 section 4.3: the echo is of the segment that the next ACK is about, also after a gap.</summary>
    [Fact]
    public void Timestamps_GapThenFilled_EchoTheOneInOrder()
    {
        var script = TcpScript.Established(timestamps: true).PeerStamp(2_000).Peer(1, 1, length: 1_000);
        Assert.Equal(2_000u, script.Expect(TcpFlags.Ack, acknowledgment: 1_001).TimestampEcho);
        script.PeerStamp(2_002).Peer(2_001, 1, length: 1_000);
        Assert.Equal(2_000u, script.Expect(TcpFlags.Ack, acknowledgment: 1_001).TimestampEcho);

        script.PeerStamp(2_001).Peer(1_001, 1, length: 1_000);
        Assert.Equal(2_001u, script.Expect(TcpFlags.Ack, acknowledgment: 3_001).TimestampEcho);
    }

    /// <summary>RFC 7323 section 5.3, R1: a segment from before is acknowledged and dropped.</summary>
    [Fact]
    public void Timestamps_FromThePast_AreRefused()
    {
        var script = TcpScript.Established(timestamps: true).PeerStamp(5_000).Peer(1, 1, length: 100).ExpectAck(101);

        script.PeerStamp(4_999).Peer(101, 1, length: 100).ExpectAck(101);
        Assert.Equal(100, script.Connection.ReadableBytes);
        script.PeerStamp(5_000).Peer(101, 1, length: 100).ExpectAck(201);
    }

    /// <summary>RFC 7323 section 5.5: after 24 days of silence the old timestamp says nothing.</summary>
    [Fact]
    public void Timestamps_After24Days_AreBelievedAgain()
    {
        var settings = new TcpSettings { MaximumSegment = 1_000, KeepaliveIdle = 0 };
        var script = TcpScript.Established(timestamps: true, settings: settings).PeerStamp(5_000).Peer(1, 1, length: 100).ExpectAck(101);

        script.Wait(25L * 24 * 3600 * 1_000).PeerStamp(3_000).Peer(101, 1, length: 100).ExpectAck(201);
    }

    /// <summary>RFC 7323 section 3.2: once agreed, a segment without is dropped in silence; a reset is not.</summary>
    [Fact]
    public void Timestamps_Missing_SegmentIsDroppedButResetCounts()
    {
        var script = TcpScript.Established(timestamps: true);
        var bare = script.Header(1, 1, TcpFlags.None);
        bare.HasTimestamp = false;
        script.Inject(bare, new byte[100]).ExpectNothing();
        Assert.Equal(0, script.Connection.ReadableBytes);

        bare.Flags = TcpFlags.Rst;
        script.Inject(bare).ExpectState(TcpState.Closed);
    }

    /// <summary>RFC 5961 section 5.2: an ACK of what was never sent is questioned and its segment dropped.</summary>
    [Fact]
    public void Acknowledgment_OfTheFuture_IsQuestioned()
    {
        var script = TcpScript.Established().Peer(1, 5_000, length: 100).ExpectAck(1);

        Assert.Equal(0, script.Connection.ReadableBytes);
    }

    private static TcpScript AfterQuickAcks(out uint at)
    {
        var script = TcpScript.Established();
        at = 1;
        for (var i = 0; i < 15; i++, at += 1_000)
        {
            script.Peer(at, 1, length: 1_000).ExpectAck(at + 1_000);
        }

        return script;
    }

    private static (int, int)[] Blocks(TcpHeader header)
    {
        var blocks = new List<(int, int)>();
        for (var i = 0; i < header.SackCount; i++)
        {
            blocks.Add(((int)(header.Sacks[i].Start - TcpScript.PeerInitial), (int)(header.Sacks[i].End - TcpScript.PeerInitial)));
        }

        return [.. blocks];
    }
}
