using NetBird.WireGuard.NetStack;

namespace NetBird.WireGuard.Tests.NetStack;

/// <summary>Closing and resetting: RFC 9293 sections 3.6 and 3.10.7.4, RFC 5961, RFC 2525.</summary>
public sealed class ClosingTests
{
    private const int TimeWaitMs = 60_000;

    /// <summary>RFC 9293 section 3.6, figure 12, the side that closes first.</summary>
    [Fact]
    public void Close_First_GoesThroughFinWaitsAndTimeWait()
    {
        var script = TcpScript.Established().Close().ExpectData(1, 0, fin: true).ExpectState(TcpState.FinWait1);
        script.Peer(1, 2).ExpectState(TcpState.FinWait2).ExpectNothing();
        script.Peer(1, 2, TcpFlags.Fin).ExpectState(TcpState.TimeWait).ExpectAck(2);

        script.Wait(TimeWaitMs - 1).ExpectState(TcpState.TimeWait).Wait(1).ExpectState(TcpState.Closed).ExpectNothing();
        Assert.Equal(TcpFailure.None, script.Connection.Failure);
    }

    /// <summary>RFC 9293 section 3.6, figure 12, the other side.</summary>
    [Fact]
    public void Close_AfterPeer_GoesThroughCloseWaitAndLastAck()
    {
        var script = TcpScript.Established();
        script.Peer(1, 1, TcpFlags.Fin).ExpectState(TcpState.CloseWait).ExpectAck(2);
        Assert.True(script.Connection.IsReadEnded);
        script.Close().ExpectData(1, 0, fin: true).ExpectState(TcpState.LastAck);

        script.Peer(2, 2).ExpectState(TcpState.Closed).ExpectNothing();
    }

    /// <summary>RFC 9293 section 3.6, figure 13: both FINs cross.</summary>
    [Fact]
    public void Close_FinsCross_GoesThroughClosing()
    {
        var script = TcpScript.Established().CloseWrites().ExpectData(1, 0, fin: true);
        script.Peer(1, 1, TcpFlags.Fin).ExpectState(TcpState.Closing).ExpectAck(2);

        script.Peer(2, 2).ExpectState(TcpState.TimeWait);
    }

    /// <summary>RFC 9293 section 3.10.7.4, eighth: FIN with the ACK of ours goes to TIME-WAIT at once.</summary>
    [Fact]
    public void Close_FinAcknowledgesOurs_GoesToTimeWait()
    {
        var script = TcpScript.Established().CloseWrites().ExpectData(1, 0, fin: true);

        script.Peer(1, 2, TcpFlags.Fin).ExpectState(TcpState.TimeWait).ExpectAck(2);
    }

    /// <summary>RFC 9293 section 3.10.7.4, eighth, TIME-WAIT: acknowledged again, and the wait starts anew.</summary>
    [Fact]
    public void TimeWait_FinAgain_AcknowledgesAndStartsAnew()
    {
        var script = TcpScript.Established().CloseWrites().ExpectData(1, 0, fin: true);
        script.Peer(1, 2, TcpFlags.Fin).ExpectAck(2);
        script.Wait(TimeWaitMs - 10).Peer(1, 2, TcpFlags.Fin).ExpectAck(2);

        script.Wait(TimeWaitMs - 10).ExpectState(TcpState.TimeWait).Wait(10).ExpectState(TcpState.Closed);
    }

    /// <summary>RFC 9293 section 3.10.7.4, fourth, and RFC 6191 section 2: a newer SYN may reuse the flow.</summary>
    [Fact]
    public void TimeWait_NewerSyn_MayReplaceIt()
    {
        var script = TcpScript.Established().CloseWrites().ExpectData(1, 0, fin: true);
        script.Peer(1, 2, TcpFlags.Fin);
        var newer = script.Header(50_000, null, TcpFlags.Syn);
        var older = script.Header(1, null, TcpFlags.Syn);

        Assert.True(script.Connection.CanBeReplacedBy(in newer));
        Assert.False(script.Connection.CanBeReplacedBy(in older));
    }

    /// <summary>RFC 9293 section 3.10.4: CLOSE waits until what was queued has left.</summary>
    [Fact]
    public void Close_WithQueuedData_SendsItAllBeforeFin()
    {
        var script = TcpScript.Established(window: 2_000).Write(2_500).Close();
        script.ExpectData(1, 1_000).ExpectData(1_001, 1_000).ExpectNothing();

        script.Peer(1, 2_001, window: 2_000).ExpectData(2_001, 500, fin: true).ExpectState(TcpState.FinWait1);
    }

    /// <summary>RFC 9293 section 3.6.1: a half-closed connection still receives.</summary>
    [Fact]
    public void CloseWrites_PeerSendsOn_DataIsTaken()
    {
        var script = TcpScript.Established().CloseWrites().ExpectData(1, 0, fin: true);
        script.Peer(1, 2, length: 1_000).ExpectAck(1_001).ExpectState(TcpState.FinWait2);

        Assert.Equal(1_000, script.Connection.ReadableBytes);
        script.Peer(1_001, 2, TcpFlags.Fin, length: 10).ExpectAck(1_012).Read(1_010).ExpectState(TcpState.TimeWait);
    }

    /// <summary>RFC 2525 section 2.17, RFC 1122 section 4.2.2.13: unread bytes make it a reset.</summary>
    [Fact]
    public void Close_WithUnreadData_Resets()
    {
        var script = TcpScript.Established().Peer(1, 1, length: 10).ExpectAck(11).Close();

        script.Expect(TcpFlags.Rst | TcpFlags.Ack, sequence: 1);
        script.ExpectState(TcpState.Closed);
        Assert.Equal(0, script.Pool.InUseBytes);
    }

    /// <summary>RFC 1122 section 4.2.2.13: data for an application that has gone is answered with a reset.</summary>
    [Fact]
    public void Close_DataComesAfter_Resets()
    {
        var script = TcpScript.Established().Close().ExpectData(1, 0, fin: true);

        script.Peer(1, 2, length: 100);
        script.Expect(TcpFlags.Rst | TcpFlags.Ack, sequence: 2);
        script.ExpectState(TcpState.Closed);
    }

    /// <summary>RFC 9293 section 3.10.7.4, second, 1: a reset exactly at the next number.</summary>
    [Fact]
    public void Reset_Exact_EndsTheConnection()
    {
        var script = TcpScript.Established().Peer(1, null, TcpFlags.Rst).ExpectState(TcpState.Closed).ExpectNothing();

        Assert.Equal(TcpFailure.Reset, script.Connection.Failure);
    }

    /// <summary>RFC 5961 section 3.2: elsewhere in the window it is questioned; outside it is dropped.</summary>
    [Fact]
    public void Reset_InWindowOrOutside_IsQuestionedOrDropped()
    {
        var script = TcpScript.Established().Peer(500, null, TcpFlags.Rst).ExpectState(TcpState.Established).ExpectAck(1);

        script.Wait(1_000).Peer(0x4000_0000, null, TcpFlags.Rst).ExpectState(TcpState.Established).ExpectNothing();
    }

    /// <summary>RFC 5961 section 4.2: a SYN in an open connection is questioned.</summary>
    [Fact]
    public void Syn_InWindow_IsQuestioned()
        => TcpScript.Established().Peer(100, 1, TcpFlags.Syn).ExpectAck(1).ExpectState(TcpState.Established);

    /// <summary>RFC 5961 section 7: challenges are rare, so that two ends cannot keep each other at it.</summary>
    [Fact]
    public void Challenge_ManyInARow_AnswersOne()
    {
        var script = TcpScript.Established();
        for (var i = 0; i < 50; i++)
        {
            script.Peer(100, 1, TcpFlags.Syn);
        }

        script.ExpectAck(1).ExpectNothing();
    }

    /// <summary>RFC 9293 section 3.6: FIN is in sequence; one beyond a gap waits for the gap.</summary>
    [Fact]
    public void Fin_BeyondGap_CountsWhenTheGapIsFilled()
    {
        var script = TcpScript.Established().Peer(101, 1, TcpFlags.Fin, length: 100).ExpectAck(1).ExpectState(TcpState.Established);

        script.Peer(1, 1, length: 100).ExpectAck(202).ExpectState(TcpState.CloseWait);
        Assert.Equal(200, script.Connection.ReadableBytes);
    }

    /// <summary>RFC 9293 section 3.8.3 (R2): a disposed connection whose peer never answers ends by itself.</summary>
    [Fact]
    public void Close_PeerIsGone_GivesUpAndFreesEverything()
    {
        var script = TcpScript.Established().Write(5_000).Close().Wait(300_000).ExpectState(TcpState.Closed);

        Assert.Equal(TcpFailure.TimedOut, script.Connection.Failure);
        Assert.Equal(0, script.Pool.InUseBytes);
        Assert.Equal(long.MaxValue, script.Connection.NextDeadline);
    }

    /// <summary>RFC 9293 section 3.6 sets no end to FIN-WAIT-2; for a disposed connection, whose other half stays open for good, we do.</summary>
    [Fact]
    public void Close_PeerNeverCloses_LeavesFinWait2()
    {
        var script = TcpScript.Established().Close().ExpectData(1, 0, fin: true);

        script.Peer(1, 2).ExpectState(TcpState.FinWait2).Wait(TimeWaitMs).ExpectState(TcpState.Closed);
    }
}
