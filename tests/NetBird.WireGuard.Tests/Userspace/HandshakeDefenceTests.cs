using System.Net;
using NetBird.WireGuard.Userspace;
using NetBird.WireGuard.Userspace.Noise;
using NetBird.WireGuard.Userspace.Sockets;

namespace NetBird.WireGuard.Tests.Userspace;

/// <summary>Cookies and the rate limit, by the clock.</summary>
public sealed class HandshakeDefenceTests
{
    private readonly JumpingTime _time = new(new DateTimeOffset(2026, 1, 5, 12, 0, 0, TimeSpan.Zero));

    [Fact]
    public void Allows_OneSource_FiveAtOnceThenTwentyASecond()
    {
        var limiter = new HandshakeRateLimiter(new EngineClock(_time));
        Assert.Equal(5, Enumerable.Range(0, 100).Count(_ => limiter.Allows(From("192.0.2.1"))));

        // Another source has its own; ports are one source's to choose.
        Assert.True(limiter.Allows(From("192.0.2.2")));
        Assert.False(limiter.Allows(From("192.0.2.1", port: 7)));

        var allowed = 0;
        for (var ms = 0; ms < 10_000; ms += 10)
        {
            _time.Advance(TimeSpan.FromMilliseconds(10));
            allowed += limiter.Allows(From("192.0.2.1")) ? 1 : 0;
        }

        Assert.InRange(allowed, 199, 201);
        _time.Advance(TimeSpan.FromSeconds(5));
        _ = limiter.Allows(From("192.0.2.9"));
        Assert.Equal(1, limiter.Sources);
    }

    [Fact]
    public void Allows_AddressesOfOneIPv6Network_AreOneSource()
    {
        var limiter = new HandshakeRateLimiter(new EngineClock(_time));

        Assert.Equal(5, Enumerable.Range(1, 100).Count(host => limiter.Allows(From($"2001:db8::{host}"))));

        Assert.True(limiter.Allows(From("2001:db8:0:1::1")));
    }

    [Fact]
    public void HasValidMac2_CookieOfTwoMinutes_ThenNoLonger()
    {
        using var key = PrivateKey.Generate();
        using var own = new StaticIdentity(key);
        var clock = new EngineClock(_time);
        using var issuer = new CookieIssuer(own, clock);
        using var peer = new PeerIdentity(own, key.PublicKey);
        var jar = new CookieJar(clock, peer);
        var message = new byte[WireFormat.InitiationSize];
        var reply = new byte[WireFormat.CookieReplySize];
        jar.WriteMacs(message);
        Assert.False(CookieIssuer.HasMac2(message));

        issuer.WriteReply(message, From("192.0.2.1"), reply);
        Assert.True(jar.TryTake(reply));
        jar.WriteMacs(message);

        Assert.True(issuer.HasValidMac2(message, From("192.0.2.1")));
        Assert.False(issuer.HasValidMac2(message, From("192.0.2.1", port: 7)));
        Assert.False(issuer.HasValidMac2(message, From("192.0.2.2")));
        _time.Advance(TimeSpan.FromSeconds(119));
        Assert.True(issuer.HasValidMac2(message, From("192.0.2.1")));
        _time.Advance(TimeSpan.FromSeconds(1.1));
        Assert.False(issuer.HasValidMac2(message, From("192.0.2.1")));

        // Both ends have forgotten it: the next message shows none.
        jar.WriteMacs(message);
        Assert.False(CookieIssuer.HasMac2(message));
    }

    [Fact]
    public void TryTake_ReplyToAnotherMessage_IsRefused()
    {
        using var key = PrivateKey.Generate();
        using var own = new StaticIdentity(key);
        var clock = new EngineClock(_time);
        using var issuer = new CookieIssuer(own, clock);
        using var peer = new PeerIdentity(own, key.PublicKey);
        var jar = new CookieJar(clock, peer);
        var (forged, mine) = (new byte[WireFormat.InitiationSize], new byte[WireFormat.InitiationSize]);
        forged[50] = 1;
        jar.WriteMacs(forged);
        var reply = new byte[WireFormat.CookieReplySize];
        issuer.WriteReply(forged, From("192.0.2.1"), reply);
        jar.WriteMacs(mine);

        Assert.False(jar.TryTake(reply));
    }

    private static DatagramSource From(string address, ushort port = 51820)
        => new(UdpEndpoint.ToMapped(IPAddress.Parse(address)), port, 0, default, 0);
}
