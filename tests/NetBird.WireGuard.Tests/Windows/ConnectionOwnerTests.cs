#pragma warning disable CA1416 // Windows code run on Linux on purpose, against a stand-in; the attribute would make SkippableFact skip it.
using System.Net;
using CsCheck;
using NetBird.WireGuard.Windows;

namespace NetBird.WireGuard.Tests.Windows;

/// <summary>Whose process holds a connection, by tables and tokens of a stand-in. What Windows itself answers is not proved here.</summary>
public sealed class ConnectionOwnerTests
{
    private const uint Claude = 4711;
    private const uint Other = 4712;

    // S-1-5-21-1-2-3-1001: revision, five parts, the authority in network order, the parts in little-endian order.
    private static readonly byte[] Ada = [1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0xE9, 3, 0, 0];
    private static readonly byte[] Eve = [.. Ada[..^4], 0xEA, 3, 0, 0];

    public static TheoryData<string, string> Ends => new()
    {
        { "127.0.0.1:50000", "127.0.0.1:8788" },
        { "[::1]:50000", "[::1]:8788" },
        { "[::ffff:127.0.0.1]:50000", "[::ffff:127.0.0.1]:8788" },
    };

    [SkippableTheory]
    [MemberData(nameof(Ends))]
    public void Of_Client_IsItsAccountAndRights(string client, string server)
    {
        StandIn.Start();
        var (here, there) = (IPEndPoint.Parse(client), IPEndPoint.Parse(server));
        StandIn.Run(Claude, Ada);
        StandIn.Run(Other, Eve, elevated: true);
        StandIn.Connect(there, here, Other);
        StandIn.Connect(here, there, Claude);

        Assert.Equal(new TokenOwner("S-1-5-21-1-2-3-1001", false), ConnectionOwner.Of(here, there));

        // Our own end is another row.
        Assert.Equal(new TokenOwner("S-1-5-21-1-2-3-1002", true), ConnectionOwner.Of(there, here));
        Assert.Equal(0u, StandIn.OpenHandles);
    }

    [SkippableFact]
    public void Of_MappedClientInTheOtherTable_IsFound()
    {
        StandIn.Start();
        StandIn.Run(Claude, Ada);
        StandIn.Connect(IPEndPoint.Parse("127.0.0.1:50000"), IPEndPoint.Parse("127.0.0.1:8788"), Claude);
        StandIn.Connect(IPEndPoint.Parse("[::ffff:127.0.0.1]:50001"), IPEndPoint.Parse("[::ffff:127.0.0.1]:8788"), Claude);

        Assert.NotNull(ConnectionOwner.Of(IPEndPoint.Parse("[::ffff:127.0.0.1]:50000"), IPEndPoint.Parse("[::ffff:127.0.0.1]:8788")));
        Assert.NotNull(ConnectionOwner.Of(IPEndPoint.Parse("127.0.0.1:50001"), IPEndPoint.Parse("127.0.0.1:8788")));
    }

    [SkippableFact]
    public void Of_MoreConnectionsThanTheFirstBufferHolds_IsFound()
    {
        StandIn.Start();
        StandIn.Run(Claude, Ada);
        StandIn.Run(Other, Eve);
        for (var port = 1; port <= 3000; port++)
        {
            StandIn.Connect(new IPEndPoint(IPAddress.Loopback, port), new IPEndPoint(IPAddress.Loopback, 8788), port == 2999 ? Claude : Other);
        }

        Assert.Equal("S-1-5-21-1-2-3-1001", ConnectionOwner.Of(new IPEndPoint(IPAddress.Loopback, 2999), new IPEndPoint(IPAddress.Loopback, 8788))?.Sid);
    }

    [SkippableTheory]
    [InlineData("no such connection")]
    [InlineData("closed by its process")]
    [InlineData("process that may not be opened")]
    [InlineData("token that may not be read")]
    [InlineData("number given to another process meanwhile")]
    [InlineData("token without a SID")]
    public void Of_WhatCannotBeTold_IsNobody(string why)
    {
        StandIn.Start();
        var (client, server) = (IPEndPoint.Parse("127.0.0.1:50000"), IPEndPoint.Parse("127.0.0.1:8788"));
        StandIn.Connect(why == "no such connection" ? IPEndPoint.Parse("127.0.0.2:50000") : client, server, why == "closed by its process" ? 0 : Claude);
        if (why != "process that may not be opened")
        {
            StandIn.Run(Claude, why == "token without a SID" ? [2, 1, 0, 0, 0, 0, 0, 5, 1, 0, 0, 0] : Ada, isSealed: why == "token that may not be read");
        }

        StandIn.Run(Other, Eve);
        if (why.StartsWith("number", StringComparison.Ordinal))
        {
            StandIn.PassOn(Other);
        }

        Assert.Null(ConnectionOwner.Of(client, server));
        Assert.Equal(0u, StandIn.OpenHandles);
    }

    [SkippableFact]
    public void OfListener_OnThatAddressOrAll_IsItsAccount()
    {
        StandIn.Start();
        StandIn.Run(Claude, Ada);
        StandIn.Run(Other, Eve);
        StandIn.Connect(IPEndPoint.Parse("127.0.0.1:8788"), IPEndPoint.Parse("127.0.0.1:50000"), Other);
        StandIn.Connect(IPEndPoint.Parse("127.0.0.1:8788"), IPEndPoint.Parse("0.0.0.0:0"), Claude, state: 2);
        StandIn.Connect(IPEndPoint.Parse("[::]:9000"), IPEndPoint.Parse("[::]:0"), Claude, state: 2);

        Assert.Equal("S-1-5-21-1-2-3-1001", ConnectionOwner.OfListener(IPEndPoint.Parse("127.0.0.1:8788"))?.Sid);
        Assert.Equal("S-1-5-21-1-2-3-1001", ConnectionOwner.OfListener(IPEndPoint.Parse("127.0.0.1:9000"))?.Sid);
        Assert.Null(ConnectionOwner.OfListener(IPEndPoint.Parse("127.0.0.1:50000")));
    }

    [SkippableFact]
    public void NamedPipe_ServedOrBusy_Exists()
    {
        StandIn.Start();

        Assert.Equal([true, true, false], new[] { "served", "busy", "none" }.Select(NamedPipe.Exists));
    }

    [Fact]
    public void SidText_AnyBytes_IsASidOrNothing()
    {
        Assert.Equal("S-1-5-18", SidText.Of([1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0]));
        Assert.Equal("S-1-0x010000000000-4294967295", SidText.Of([1, 1, 1, 0, 0, 0, 0, 0, 255, 255, 255, 255, 9]));
        Assert.Null(SidText.Of([1, 2, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0]));
        Gen.Byte.Array[0, 90].Sample(bytes => SidText.Of(bytes)?.StartsWith("S-1-", StringComparison.Ordinal) ?? true, iter: Fuzzing.Cases, threads: 1);
    }
}
