using NetBird.WireGuard.NetStack;

namespace NetBird.WireGuard.Tests.NetStack;

/// <summary>Sending: windows, loss and its recovery, timers. RFC 9293, 5681, 6298, 6582, 6928, 8985, 4015.</summary>
public sealed class SendingTests
{
    /// <summary>RFC 6928 section 2: ten segments at first; RFC 5681 section 3.1: each acknowledged byte lets one more go.</summary>
    [Fact]
    public void Write_SlowStart_TenSegmentsThenTwoForOne()
    {
        var script = TcpScript.Established().Write(40_000);
        ExpectSegments(script, 1, 10).ExpectNothing();

        script.Wait(50).Peer(1, 2_001);
        ExpectSegments(script, 10_001, 4).ExpectNothing();
    }

    /// <summary>RFC 6298 section 5 and 2.4 (our floor: 200 ms), RFC 5681 section 3.1: one segment, then doubled waits.</summary>
    [Fact]
    public void Write_NothingAnswersWithoutSack_TimesOutAndBacksOff()
    {
        var script = TcpScript.Established(sack: false).Write(3_000);
        ExpectSegments(script, 1, 3);

        script.Wait(199).ExpectNothing().Wait(2).ExpectData(1, 1_000).ExpectNothing();
        script.Wait(398).ExpectNothing().Wait(3).ExpectData(1, 1_000).ExpectNothing();
        script.Wait(50).Peer(1, 1_001).ExpectData(1_001, 1_000).ExpectData(2_001, 1_000).ExpectNothing();
    }

    /// <summary>
    /// RFC 6298 section 3 (Karn): an ACK of a resend covers what waited behind it too, whose age is our own timeout and no round trip.
    /// </summary>
    [Fact]
    public void Timeout_ThenAllIsAcknowledged_IsNotMeasuredAsARoundTrip()
    {
        var script = TcpScript.Established(sack: false).Write(3_000);
        ExpectSegments(script, 1, 3);
        script.Wait(201).ExpectData(1, 1_000).Wait(20).Peer(1, 3_001).ExpectNothing();

        script.Write(1_000).ExpectData(3_001, 1_000).Wait(199).ExpectNothing().Wait(2).ExpectData(3_001, 1_000);
    }

    /// <summary>RFC 9293 section 3.8.3, R2: given up after 120 s here, at least 100 s.</summary>
    [Fact]
    public void Write_NothingEverAnswers_GivesUpAfterTwoMinutes()
    {
        var script = TcpScript.Established().Write(1_000).Wait(100_000).ExpectState(TcpState.Established);

        script.Wait(150_000).ExpectState(TcpState.Closed);
        Assert.Equal(TcpFailure.TimedOut, script.Connection.Failure);
    }

    /// <summary>RFC 8985 section 7.3: two round trips after the last segment it goes again, before any timeout.</summary>
    [Fact]
    public void Write_TailIsLost_IsProbed()
    {
        var script = WithRoundTrip(20).Write(3_000);
        ExpectSegments(script, 1_001, 3);
        script.Wait(20).Peer(1, 3_001).ExpectNothing();

        // One segment out: its ACK may be delayed, so the probe waits 200 ms longer (section 7.2), but not past the timeout.
        script = WithRoundTrip(20).Write(3_000);
        ExpectSegments(script, 1_001, 3);
        script.Wait(39).ExpectNothing().Wait(1).ExpectData(3_001, 1_000).ExpectNothing();
    }

    /// <summary>RFC 8985 section 6.2: what was sent a reordering window before something that arrived is lost.</summary>
    [Fact]
    public void Sack_ThreeBeyondAGap_ResendsTheGapAtOnce()
    {
        var script = WithRoundTrip(20).Write(6_000);
        ExpectSegments(script, 1_001, 6);

        script.Wait(20).Peer(1, 1_001, sacks: (2_001, 5_001)).ExpectData(1_001, 1_000).ExpectNothing();
        script.Wait(20).Peer(1, 7_001).ExpectNothing();
    }

    /// <summary>RFC 8985 section 6.2, step 5: fewer wait a quarter of the round trip for a segment that is only late.</summary>
    [Fact]
    public void Sack_OneBeyondAGap_WaitsTheReorderingWindow()
    {
        var script = WithRoundTrip(20).Write(2_000);
        ExpectSegments(script, 1_001, 2);

        script.Wait(20).Peer(1, 1_001, sacks: (2_001, 3_001)).ExpectNothing();
        script.Wait(4).ExpectNothing().Wait(2).ExpectData(1_001, 1_000);
    }

    /// <summary>The same (RFC 8985 section 6.2, step 5), and the late one comes: nothing is sent twice.</summary>
    [Fact]
    public void Sack_LateSegmentComes_NothingIsResent()
    {
        var script = WithRoundTrip(20).Write(2_000);
        ExpectSegments(script, 1_001, 2);

        script.Wait(20).Peer(1, 1_001, sacks: (2_001, 3_001)).Wait(3).Peer(1, 3_001).Wait(1_000).ExpectNothing();
    }

    /// <summary>RFC 8985 section 6.2: a resend that is lost too is found by time, without the timer.</summary>
    [Fact]
    public void Sack_ResendIsLost_IsResentAgain()
    {
        var script = WithRoundTrip(20).Write(10_000);
        ExpectSegments(script, 1_001, 10);
        script.Wait(20).Peer(1, 1_001, sacks: (2_001, 5_001)).ExpectData(1_001, 1_000);
        while (script.TrySent(out _))
        {
        }

        // Segments that left after the resend arrive, it does not.
        script.Write(2_000).Wait(1).Peer(1, 1_001, sacks: (2_001, 9_001));
        while (script.TrySent(out _))
        {
        }

        script.Wait(22).Peer(1, 1_001, sacks: (2_001, 13_001)).ExpectData(1_001, 1_000);
    }

    /// <summary>RFC 5681 section 3.2: a peer without SACK is believed after three duplicates.</summary>
    [Fact]
    public void DuplicateAcks_WithoutSack_ThirdResends()
    {
        var script = TcpScript.Established(sack: false).Write(6_000);
        ExpectSegments(script, 1, 6);
        script.Wait(10).Peer(1, 1).Peer(1, 1).ExpectNothing().Peer(1, 1).ExpectData(1, 1_000);

        // RFC 6582 section 3.2, step 3: a partial ACK shows the next hole.
        script.Wait(10).Peer(1, 3_001).ExpectData(3_001, 1_000);
    }

    /// <summary>RFC 2018 section 8: a peer may forget what it reported; then it is sent again.</summary>
    [Fact]
    public void Sack_PeerForgets_EverythingIsResentAfterTimeout()
    {
        var script = WithRoundTrip(20).Write(3_000);
        ExpectSegments(script, 1_001, 3);
        script.Wait(20).Peer(1, 1_001, sacks: (1_001, 4_001)).ExpectNothing();

        script.Wait(300).ExpectData(1_001, 1_000);
        script.Wait(20).Peer(1, 2_001).ExpectData(2_001, 1_000).ExpectData(3_001, 1_000);
    }

    /// <summary>RFC 4015, RFC 3522: the ACK echoes the original, so the timeout was a mistake and nothing else is resent.</summary>
    [Fact]
    public void Timeout_OriginalWasOnlyLate_IsUndone()
    {
        var script = TcpScript.Established(sack: true, timestamps: true).Write(10 * 988);
        for (uint at = 0; at < 10; at++)
        {
            script.ExpectData(1 + (at * 988), 988);
        }

        var echo = (uint)(script.Now / 1_000);
        script.Wait(1_500);
        while (script.TrySent(out _))
        {
        }

        var late = script.Header(1, 989, TcpFlags.None);
        late.TimestampEcho = echo;
        script.Inject(late).ExpectNothing();
        Assert.Contains("Open", script.Connection.ToString(), StringComparison.Ordinal);
    }

    /// <summary>RFC 9293 section 3.8.6.1: a closed window is asked with one byte, ever more rarely, and never given up while answered.</summary>
    [Fact]
    public void Window_Closed_IsProbedUntilItOpens()
    {
        var script = TcpScript.Established(window: 1_000).Write(3_000).ExpectData(1, 1_000).ExpectNothing();
        script.Wait(10).Peer(1, 1_001, window: 0).ExpectNothing();
        script.Wait(199).ExpectNothing().Wait(2).ExpectData(1_001, 1).Peer(1, 1_001, window: 0);
        script.Wait(398).ExpectNothing().Wait(3).ExpectData(1_001, 1).Peer(1, 1_001, window: 0);
        for (var i = 0; i < 20; i++)
        {
            script.Wait(60_000);
            script.ExpectData(1_001, 1);
            while (script.TrySent(out _))
            {
            }

            script.Peer(1, 1_001, window: 0);
        }

        script.Peer(1, 1_001, window: 5_000).ExpectState(TcpState.Established);
        script.ExpectData(1_001, 1_000).ExpectData(2_001, 1_000);
    }

    /// <summary>RFC 9293 section 3.8.6.1: a peer may take the probe's byte.</summary>
    [Fact]
    public void Window_ClosedButProbeIsTaken_GoesOnAfterIt()
    {
        var script = TcpScript.Established(window: 1_000).Write(3_000).ExpectData(1, 1_000);
        script.Peer(1, 1_001, window: 0).Wait(201).ExpectData(1_001, 1);

        script.Peer(1, 1_002, window: 5_000).ExpectData(1_002, 1_000).ExpectData(2_002, 999).ExpectNothing();
    }

    /// <summary>RFC 9293 section 3.8.6.1: closed and silent, the peer is gone.</summary>
    [Fact]
    public void Window_ClosedAndNobodyAnswers_GivesUp()
    {
        var script = TcpScript.Established(window: 1_000).Write(3_000).Peer(1, 1_001, window: 0).Wait(400_000).ExpectState(TcpState.Closed);

        Assert.Equal(TcpFailure.TimedOut, script.Connection.Failure);
    }

    /// <summary>RFC 9293 section 3.8.6.2.1: no sliver of a window is filled; the timer overrides.</summary>
    [Fact]
    public void Window_OpensByASliver_WaitsForMore()
    {
        var script = TcpScript.Established(window: 4_000).Write(8_000);
        ExpectSegments(script, 1, 4).ExpectNothing();

        script.Wait(5).Peer(1, 4_001, window: 100).ExpectNothing().Wait(190).ExpectNothing().Wait(20).ExpectData(4_001, 100);
    }

    /// <summary>RFC 9293 section 3.10.7.4, fifth: an old segment does not bring back an old window.</summary>
    [Fact]
    public void Window_OldSegmentComesLate_IsNotTaken()
    {
        var script = TcpScript.Established(window: 3_000).Write(2_000);
        ExpectSegments(script, 1, 2);
        script.Peer(1, 2_001, length: 10, window: 500);
        while (script.TrySent(out _))
        {
        }

        script.Peer(1, 1_001, window: 60_000).Write(3_000).ExpectAck(11).ExpectNothing();
    }

    /// <summary>RFC 9293 section 3.8.4: a keepalive carries a number from before; unanswered ones end the connection.</summary>
    [Fact]
    public void Keepalive_Silence_AsksThenGivesUp()
    {
        var script = TcpScript.Established().Wait(119_990).ExpectNothing().Wait(20).ExpectData(0, 0);
        script.Peer(1, 1).Wait(119_000).ExpectNothing().Wait(1_000).ExpectData(0, 0);

        script.Wait(5 * 15_000);
        for (var i = 0; i < 5; i++)
        {
            script.ExpectData(0, 0);
        }

        script.Wait(15_000).ExpectState(TcpState.Closed);
        script.Expect(TcpFlags.Rst | TcpFlags.Ack);
        Assert.Equal(TcpFailure.TimedOut, script.Connection.Failure);
    }

    /// <summary>RFC 9293 section 3.8.4: we answer those of others.</summary>
    [Fact]
    public void Keepalive_OfThePeer_IsAnswered()
        => TcpScript.Established().Wait(10_000).Peer(0, 1).ExpectAck(1).ExpectNothing();

    /// <summary>RFC 9293 sections 3.8.6.2.1 and 3.9.1.2: a writer that waits for room has more, so no small segment and no PSH.</summary>
    [Fact]
    public void Write_WriterWaitsForRoom_OnlyFullSegmentsLeave()
    {
        var script = TcpScript.Established();
        var first = script.Connection.Write(new byte[1_000_000]);
        Assert.True(first < 1_000_000);
        script.Connection.Output(script.Now);

        for (var acknowledged = 1; acknowledged < first - 2_000;)
        {
            foreach (var length in script.TakeDataLengths())
            {
                Assert.Equal(1_000, length);
                acknowledged += length;
            }

            script.Wait(20).Peer(1, (uint)acknowledged);
        }
    }

    /// <summary>RFC 5681 section 4.1: after a pause the window starts small again.</summary>
    [Fact]
    public void Write_AfterAPause_StartsWithTheInitialWindow()
    {
        var script = TcpScript.Established().Write(60_000);
        uint acknowledged = 1;
        while (acknowledged < 60_001)
        {
            acknowledged = Math.Min(acknowledged + 5_000, 60_001);
            script.Wait(10).Peer(1, acknowledged);
        }

        while (script.TrySent(out _))
        {
        }

        script.Wait(5_000).Write(60_000);
        ExpectSegments(script, 60_001, 10).ExpectNothing();
    }

    /// <summary>A round trip of so many milliseconds is known, and one segment acknowledged.</summary>
    private static TcpScript WithRoundTrip(int milliseconds)
    {
        var script = new TcpScript().Connect();
        script.Expect(TcpFlags.Syn);
        var answer = script.Header(0, 1, TcpFlags.Syn | TcpFlags.Ack);
        (answer.MaximumSegment, answer.WindowScale, answer.SackPermitted) = (1_000, 0, true);
        script.Wait(milliseconds).Inject(answer).ExpectAck(1);
        return script.Write(1_000).ExpectData(1, 1_000).Wait(milliseconds).Peer(1, 1_001).ExpectNothing();
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
