using NetBird.WireGuard.NetStack;

namespace NetBird.WireGuard.Tests.NetStack;

/// <summary>Opening a connection: RFC 9293 sections 3.5 and 3.10.7, RFC 7323, RFC 2018, RFC 6298.</summary>
public sealed class OpeningTests
{
    /// <summary>RFC 9293 section 3.5, figure 6; RFC 7323 section 2.2, RFC 2018 section 2: what a SYN offers.</summary>
    [Fact]
    public void Connect_SynAckComes_EstablishesAndAcknowledges()
    {
        var script = new TcpScript().Connect();
        var syn = script.Expect(TcpFlags.Syn, sequence: 0);
        Assert.Equal((1_000, true, true), (syn.MaximumSegment, syn.SackPermitted, syn.HasTimestamp));
        Assert.Equal(7, syn.WindowScale);

        script.Peer(0, 1, TcpFlags.Syn);
        script.Expect(TcpFlags.Ack, sequence: 1, acknowledgment: 1);
        script.ExpectState(TcpState.Established).ExpectNothing();
    }

    /// <summary>RFC 7323 section 2.2, RFC 2018 section 2: an answer repeats only offers that were made.</summary>
    [Fact]
    public void Listen_SynWithoutOptions_AnswersWithoutThem()
    {
        var script = new TcpScript().Listen(mss: 0, scale: -1, sack: false);
        var answer = script.Expect(TcpFlags.Syn | TcpFlags.Ack, sequence: 0, acknowledgment: 1);

        Assert.Equal((-1, false, false), (answer.WindowScale, answer.SackPermitted, answer.HasTimestamp));
    }

    /// <summary>RFC 9293 section 3.10.7.4, fifth, SYN-RECEIVED.</summary>
    [Fact]
    public void Listen_AckOfOurSyn_Establishes()
    {
        var script = new TcpScript().Listen();
        script.Expect(TcpFlags.Syn | TcpFlags.Ack, sequence: 0, acknowledgment: 1);

        script.Peer(1, 1).ExpectState(TcpState.Established).ExpectNothing();
    }

    /// <summary>RFC 9293 section 3.10.7.4, fifth: an ACK of something else is answered with a reset at that number.</summary>
    [Fact]
    public void Listen_AckOfNothing_IsReset()
    {
        var script = new TcpScript().Listen();
        script.Expect(TcpFlags.Syn | TcpFlags.Ack);

        script.Peer(1, 77);
        script.Expect(TcpFlags.Rst, sequence: 77);
        script.ExpectState(TcpState.SynReceived);
    }

    /// <summary>RFC 9293 section 3.10.7.3, first: a bad ACK in SYN-SENT is reset; the attempt goes on.</summary>
    [Fact]
    public void Connect_AckOfNothing_IsResetAndIgnored()
    {
        var script = new TcpScript().Connect();
        script.Expect(TcpFlags.Syn);

        script.Peer(500, 999);
        script.Expect(TcpFlags.Rst, sequence: 999);
        script.ExpectState(TcpState.SynSent);
        script.Peer(0, 1, TcpFlags.Syn).ExpectAck(1).ExpectState(TcpState.Established);
    }

    /// <summary>RFC 9293 section 3.10.7.3, second.</summary>
    [Fact]
    public void Connect_ResetWithOurAck_IsRefused()
    {
        var script = new TcpScript().Connect();
        script.Expect(TcpFlags.Syn);

        script.Peer(0, 1, TcpFlags.Rst).ExpectState(TcpState.Closed).ExpectNothing();
        Assert.Equal(TcpFailure.Refused, script.Connection.Failure);
    }

    /// <summary>RFC 9293 section 3.10.7.3, second: without an ACK it proves nothing.</summary>
    [Fact]
    public void Connect_ResetWithoutAck_IsIgnored()
    {
        var script = new TcpScript().Connect();
        script.Expect(TcpFlags.Syn);

        script.Peer(0, null, TcpFlags.Rst).ExpectState(TcpState.SynSent).ExpectNothing();
    }

    /// <summary>RFC 9293 section 3.5, figure 7: simultaneous open.</summary>
    [Fact]
    public void Connect_SynCrossesOurs_BothEstablish()
    {
        var script = new TcpScript().Connect();
        script.Expect(TcpFlags.Syn, sequence: 0);

        script.Peer(0, null, TcpFlags.Syn).ExpectState(TcpState.SynReceived);
        script.Expect(TcpFlags.Syn | TcpFlags.Ack, sequence: 0, acknowledgment: 1);
        script.Peer(0, 1, TcpFlags.Syn).ExpectState(TcpState.Established);
    }

    /// <summary>RFC 9293 section 3.10.7.4: the SYN came again, so our answer was lost.</summary>
    [Fact]
    public void Listen_SynAgain_AnswersAgain()
    {
        var script = new TcpScript().Listen();
        script.Expect(TcpFlags.Syn | TcpFlags.Ack, sequence: 0);

        script.Peer(0, null, TcpFlags.Syn);
        script.Expect(TcpFlags.Syn | TcpFlags.Ack, sequence: 0, acknowledgment: 1);
    }

    /// <summary>RFC 6298 section 5.5 and 2.1: one second, doubled each time; RFC 9293 section 3.8.3: at least 3 minutes.</summary>
    [Fact]
    public void Connect_NoAnswer_RepeatsWithBackoffThenGivesUp()
    {
        var script = new TcpScript().Connect();
        script.Expect(TcpFlags.Syn, sequence: 0);
        script.Wait(999).ExpectNothing().Wait(1);
        script.Expect(TcpFlags.Syn, sequence: 0);
        script.Wait(1_999).ExpectNothing().Wait(1);
        script.Expect(TcpFlags.Syn, sequence: 0);

        script.Wait(176_000).ExpectState(TcpState.SynSent);
        script.Wait(2_000).ExpectState(TcpState.Closed);
        Assert.Equal(TcpFailure.TimedOut, script.Connection.Failure);
    }

    /// <summary>RFC 9293 section 3.7.1: without an MSS option 536 bytes are assumed.</summary>
    [Fact]
    public void Write_PeerSentNoMss_Sends536Bytes()
    {
        var script = new TcpScript().Listen(mss: 0, scale: -1, sack: false);
        script.Expect(TcpFlags.Syn | TcpFlags.Ack);
        script.Peer(1, 1).Write(1_000);

        script.ExpectData(1, 536).ExpectData(537, 464);
    }

    /// <summary>RFC 7323 section 2.2: the window of a SYN is never scaled, later ones are.</summary>
    [Fact]
    public void Write_PeerScalesItsWindow_ItsSynCountsUnscaled()
    {
        var script = new TcpScript().Listen(scale: 3, window: 1_500);
        script.Expect(TcpFlags.Syn | TcpFlags.Ack);
        script.Peer(1, 1, window: 500).Write(6_000);

        for (uint at = 1; at <= 3_001; at += 1_000)
        {
            script.ExpectData(at, 1_000);
        }

        script.ExpectNothing();
    }

    /// <summary>RFC 5461 section 4: an ICMP error ends an attempt, and nothing else.</summary>
    [Fact]
    public void OnUnreachable_InSynSentAndAfter_EndsOnlyTheAttempt()
    {
        var script = new TcpScript().Connect();
        script.Connection.OnUnreachable(isRefusal: false);
        Assert.Equal((TcpState.Closed, TcpFailure.Unreachable), (script.State, script.Connection.Failure));

        script = TcpScript.Established();
        script.Connection.OnUnreachable(isRefusal: true);
        Assert.Equal(TcpState.Established, script.State);
    }
}
